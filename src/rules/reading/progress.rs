//! How far a trace is. An upstream that answered is expected to send spans; apps send them in batches, some seconds
//! later. When none came for a while it most likely sends none, and the trace is complete without.
//!
//! Whoever knows a trace while it is recorded, and whoever reads it afterwards, is told by the same rule.

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
    /// The edge has recorded it; spans from behind these upstreams are awaited.
    Partial {
        /// The upstreams, by name, each once, in order.
        waiting_for: Vec<Box<str>>,
    },
    /// Nothing more is awaited.
    Done,
}

impl Progress {
    /// Its word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Partial { .. } => "partial",
            Self::Done => "done",
        }
    }

    /// The upstreams from behind which spans are awaited.
    pub fn waiting_for(&self) -> &[Box<str>] {
        match self {
            Self::Partial { waiting_for } => waiting_for,
            Self::Open | Self::Done => &[],
        }
    }
}

/// What is known of a trace that the edge records, or recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whether each request of the edge has ended that began to be recorded.
    pub is_complete: bool,
    /// How long nothing was heard of it, in nanoseconds.
    pub silence: u64,
}

/// How far such a trace is, where spans from behind these upstreams are missing.
pub fn progress(heard: Heard, missing: impl IntoIterator<Item = Box<str>>) -> Progress {
    if !heard.is_complete {
        return if heard.silence < SILENCE_NANOS { Progress::Open } else { Progress::Done };
    }
    let mut waiting_for: Vec<_> = missing.into_iter().collect();
    if waiting_for.is_empty() || heard.silence >= GRACE_NANOS {
        return Progress::Done;
    }
    waiting_for.sort();
    waiting_for.dedup();
    Progress::Partial { waiting_for }
}

/// What a trace tells of itself at `now`, in nanoseconds since the Unix epoch, and where spans are missing; `None` of one
/// without spans of an edge, which came whole.
pub fn heard(trace: &Trace, now: u64) -> Option<(Heard, Vec<Hole>)> {
    let of_edge = || (0..trace.spans.len()).filter(|index| trace.maker(*index) == Maker::Edge);
    let last = of_edge().map(|index| trace.spans[index].end).max()?;
    // The request's own span is the last to end.
    let is_complete = of_edge().any(|index| trace.spans[index].stage == "request");
    Some((Heard { is_complete, silence: now.saturating_sub(last) }, holes(trace)))
}
