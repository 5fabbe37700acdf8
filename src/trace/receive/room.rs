//! Which spans of applications are kept: those of traces that Waylight records too. Either side may arrive first, so
//! spans of an unknown trace wait here for a while. `now` is an argument; everything is bounded.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use foldhash::fast::RandomState;
use http::HeaderName;
use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;

pub use super::split::Named;
use super::split::Splits;
use crate::{clock::Instant, config::model::Receive, trace::sink::span_count};

/// So many places of traces that do not wait any more may be left in the order, and twice as many as wait.
const PLACES_SPARE: usize = 1_024;

/// The bounds of a [`Room`].
#[derive(Clone, Debug)]
pub struct RoomLimits {
    /// Recent traces remembered at least; at most twice as many.
    pub traces_max: usize,
    /// Octets of waiting spans, encoded.
    pub bytes_max: usize,
    /// How long spans wait for their trace to be known.
    pub wait: Duration,
    /// The most spans that applications may add to one trace: its id is no secret.
    pub spans_per_trace_max: usize,
    /// The header in which a request's name goes to the upstream: traces begun anew are joined by it.
    pub request_id_header: Option<HeaderName>,
}

impl RoomLimits {
    /// As configured.
    pub fn of(receive: &Receive) -> Self {
        Self {
            traces_max: receive.traces_max,
            bytes_max: receive.waiting_bytes_max,
            wait: receive.waiting_max,
            spans_per_trace_max: receive.spans_per_trace_max,
            request_id_header: receive.request_id_header.clone(),
        }
    }
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            traces_max: 16_384,
            bytes_max: 8 << 20,
            wait: Duration::from_secs(90),
            spans_per_trace_max: 20_000,
            request_id_header: Some(HeaderName::from_static("x-request-id")),
        }
    }
}

/// Recent traces of the edge, and spans that wait for theirs to become one.
#[derive(Debug)]
pub struct Room {
    limits: RoomLimits,
    /// Traces of the edge, and how many spans applications added to each. Two generations: when the younger one is full,
    /// the elder is forgotten.
    known: Known,
    known_before: Known,
    splits: Splits,
    waiting: HashMap<TraceId, Waiting, RandomState>,
    /// The order in which traces began to wait.
    order: VecDeque<(TraceId, Instant)>,
    bytes: usize,
    dropped: usize,
    /// Spans that applications added to traces that nobody asked for, since this was last told.
    unasked: usize,
}

type Known = HashMap<TraceId, Trace, RandomState>;

/// A trace of the edge.
#[derive(Clone, Copy, Debug, Default)]
struct Trace {
    /// How many spans applications added to it.
    added: usize,
    asked: Option<Asked>,
}

/// Whether somebody asked for a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Somebody did.
    BySomebody,
    /// A ratio or a rule records it: what it has is of the share of such traces.
    ByNobody,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: Vec<ExportTraceServiceRequest>,
    bytes: usize,
}

/// Spans of one trace of the edge.
pub type Part = (TraceId, ExportTraceServiceRequest);

impl Room {
    /// An empty room.
    pub fn new(limits: RoomLimits) -> Self {
        Self {
            splits: Splits::new(limits.traces_max, limits.request_id_header.as_ref()),
            limits,
            known: Known::default(),
            known_before: Known::default(),
            waiting: HashMap::default(),
            order: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            unasked: 0,
        }
    }

    /// The edge recorded spans of `trace`, and of the request `named`: gives back what waited for them. Who asked for it is
    /// told by its root, which may come last.
    pub fn recorded(&mut self, trace: TraceId, named: Option<Named>, asked: Option<Asked>) -> Vec<Part> {
        let before = &mut self.known_before;
        let known = self.known.entry(trace).or_insert_with(|| before.remove(&trace).unwrap_or_default());
        known.asked = match (known.asked, asked) {
            (None, Some(Asked::ByNobody)) => {
                self.unasked += known.added;
                asked
            }
            (Some(Asked::BySomebody), _) | (_, None) => known.asked,
            _ => asked,
        };
        if self.known.len() >= self.limits.traces_max {
            // Its room is used again: a table that grows anew costs more than all that is looked up in it.
            std::mem::swap(&mut self.known, &mut self.known_before);
            self.known.clear();
        }
        let mut ready = self.take_waiting(trace);
        if let Some(other) = named.and_then(|named| self.splits.named(named)) {
            ready.extend(self.take_waiting(other).into_iter().map(|(_, part)| self.splits.moved(other, part)));
        }
        self.admitted(ready)
    }

