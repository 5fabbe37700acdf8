//! Holes: an upstream answered, and sent no spans. What was done there cannot be seen, and one line mends it.
//!
//! Of what was asked before anybody traced it, and is kept afterwards, no span tells an answer: no app could know of it.

use super::{Maker, Trace};

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

/// The line that an application's environment needs, so that its spans arrive at `receiver`, as in `127.0.0.1:4318`.
pub fn mend(receiver: &str) -> String {
    format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{receiver}")
}
