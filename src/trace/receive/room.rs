//! Which spans of applications are kept: those of traces that Waylight records too. Either side may arrive first, so
//! spans of an unknown trace wait here for a while. `now` is an argument; everything is bounded.

use std::collections::{HashMap, HashSet, VecDeque};

use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;

use crate::{clock::Instant, trace::sink::span_count};
use std::time::Duration;

/// The bounds of a [`Room`].
#[derive(Clone, Copy, Debug)]
pub struct RoomLimits {
    /// Recent traces remembered at least; at most twice as many.
    pub traces_max: usize,
    /// Octets of waiting spans, encoded.
    pub bytes_max: usize,
    /// How long spans wait for their trace to be known.
    pub wait: Duration,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self { traces_max: 16_384, bytes_max: 8 << 20, wait: Duration::from_secs(30) }
    }
}

/// Recent traces of the edge, and spans that wait for theirs to become one.
#[derive(Debug)]
pub struct Room {
    limits: RoomLimits,
    /// Two generations: when the younger one is full, the elder is forgotten.
    known: HashSet<TraceId>,
    known_before: HashSet<TraceId>,
    waiting: HashMap<TraceId, Waiting>,
    /// The order in which traces began to wait.
    order: VecDeque<(TraceId, Instant)>,
    bytes: usize,
    dropped: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: Vec<ExportTraceServiceRequest>,
    bytes: usize,
}

impl Room {
    /// An empty room.
    pub fn new(limits: RoomLimits) -> Self {
        Self {
            limits,
            known: HashSet::new(),
            known_before: HashSet::new(),
            waiting: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            dropped: 0,
        }
    }

    /// The edge recorded a span of `trace`: gives back what waited for it.
    pub fn recorded(&mut self, trace: TraceId) -> Vec<ExportTraceServiceRequest> {
        if !self.known.insert(trace) {
            return Vec::new();
        }
        if self.known.len() >= self.limits.traces_max {
            self.known_before = std::mem::take(&mut self.known);
        }
        let Some(waited) = self.waiting.remove(&trace) else { return Vec::new() };
        self.bytes -= waited.bytes;
        waited.requests
    }

    /// An application sent `request`: gives back the spans of known traces; the others wait.
    pub fn offered(&mut self, request: ExportTraceServiceRequest, now: Instant) -> ExportTraceServiceRequest {
        let mut ready = ExportTraceServiceRequest::default();
        for (trace, part) in self.by_trace(request) {
            if self.known.contains(&trace) || self.known_before.contains(&trace) {
                ready.resource_spans.extend(part.resource_spans);
            } else {
                self.wait(trace, part, now);
            }
        }
        ready
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
