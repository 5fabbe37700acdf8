//! What is remembered of every request, traced or not: when each phase was reached, and the outcome in words.
//! A fixed record in the request's context; filling it allocates nothing.

use std::cell::Cell;

use crate::clock::Instant;

/// The moments of one request. A moment that was not reached is `None`.
#[derive(Debug, Default)]
pub struct Phases {
    moments: [Cell<Option<Instant>>; Phase::COUNT],
}

/// A moment of a request, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The request's head was read.
    Received,
    /// Its route was known.
    Routed,
    /// An endpoint was chosen.
    Chosen,
    /// A connection to it was at hand.
    Connected,
    /// The request was sent.
    Sent,
    /// The response's head was read.
    FirstByte,
    /// The response's last octet was handed to the connection.
    Ended,
}

impl Phase {
    const COUNT: usize = 7;
}

impl Phases {
    /// The request is at `phase` now. A retry overwrites the moments of the attempt before.
    pub fn mark(&self, phase: Phase, now: Instant) {
        self.moments[phase as usize].set(Some(now));
    }

    /// When the request was at `phase`.
    pub fn at(&self, phase: Phase) -> Option<Instant> {
        self.moments[phase as usize].get()
    }
}
