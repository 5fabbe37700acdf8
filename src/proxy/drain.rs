//! The signal to stop: whoever serves finishes what it has begun and takes nothing new.

use tokio::sync::watch;

/// Gives the signal.
#[derive(Debug)]
pub struct Drainer(watch::Sender<bool>);

/// Waits for the signal.
#[derive(Clone, Debug)]
pub struct Drain(watch::Receiver<bool>);

/// A signal that was not given.
pub fn drain() -> (Drainer, Drain) {
    let (sender, receiver) = watch::channel(false);
    (Drainer(sender), Drain(receiver))
}

impl Drainer {
    /// Gives the signal.
    pub fn start(&self) {
        self.0.send_replace(true);
    }

    /// Another end that waits.
    pub fn subscribe(&self) -> Drain {
        Drain(self.0.subscribe())
    }
}

impl Drain {
    /// Whether the signal was given.
    pub fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the signal; forever, once nobody is left to give it.
    pub async fn begun(mut self) {
        if self.0.wait_for(|on| *on).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
