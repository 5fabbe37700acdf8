//! A client that is silent within a request's body, over HTTP/2: there it may keep a stream open and its connection
//! alive, so only the stream's own silence tells.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    clock::{self, Instant},
    proxy::timer::Timer,
};

/// How long a client has been silent. It is not while nobody reads the body.
#[derive(Debug)]
pub(super) struct Silence {
    timeout: Duration,
    timer: Timer,
    /// Since when the client, and nobody else, is waited for.
    since: Option<Instant>,
}

impl Silence {
    /// None so far; at most so long.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, timer: Timer::default(), since: None }
    }

    /// The client sent something.
    pub(super) fn end(&mut self) {
        self.since = None;
    }

    /// The body was asked for more, and there was none: ready when that was so for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(clock::now);
        self.timer.poll_due(cx, since.plus(self.timeout))
    }
}
