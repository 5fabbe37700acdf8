//! Holes: an upstream answered, and sent no spans. What was done there cannot be seen, and one line mends it.
//!
//! Of what was asked before anybody traced it, and is kept afterwards, no span tells an answer: no app could know of it.

use super::{Maker, Trace, Work};
use crate::rules::tree::Parentage;

/// An upstream's answer without spans of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The client span under which they are missing, by its index.
    pub span: usize,
}

/// The holes of a trace, in its order.
pub fn holes(trace: &Trace) -> Vec<Hole> {
    let mut has_child = vec![false; trace.spans.len()];
    for index in 0..trace.spans.len() {
        if let Some(parent) = trace.parent(index)
            && trace.maker(index) == Maker::App
        {
            has_child[parent] = true;
        }
    }
    let is_hole = |index: &usize| {
        let span = &trace.spans[*index];
        trace.maker(*index) == Maker::Edge
            && span.stage == "upstream.request"
            && span.status.is_some()
            && !has_child[*index]
    };
    trace.rows.iter().map(|row| row.index).filter(is_hole).map(|span| Hole { span }).collect()
}

/// Which spans are missing, in words; `None` where nothing says that any are: an upstream answered and sent none, or a span
/// hangs under one that is not here. (What a request of the edge hangs under was made by others, who need not tell.)
pub fn lack(trace: &Trace) -> Option<&'static str> {
    if !holes(trace).is_empty() {
        return Some("an upstream that answered sent no spans");
    }
    has_orphan(trace).then_some("a span that others hang under is missing")
}

/// Whether nothing more can be expected: nothing is missing, and what apps called told of it, too. (Who is called
/// elsewhere never tells.)
pub fn is_settled(trace: &Trace) -> bool {
    let is_open = |index: usize| {
        trace.maker(index) == Maker::App && trace.spans[index].work == Work::Call && trace.children(index).is_empty()
    };
    lack(trace).is_none() && !(0..trace.spans.len()).any(is_open)
}

fn has_orphan(trace: &Trace) -> bool {
    let is_request = |index: usize| trace.maker(index) == Maker::Edge && trace.spans[index].stage == "request";
    trace.rows.iter().any(|row| row.parentage == Parentage::Missing && !is_request(row.index))
}

/// The line that an application's environment needs, so that its spans arrive at `receiver`, as in `127.0.0.1:4318`.
pub fn mend(receiver: &str) -> String {
    format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{receiver}")
}
