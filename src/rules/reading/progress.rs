//! How far a trace is. An upstream that answered is expected to send spans; apps send them in batches, some seconds
//! later. When none came for a while it most likely sends none, and the trace is complete without.

use super::{
    Maker, Trace,
    holes::{Hole, holes},
};

/// Spans of an app are awaited so long, in nanoseconds: SDKs send every five seconds.
const GRACE_NANOS: u64 = 10_000_000_000;
/// An edge of which nothing was heard so long does not record any more, in nanoseconds: the end was lost.
const SILENCE_NANOS: u64 = 600_000_000_000;

/// How far a trace is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The edge still records it.
    Open,
    /// The edge has recorded it; spans from behind these requests are awaited.
    Partial {
        /// Where they will hang.
        holes: Vec<Hole>,
    },
    /// Nothing more is awaited.
    Done,
}

/// How far a trace is at `now`, in nanoseconds since the Unix epoch. One without spans of an edge came whole.
pub fn progress(trace: &Trace, now: u64) -> Progress {
    let of_edge = || (0..trace.spans.len()).filter(|index| trace.maker(*index) == Maker::Edge);
    let Some(heard) = of_edge().map(|index| trace.spans[index].end).max() else { return Progress::Done };
    let silence = now.saturating_sub(heard);
    // The request's own span is the last to end.
    if !of_edge().any(|index| trace.spans[index].stage == "request") {
        return if silence < SILENCE_NANOS { Progress::Open } else { Progress::Done };
    }
    let holes = holes(trace);
    if holes.is_empty() || silence >= GRACE_NANOS { Progress::Done } else { Progress::Partial { holes } }
}