    /// An application sent `request`: gives back the spans of known traces; the others wait.
    pub fn offered(&mut self, request: ExportTraceServiceRequest, now: Instant) -> Vec<Part> {
        let mut ready = Vec::new();
        for (trace, part) in self.by_trace(request) {
            if self.known.contains_key(&trace) || self.known_before.contains_key(&trace) {
                ready.push((trace, part));
            } else if self.splits.is_split(trace, &part) {
                let waited = self.take_waiting(trace).into_iter().map(|(_, part)| part);
                ready.extend(waited.chain([part]).map(|part| self.splits.moved(trace, part)));
            } else {
                self.wait(trace, part, now);
            }
        }
        self.admitted(ready)
    }

    fn take_waiting(&mut self, trace: TraceId) -> Vec<Part> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let Some(waited) = self.waiting.remove(&trace) else { return Vec::new() };
        self.bytes -= waited.bytes;
        // Their places in the order are left behind, but not for ever more of them.
        if self.order.len() > 2 * self.waiting.len() + PLACES_SPARE {
            let waiting = &self.waiting;
            self.order.retain(|(trace, _)| waiting.contains_key(trace));
        }
        waited.requests.into_iter().map(|part| (trace, part)).collect()
    }

    /// Without what is more than a trace may have.
    fn admitted(&mut self, mut parts: Vec<Part>) -> Vec<Part> {
        parts.retain(|(trace, part)| {
            let spans = span_count(part);
            let known = self.known.get_mut(trace).or_else(|| self.known_before.get_mut(trace));
            let Some(known) = known else { return true };
            let has_room = known.added + spans <= self.limits.spans_per_trace_max;
            if has_room {
                known.added += spans;
                if known.asked == Some(Asked::ByNobody) {
                    self.unasked += spans;
                }
            } else {
                self.dropped += spans;
            }
            has_room
        });
        parts
    }

    /// Lets go of what waited too long, and says how many spans were lost since it was last asked.
    pub fn expire(&mut self, now: Instant) -> usize {
        while let Some(&(_, since)) = self.order.front() {
            if now.since(since) < self.limits.wait {
                break;
            }
            self.drop_eldest();
        }
        std::mem::take(&mut self.dropped)
    }

    /// How many spans applications added to traces that nobody asked for, since it was last asked.
    pub fn take_unasked(&mut self) -> usize {
        std::mem::take(&mut self.unasked)
    }

    fn wait(&mut self, trace: TraceId, part: ExportTraceServiceRequest, now: Instant) {
        let bytes = part.encoded_len();
        if bytes > self.limits.bytes_max {
            self.dropped += span_count(&part);
            return;
        }
        while self.bytes + bytes > self.limits.bytes_max {
            self.drop_eldest();
        }
        self.bytes += bytes;
        let order = &mut self.order;
        let waiting = self.waiting.entry(trace).or_insert_with(|| {
            order.push_back((trace, now));
            Waiting::default()
        });
        waiting.bytes += bytes;
        waiting.requests.push(part);
    }

    fn drop_eldest(&mut self) {
        let Some((trace, _)) = self.order.pop_front() else { return };
        // A trace that became known has left its place in the order behind.
        if let Some(gone) = self.waiting.remove(&trace) {
            self.bytes -= gone.bytes;
            self.dropped += gone.requests.iter().map(span_count).sum::<usize>();
        }
    }

    /// One request for each trace. Spans with malformed ids belong to no trace.
    fn by_trace(&mut self, request: ExportTraceServiceRequest) -> HashMap<TraceId, ExportTraceServiceRequest> {
        let mut traces: HashMap<TraceId, ExportTraceServiceRequest> = HashMap::new();
        for ResourceSpans { resource, scope_spans, schema_url } in request.resource_spans {
            let mut scopes: HashMap<TraceId, Vec<ScopeSpans>> = HashMap::new();
            for ScopeSpans { scope, spans, schema_url } in scope_spans {
                let mut parts: HashMap<TraceId, Vec<Span>> = HashMap::new();
                for span in spans {
                    match <[u8; 16]>::try_from(&span.trace_id[..]).map(TraceId::from_bytes) {
                        Ok(trace) if trace != TraceId::INVALID && span.span_id.len() == 8 => {
                            parts.entry(trace).or_default().push(span);
                        }
                        _ => self.dropped += 1,
                    }
                }
                for (trace, spans) in parts {
                    let part = ScopeSpans { scope: scope.clone(), spans, schema_url: schema_url.clone() };
                    scopes.entry(trace).or_default().push(part);
                }
            }
            for (trace, scope_spans) in scopes {
                let part = ResourceSpans { resource: resource.clone(), scope_spans, schema_url: schema_url.clone() };
                traces.entry(trace).or_default().resource_spans.push(part);
            }
        }
        traces
    }
}

#[cfg(test)]
mod tests;
