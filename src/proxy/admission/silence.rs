//! A client that is silent within a request's body, over HTTP/2: there it may keep a stream open and its connection
//! alive, so only the stream's own silence tells.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// How long a client has been silent. It is not while nobody reads the body.
#[derive(Debug)]
pub(super) struct Silence {
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: Waiting,
}

/// Whether the client is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Yes,
    No,
}

impl Silence {
    /// None so far; at most so long.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, sleep: None, waiting: Waiting::No }
    }

    /// The client sent something.
    pub(super) fn end(&mut self) {
        self.waiting = Waiting::No;
    }

    /// The body was asked for more, and there was none: ready when that was so for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.timeout)));
        if self.waiting == Waiting::No {
            self.waiting = Waiting::Yes;
            sleep.as_mut().reset(Instant::now() + self.timeout);
        }
        sleep.as_mut().poll(cx)
    }
}
