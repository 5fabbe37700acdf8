//! How far a trace is: whether the edge still records it, and which upstreams' spans are still awaited. `now` is an
//! argument; bounded.
//!
//! An upstream request of the edge is expected to get a child from the app behind it. When none came for a while, the
//! app most likely sends no spans, and the trace is complete without.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use foldhash::fast::RandomState;
use opentelemetry::trace::{SpanId, TraceId};

use crate::{
    clock::Instant,
    trace::{record::SpanRecord, stage::Stage},
};

/// Traces whose state is known.
const TRACES_MAX: usize = 16_384;
/// Upstream requests of one trace that are awaited.
const AWAITED_MAX: usize = 256;
/// Spans of an app are awaited so long: SDKs send every five seconds.
const GRACE: Duration = Duration::from_secs(10);
/// A trace of which nothing was heard so long is no longer recorded: its end was lost.
const SILENCE: Duration = Duration::from_secs(600);

/// How far a trace is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceState {
    /// The edge still records it.
    Open,
    /// The edge has recorded it; spans from behind these upstreams are awaited.
    Partial {
        /// The upstreams, by name, each once.
        waiting_for: Vec<Box<str>>,
    },
    /// Nothing more is awaited.
    Done,
}

/// The state of recent traces.
#[derive(Debug, Default)]
pub struct States {
    traces: HashMap<TraceId, Trace, RandomState>,
    order: VecDeque<TraceId>,
}

#[derive(Debug)]
struct Trace {
    heard: Instant,
    /// Requests of the edge that have begun to be recorded, less those that are complete.
    is_complete: bool,
    /// Client spans without a child from an app, and the upstream's name.
    awaited: Vec<(SpanId, Box<str>)>,
    /// Parents of app spans whose own span is not there yet.
    answered: Vec<SpanId>,
    told: Option<TraceState>,
}

impl States {
    /// The edge recorded these spans of one request.
    pub fn recorded(&mut self, spans: &[SpanRecord], now: Instant) {
        let Some(first) = spans.first() else { return };
        let trace = self.trace(first.trace_id, now);
        trace.is_complete = spans.iter().any(|span| span.stage == Stage::Request);
        for span in spans.iter().filter(|span| span.stage == Stage::UpstreamRequest) {
            if let Some(at) = trace.answered.iter().position(|parent| *parent == span.span_id) {
                trace.answered.swap_remove(at);
            } else if trace.awaited.len() < AWAITED_MAX {
                trace.awaited.push((span.span_id, upstream(span)));
            }
        }
    }

    /// An app sent a span of `trace` that hangs under `parent`.
    pub fn arrived(&mut self, trace: TraceId, parent: SpanId, now: Instant) {
        let trace = self.trace(trace, now);
        if let Some(at) = trace.awaited.iter().position(|(span, _)| *span == parent) {
            trace.awaited.swap_remove(at);
        } else if trace.answered.len() < AWAITED_MAX && !trace.answered.contains(&parent) {
            trace.answered.push(parent);
        }
    }

    /// How far a trace is; `None` if nothing is known of it, which means that it is long over.
    pub fn state(&self, trace: TraceId, now: Instant) -> Option<TraceState> {
        self.traces.get(&trace).map(|trace| trace.state(now))
    }

    /// The traces, of those in `asked`, whose state is another one than when this was last asked.
    pub fn changed(&mut self, asked: &[TraceId], now: Instant) -> Vec<(TraceId, TraceState)> {
        let mut changed = Vec::new();
        for id in asked {
            let Some(trace) = self.traces.get_mut(id) else { continue };
            let state = trace.state(now);
            if trace.told.as_ref() != Some(&state) {
                trace.told = Some(state.clone());
                changed.push((*id, state));
            }
        }
        changed
    }

    fn trace(&mut self, id: TraceId, now: Instant) -> &mut Trace {
        if !self.traces.contains_key(&id) {
            self.order.push_back(id);
            if self.order.len() > TRACES_MAX
                && let Some(eldest) = self.order.pop_front()
            {
                self.traces.remove(&eldest);
            }
        }
        let trace = self.traces.entry(id).or_insert_with(|| Trace {
            heard: now,
            is_complete: false,
            awaited: Vec::new(),
            answered: Vec::new(),
            told: None,
        });
        trace.heard = now;
        trace
    }
}

impl Trace {
    fn state(&self, now: Instant) -> TraceState {
        let silence = now.since(self.heard);
        if !self.is_complete {
            return if silence < SILENCE { TraceState::Open } else { TraceState::Done };
        }
        if self.awaited.is_empty() || silence >= GRACE {
            return TraceState::Done;
        }
        let mut waiting_for: Vec<_> = self.awaited.iter().map(|(_, upstream)| upstream.clone()).collect();
        waiting_for.sort();
        waiting_for.dedup();
        TraceState::Partial { waiting_for }
    }
}

/// The name of the upstream that a client span asked.
fn upstream(span: &SpanRecord) -> Box<str> {
    span.attributes.text("waylight.upstream").unwrap_or_default().into()
}

#[cfg(test)]
mod tests;
