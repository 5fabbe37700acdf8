//! Traces that were erased of late. Exporters send spans some time after they ended, so some of a trace may still come when
//! it was erased: these are not kept, shown or sent on. Forgotten with the process, and after a while: an app that sends later
//! than that sends what is new here.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry::trace::TraceId;

use crate::{clock::Instant, trace::bounded::Bounded};

/// So long spans of an erased trace are not kept: most exporters send every few seconds, and give up after some minutes.
const REFUSED_FOR: Duration = Duration::from_secs(600);
/// The most traces that are remembered; the eldest are forgotten.
const TRACES_MAX: usize = 65_536;

/// Traces that were erased of late. The store remembers them; whoever hands spans on asks, too.
#[derive(Debug)]
pub struct Erasures(Mutex<Bounded<TraceId, Instant>>);

impl Default for Erasures {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(TRACES_MAX)))
    }
}

impl Erasures {
    /// These are erased at `now`.
    pub(in crate::trace) fn remember(&self, traces: impl IntoIterator<Item = TraceId>, now: Instant) {
        let mut known = self.known();
        traces.into_iter().for_each(|trace| known.insert(trace, now));
    }

    /// Whether spans of this trace are not to be kept at `now`.
    pub(in crate::trace) fn refuse(&self, trace: TraceId, now: Instant) -> bool {
        self.known().find(&trace).is_some_and(|erased| now.since(*erased) < REFUSED_FOR)
    }

    fn known(&self) -> MutexGuard<'_, Bounded<TraceId, Instant>> {
        // Poisoned by a panic elsewhere, it is still whole: it is changed by single inserts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_an_erased_trace_are_refused_for_a_while() {
        let erasures = Erasures::default();
        let [then, just_before, after] = [0, 599, 600].map(|seconds| Instant::from_nanos(seconds * 1_000_000_000));
        erasures.remember([TraceId::from(1_u128)], then);
        assert!(erasures.refuse(TraceId::from(1_u128), just_before));
        assert!(!erasures.refuse(TraceId::from(2_u128), just_before), "somebody else's");
        assert!(!erasures.refuse(TraceId::from(1_u128), after));
    }

    #[test]
    fn so_many_are_remembered() {
        let erasures = Erasures::default();
        let now = Instant::from_nanos(0);
        erasures.remember((1..=TRACES_MAX as u128 + 1).map(TraceId::from), now);
        let refused = [1, 2, TRACES_MAX as u128 + 1].map(|trace| erasures.refuse(TraceId::from(trace), now));
        assert_eq!(refused, [false, true, true]);
    }
}
