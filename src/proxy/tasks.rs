//! Tasks that drain can wait for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Tasks of one worker.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    ended: Notify,
}

/// Something that runs, until it is dropped.
#[derive(Debug)]
pub struct Running(Arc<Shared>);

impl Tasks {
    /// Spawns a task on this thread.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let running = self.begin();
        tokio::task::spawn_local(async move {
            task.await;
            drop(running);
        });
    }

    /// Something runs that is no task of its own.
    pub fn begin(&self) -> Running {
        self.0.running.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(&self.0))
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::Acquire)
    }

    /// Waits until none runs. For one waiter.
    pub async fn ended(&self) {
        while self.running() > 0 {
            // A notification that comes before is kept.
            self.0.ended.notified().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_one();
    }
}
