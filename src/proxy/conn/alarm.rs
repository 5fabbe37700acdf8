//! One timer and one signal for a whole connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use crate::{
    clock::Instant,
    proxy::{drain::Drain, timer::Timer},
};

type Signal = Pin<Box<dyn Future<Output = ()>>>;

/// What a connection waits for beside its IO.
pub(super) struct Alarm {
    timer: Timer,
    signal: Signal,
    drain: Drain,
    draining: bool,
    waker: Option<Waker>,
}

impl Alarm {
    pub(super) fn new(drain: Drain) -> Self {
        let signal = Box::pin(drain.clone().begun());
        Self { timer: Timer::default(), signal, draining: false, drain, waker: None }
    }

    /// Whether the signal to stop was given.
    pub(super) fn is_draining(&self) -> bool {
        self.draining || self.drain.is_on()
    }

    /// Ready, once, with the signal to stop.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.draining {
            return Poll::Pending;
        }
        self.listen(cx);
        if !self.drain.is_on() {
            return Poll::Pending;
        }
        self.draining = true;
        Poll::Ready(())
    }

    /// Ready when `deadline` is reached.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        self.listen(cx);
        self.timer.poll_due(cx, deadline)
    }

    /// Sees to it that the signal wakes this task; polling it again would only cost.
    fn listen(&mut self, cx: &mut Context<'_>) {
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        self.waker = Some(cx.waker().clone());
        if !self.drain.is_on() && self.signal.as_mut().poll(cx).is_ready() {
            self.signal = Box::pin(std::future::pending());
        }
    }
}
