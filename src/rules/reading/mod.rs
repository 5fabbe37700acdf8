//! Reading a trace: what its spans say together. Who hung under whom ([`super::tree`]), which spans the answer waited
//! for ([`path`]), who asked and who answered ([`pairs`]), how far clocks were apart ([`clocks`]) and what lay between
//! browser and edge ([`network`]), where the time went in one sentence ([`verdict`]), what was done again and again
//! ([`repeats`], [`statement`]), where spans are missing ([`holes`]), why a cache had no answer ([`miss`]), whether it is as it was
//! expected to be ([`expect`]), and what is usual ([`runs`]); and whether more is to come ([`progress`]).
//!
//! Spans come from several processes, in any order, and perhaps from somebody who means harm: nothing here trusts them
//! to be a tree, to nest, or to end after they began.

pub mod clocks;
pub mod expect;
pub mod holes;
pub mod miss;
pub mod network;
pub mod pairs;
pub mod path;
pub mod progress;
pub mod repeats;
pub mod runs;
pub mod statement;
pub mod verdict;

use opentelemetry::trace::{SpanId, SpanKind};

use super::tree::{self, Children, Node, Row};

/// What reading needs to know of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its id.
    pub id: SpanId,
    /// The span it hangs under; `SpanId::INVALID` for none.
    pub parent: SpanId,
    /// When it began: nanoseconds since the Unix epoch, by the clock of its process.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: SpanKind,
    /// The process that made it: its place among those of the trace.
    pub process: usize,
    /// What it is about.
    pub work: Work,
    /// What a query asks, whatever the values in it ([`statement::shape`]); 0 where that is not said.
    pub statement: u64,
    /// The word of Waylight's stage, of a browser's operation; empty for others.
    pub stage: String,
    /// Whether it failed.
    pub outcome: Outcome,
    /// The status of its HTTP response.
    pub status: Option<u16>,
    /// What it failed of, in a word; empty if that is not said.
    pub error: String,
}

/// What a span is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// A query of a database.
    Query,
    /// A call of another service over HTTP or RPC.
    Call,
    /// Anything else.
    Other,
}

/// Whether a span failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not, as far as it says.
    Fine,
    /// It did.
    Failed,
}

/// A process that made spans. It has one clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// What kind of process it is.
    pub maker: Maker,
    /// The name of its service.
    pub service: String,
    /// Which of several with this name; empty if that is not said.
    pub instance: String,
}

/// Who makes spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maker {
    /// Waylight.
    Edge,
    /// An application behind it.
    App,
    /// The browser in front of it.
    Browser,
}

/// A trace, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Its spans, in the order they came.
    pub spans: Vec<Span>,
    /// The processes that made them.
    pub processes: Vec<Process>,
    /// The spans as a tree.
    pub rows: Vec<Row>,
    /// For each span, the one that it hangs under in the tree.
    parents: Vec<Option<usize>>,
    children: Children,
}

impl Trace {
    /// Reads spans as they are.
    pub fn new(spans: Vec<Span>, processes: Vec<Process>) -> Self {
        let nodes: Vec<Node> = spans
            .iter()
            .map(|span| Node { id: span.id, parent: span.parent, start: span.start, end: span.end })
            .collect();
        let rows = tree::rows(&nodes);
        let mut parents = vec![None; spans.len()];
        let mut above: Vec<usize> = Vec::new();
        for row in &rows {
            above.truncate(row.depth);
            parents[row.index] = above.last().copied();
            above.push(row.index);
        }
        let children = Children::new(&parents, rows.iter().map(|row| row.index));
        Self { spans, processes, rows, parents, children }
    }

    /// The span that a span hangs under.
    pub fn parent(&self, index: usize) -> Option<usize> {
        self.parents.get(index).copied().flatten()
    }

    /// The spans that hang under a span, in the order in which they began.
    pub fn children(&self, index: usize) -> &[usize] {
        self.children.of(index)
    }

    /// Who made a span.
    pub fn maker(&self, index: usize) -> Maker {
        self.process(index).map_or(Maker::App, |process| process.maker)
    }

    /// The name of the service that made a span.
    pub fn service(&self, index: usize) -> &str {
        self.process(index).map_or("unknown service", |process| &process.service)
    }

    fn process(&self, index: usize) -> Option<&Process> {
        self.processes.get(self.spans.get(index)?.process)
    }

    /// The span that the trace is about: the edge's request that began first, else the first span of all. A page load
    /// or a navigation is none, as long as there is another: a browser ends those when nothing happens any more, so
    /// their length says nothing.
    pub fn entry(&self) -> Option<usize> {
        let first = |of: &dyn Fn(usize) -> bool| self.rows.iter().map(|row| row.index).find(|index| of(*index));
        first(&|index| self.maker(index) == Maker::Edge && self.spans[index].stage == "request")
            .or_else(|| first(&|index| !self.ends_by_inactivity(index)))
    }

    /// Whether a span is a page load, a navigation, or all that somebody's action on a page set off.
    pub fn ends_by_inactivity(&self, index: usize) -> bool {
        let stage = &*self.spans[index].stage;
        let is_idle = matches!(stage, "pageload" | "navigation") || stage.starts_with("ui.action.");
        self.maker(index) == Maker::Browser && is_idle
    }

    /// The length of a span, in nanoseconds.
    pub fn length(&self, index: usize) -> u64 {
        self.spans.get(index).map_or(0, |span| span.end.saturating_sub(span.start))
    }

    /// The share of the entry's length that a span takes; 1 is all of it.
    pub fn share(&self, index: usize) -> f64 {
        let whole = self.entry().map_or(0, |entry| self.length(entry));
        #[expect(clippy::cast_precision_loss, reason = "a share is shown in per cent")]
        let (part, whole) = (self.length(index) as f64, whole.max(1) as f64);
        part / whole
    }
}

#[cfg(test)]
mod tests;
