//! One timer and one signal for a whole connection.
//!
//! The timer is armed for the earliest deadline seen and left alone while deadlines move away: when it fires, it is
//! armed again for what holds by then. So a busy connection touches it once a second and not with each request.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::time::Sleep;

use crate::{
    clock::{self, Instant},
    proxy::drain::Drain,
};

type Signal = Pin<Box<dyn Future<Output = ()>>>;

/// What a connection waits for beside its IO.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
    signal: Signal,
    drain: Drain,
    draining: bool,
    waker: Option<Waker>,
}

impl Alarm {
    pub(super) fn new(drain: Drain) -> Self {
        let sleep = Box::pin(tokio::time::sleep(std::time::Duration::ZERO));
        let signal = Box::pin(drain.clone().begun());
        Self { sleep, armed: None, signal, draining: false, drain, waker: None }
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
        loop {
            if self.armed.is_none_or(|armed| deadline < armed) {
                let now = clock::now();
                if deadline <= now {
                    return Poll::Ready(());
                }
                self.sleep.as_mut().reset(tokio::time::Instant::now() + deadline.since(now));
                self.armed = Some(deadline);
                if self.sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            } else if !self.sleep.is_elapsed() {
                return Poll::Pending;
            }
            self.armed = None;
        }
    }

    /// Sees to it that timer and signal wake this task; polling them again would only cost.
    fn listen(&mut self, cx: &mut Context<'_>) {
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        self.waker = Some(cx.waker().clone());
        if !self.drain.is_on() && self.signal.as_mut().poll(cx).is_ready() {
            self.signal = Box::pin(std::future::pending());
        }
        self.armed = None;
    }
}
