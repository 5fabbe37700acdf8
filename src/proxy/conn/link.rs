//! What the framing guard, beneath hyper, and the connection's future, around hyper, tell each other.
//!
//! Atomic only because hyper demands of IO that can be upgraded that it may cross threads; here it never does, so
//! `Relaxed` is enough and costs what plain memory costs.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
};

use crate::{clock::Instant, proxy::context::Refusal};

/// Both ends hold it.
#[derive(Debug, Default)]
pub(super) struct Link {
    waiting: AtomicU8,
    waiting_since: AtomicU64,
    writing: AtomicBool,
    writing_since: AtomicU64,
    expired: AtomicBool,
    refusal: OnceLock<Refusal>,
    body_refused: AtomicBool,
    /// The number of a request to change protocols, until it is answered; 0: none.
    undecided: AtomicU64,
    answer: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

/// What the client lets us wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Nothing that it has begun.
    Nothing,
    /// The rest of a head, since its first octet.
    Head(Instant),
    /// More of a body, since its last octet.
    Body(Instant),
    /// Its end of the connection, which was closed at ours.
    Close(Instant),
}

/// A part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its head.
    Head,
    /// Its body.
    Body,
}

/// How a request to change protocols was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The protocol changes.
    Changed,
    /// It stays.
    Stays,
}

impl Link {
    pub(super) fn wait(&self, waiting: Waiting) {
        let (word, since) = match waiting {
            Waiting::Nothing => (0, None),
            Waiting::Head(since) => (1, Some(since)),
            Waiting::Body(since) => (2, Some(since)),
            Waiting::Close(since) => (3, Some(since)),
        };
        self.waiting.store(word, Relaxed);
        if let Some(since) = since {
            self.waiting_since.store(since.nanos(), Relaxed);
        }
    }

    pub(super) fn waiting(&self) -> Waiting {
        let since = || Instant::from_nanos(self.waiting_since.load(Relaxed));
        match self.waiting.load(Relaxed) {
            0 => Waiting::Nothing,
            1 => Waiting::Head(since()),
            2 => Waiting::Body(since()),
            _ => Waiting::Close(since()),
        }
    }

    /// The client takes nothing since `now`, unless it was so already.
    pub(super) fn write_blocked(&self, now: impl FnOnce() -> Instant) {
        if !self.writing.load(Relaxed) {
            self.writing.store(true, Relaxed);
            self.writing_since.store(now().nanos(), Relaxed);
        }
    }

    pub(super) fn write_moved(&self) {
        self.writing.store(false, Relaxed);
    }

    pub(super) fn write_blocked_since(&self) -> Option<Instant> {
        self.writing.load(Relaxed).then(|| Instant::from_nanos(self.writing_since.load(Relaxed)))
    }

    /// What the client lets us wait for took too long.
    pub(super) fn expire(&self) {
        self.expired.store(true, Relaxed);
    }

    pub(super) fn take_expired(&self) -> bool {
        self.expired.load(Relaxed) && self.expired.swap(false, Relaxed)
    }

    /// Notes why a request is refused; the first one counts.
    pub(super) fn refuse(&self, refusal: Refusal, part: Part) {
        self.body_refused.store(part == Part::Body, Relaxed);
        let _: &Refusal = self.refusal.get_or_init(|| refusal);
    }

    /// Whether it is a body that is refused.
    pub(super) fn is_body_refused(&self) -> bool {
        self.body_refused.load(Relaxed)
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().copied()
    }

    /// Request `number` asks to change protocols.
    pub(super) fn ask(&self, number: u64) {
        self.answer.store(0, Relaxed);
        self.undecided.store(number, Relaxed);
    }

    /// Request `number` is answered.
    pub(super) fn answer(&self, number: u64, answer: Answer) {
        if self.undecided.load(Relaxed) != number {
            return;
        }
        self.answer.store(if answer == Answer::Changed { 1 } else { 2 }, Relaxed);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The answer to a request to change protocols; `waker` is woken when there is one.
    pub(super) fn answered(&self, waker: Option<&Waker>) -> Option<Answer> {
        match self.answer.load(Relaxed) {
            1 => Some(Answer::Changed),
            2 => Some(Answer::Stays),
            _ => {
                if let Some(waker) = waker {
                    *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
                }
                None
            }
        }
    }
}
