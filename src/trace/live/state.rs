//! What is heard of recent traces: whether the edge still records them, and from behind which upstreams spans are missing.
//! How far a trace is, is decided by `rules::reading::progress`. `now` is an argument; bounded.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::RandomState;
use opentelemetry::trace::{SpanId, TraceId};

use crate::{
    clock::Instant,
    rules::reading::progress::{Heard, Progress, progress},
    trace::{
        record::{Role, SpanRecord},
        stage::Stage,
    },
};

/// Traces whose state is known.
const TRACES_MAX: usize = 16_384;
/// Upstream requests of one trace that are awaited.
const AWAITED_MAX: usize = 256;
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
    awaited: Vec<(SpanId, Arc<str>)>,
    /// Parents of app spans whose own span is not there yet.
    answered: Vec<SpanId>,
    told: Option<Progress>,
}

impl States {
    /// The edge recorded these spans of one request.
    pub fn recorded(&mut self, spans: &[SpanRecord], now: Instant) {
        let Some(first) = spans.first() else { return };
        let trace = self.trace(first.trace_id, now);
        trace.is_complete = spans.iter().any(|span| span.stage == Stage::Request);
        for span in spans {
            // Of an upstream that did not answer, or did before anything was traced, no spans are missing.
            let Role::Answered(upstream) = &span.role else { continue };
            if let Some(at) = trace.answered.iter().position(|parent| *parent == span.span_id) {
                trace.answered.swap_remove(at);
            } else if trace.awaited.len() < AWAITED_MAX {
                trace.awaited.push((span.span_id, Arc::clone(upstream)));
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
    pub fn state(&self, trace: TraceId, now: Instant) -> Option<Progress> {
        self.traces.get(&trace).map(|trace| trace.state(now))
    }

    /// The traces, of those in `asked`, whose state is another one than when this was last asked.
    pub fn changed(&mut self, asked: &[TraceId], now: Instant) -> Vec<(TraceId, Progress)> {
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
            // Most requests are answered by one upstream.
            awaited: Vec::with_capacity(1),
            answered: Vec::new(),
            told: None,
        });
        trace.heard = now;
        trace
    }
}

impl Trace {
    fn state(&self, now: Instant) -> Progress {
        let silence = u64::try_from(now.since(self.heard).as_nanos()).unwrap_or(u64::MAX);
        let awaited = self.awaited.iter().map(|(_, upstream)| Box::from(&**upstream));
        progress(Heard { is_complete: self.is_complete, silence }, awaited)
    }
}

#[cfg(test)]
mod tests;
