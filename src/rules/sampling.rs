//! Whether a request is traced, and why. Budgets and randomness are arguments.
//!
//! No outsider can turn tracing on for himself: neither an incoming flag nor an unsigned header counts here.

/// Why a request is traced, or that it is not. `S` is what the caller knows of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<S> {
    /// Not traced.
    No,
    /// Chosen, but the budget of whatever chose it is spent: not traced.
    Spent,
    /// Its session is traced.
    Session(S),
    /// A signed header asked for it.
    Force,
    /// A rule of its route chose it.
    Route,
    /// The general ratio chose it.
    Ratio,
}

/// A share of all requests, and what it may still record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// 0 to 1.
    pub ratio: f64,
    /// Spans left in its budget.
    pub spans_left: u64,
}

impl Share {
    /// No request at all.
    pub const NONE: Self = Self { ratio: 0.0, spans_left: 0 };

    /// Whether it takes a request; `draw` gives a number in [0,1), and is only asked where that decides.
    fn takes(self, draw: impl FnOnce() -> f64) -> bool {
        self.ratio > 0.0 && (self.ratio >= 1.0 || draw() < self.ratio)
    }
}

/// A session that a request belongs to, and the spans left in its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live<S> {
    /// What the caller knows of it.
    pub session: S,
    /// Spans left in its budget.
    pub spans_left: u64,
}

/// Whether a valid, unused force header came with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Decides before the route is known: session, then force header, then ratio.
pub fn decide<S>(session: Option<Live<S>>, forced: Forced, general: Share, draw: impl FnOnce() -> f64) -> Decision<S> {
    let mut refusal = Decision::No;
    if let Some(live) = session {
        if live.spans_left > 0 {
            return Decision::Session(live.session);
        }
        refusal = Decision::Spent;
    }
    if forced == Forced::Yes {
        return Decision::Force;
    }
    if general.takes(draw) {
        return if general.spans_left > 0 { Decision::Ratio } else { Decision::Spent };
    }
    refusal
}

/// Decides once the route is known, for a request that nothing chose before.
pub fn decide_route<S>(rule: Share, draw: impl FnOnce() -> f64) -> Decision<S> {
    match rule.takes(draw) {
        false => Decision::No,
        true if rule.spans_left > 0 => Decision::Route,
        true => Decision::Spent,
    }
}

#[cfg(test)]
mod tests;
