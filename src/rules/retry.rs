//! Whether a failed attempt at an upstream may be made again: RFC 9110 section 9.2.2, and our own bounds.
//!
//! An answer, whatever its status, is never tried again: only attempts that gave none.

use http::Method;

/// What is known of an attempt that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// How far the request got.
    pub reach: Reach,
    /// The request's method.
    pub method: &'a Method,
    /// Whether the request is still whole.
    pub replay: Replay,
    /// Attempts made, this one included.
    pub attempts: u32,
}

/// How far a request got that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing of it reached the upstream.
    Nothing,
    /// The upstream closed a connection that had been idle; most likely before the request arrived.
    Perhaps,
    /// It may have had its effect, or the next attempt would fail alike.
    Far,
}

/// Whether a request can be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Its head is at hand, and nothing of its body was taken.
    Whole,
    /// Some of it is gone.
    Spent,
}

/// Whether another attempt may be made, where `attempts_max` counts the first one too.
pub fn may_retry(failure: Failure<'_>, attempts_max: u32) -> bool {
    failure.attempts < attempts_max
        && failure.replay == Replay::Whole
        && match failure.reach {
            Reach::Nothing => true,
            Reach::Perhaps => is_idempotent(failure.method),
            Reach::Far => false,
        }
}

/// Whether sending a request of this method twice means the same as once (RFC 9110 section 9.2.2).
pub fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE)
}

#[cfg(test)]
mod tests;
