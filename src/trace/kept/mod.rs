//! A trace as a store gives it back, decoded: the messages that its spans came in, one after the other, and what
//! reading ([`crate::rules::reading`]) needs to know of each span.

use std::{
    collections::{HashMap, HashSet},
    thread,
};

use bytes::Bytes;
use foldhash::quality::RandomState;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{Span, span, status::StatusCode},
};
use prost::Message as _;

use crate::rules::reading::{self, Maker, Outcome, Process, Work, statement};

/// Traces of so many octets are decoded by several threads.
const LONG_BYTES: usize = 2 << 20;
/// By so many at most.
const THREADS_MAX: usize = 4;

/// A decoded trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    request: ExportTraceServiceRequest,
    /// Where each span stands: its resource, its scope, its place there.
    places: Vec<(usize, usize, usize)>,
    /// The trace, read; spans by the place of [`Self::span`].
    pub trace: reading::Trace,
}

/// A span, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The process that made it.
    pub resource: Option<&'a Resource>,
    /// The library that made it.
    pub scope: Option<&'a InstrumentationScope>,
    /// The span.
    pub span: &'a Span,
}

impl Kept {
    /// Decodes the messages of one trace.
    ///
    /// # Errors
    /// One of them is no `ExportTraceServiceRequest`.
    pub fn decode(messages: &[Bytes]) -> Result<Self, prost::DecodeError> {
        let octets = messages.iter().map(Bytes::len).sum::<usize>();
        let threads = if octets < LONG_BYTES { 1 } else { thread::available_parallelism().map_or(1, usize::from) };
        let parts = messages.chunks(messages.len().div_ceil(threads.min(THREADS_MAX)).max(1));
        // Somebody waits for a long trace.
        let decoded: Vec<_> = thread::scope(|scope| {
            let mut parts = parts;
            let first = parts.next().unwrap_or_default();
            // Where no thread is to be had, one does it all.
            let begin = |part| thread::Builder::new().spawn_scoped(scope, move || Part::decode(part)).ok();
            let others: Vec<_> = parts.map(|part| (part, begin(part))).collect();
            let others = others.into_iter().map(|(part, decoding)| {
                decoding.and_then(|decoding| decoding.join().ok()).unwrap_or_else(|| Part::decode(part))
            });
            std::iter::once(Part::decode(first)).chain(others).collect()
        });
        Ok(Self::joined(decoded.into_iter().collect::<Result<_, _>>()?))
    }

    /// Reads a message. Spans that came twice, as an SDK may send them, count once.
    pub fn of(request: ExportTraceServiceRequest) -> Self {
        Self::joined(vec![Part::of(request)])
    }

    fn joined(parts: Vec<Part>) -> Self {
        let count = parts.iter().map(|part| part.spans.len()).sum();
        let (mut places, mut spans) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut request = ExportTraceServiceRequest::default();
        let mut processes: HashMap<Process, usize> = HashMap::new();
        let mut seen = HashSet::with_capacity_and_hasher(count, RandomState::default());
        for mut part in parts {
            let mut known = Vec::with_capacity(part.processes.len());
            for process in part.processes {
                let next = processes.len();
                known.push(*processes.entry(process).or_insert(next));
            }
            let before = request.resource_spans.len();
            for ((resource, scope, at), span) in part.spans {
                let span = reading::Span { process: known[span.process], ..span };
                // What has no valid id cannot be told from others.
                if span.id == SpanId::INVALID || seen.insert((span.id, span.start, span.process)) {
                    places.push((before + resource, scope, at));
                    spans.push(span);
                }
            }
            request.resource_spans.append(&mut part.request.resource_spans);
        }
        let mut ordered: Vec<_> = processes.into_iter().collect();
        ordered.sort_by_key(|(_, at)| *at);
        let processes = ordered.into_iter().map(|(process, _)| process).collect();
        Self { trace: reading::Trace::new(spans, processes), places, request }
    }

    /// The message that it came in.
    pub fn request(&self) -> &ExportTraceServiceRequest {
        &self.request
    }

    /// The span at a place of [`Self::trace`].
    pub fn span(&self, index: usize) -> Option<Origin<'_>> {
        let (resource, scope, span) = *self.places.get(index)?;
        let resource = self.request.resource_spans.get(resource)?;
        let scope = resource.scope_spans.get(scope)?;
        Some(Origin { resource: resource.resource.as_ref(), scope: scope.scope.as_ref(), span: scope.spans.get(span)? })
    }

    /// The place of the span with this id.
    pub fn find(&self, id: SpanId) -> Option<usize> {
        self.trace.spans.iter().position(|span| span.id == id)
    }

    /// Its id.
    pub fn id(&self) -> TraceId {
        self.span(0).map_or(TraceId::INVALID, |origin| trace_id(&origin.span.trace_id))
    }
}

/// Some messages of a trace, read.
struct Part {
    request: ExportTraceServiceRequest,
    /// The process of each resource and scope.
    processes: Vec<Process>,
    /// Where each span stands, and what is read of it; its process is one of this part's.
    spans: Vec<((usize, usize, usize), reading::Span)>,
}

impl Part {
    /// Two messages in a row are one, with the spans of both.
    fn decode(messages: &[Bytes]) -> Result<Self, prost::DecodeError> {
        let mut whole = ExportTraceServiceRequest::default();
        messages.iter().try_for_each(|message| whole.merge(message.clone()))?;
        Ok(Self::of(whole))
    }

    fn of(request: ExportTraceServiceRequest) -> Self {
        let (mut processes, mut spans) = (Vec::new(), Vec::new());
        for (resource_at, resource) in request.resource_spans.iter().enumerate() {
            for (scope_at, scope) in resource.scope_spans.iter().enumerate() {
                let of_scope = scope.spans.iter().enumerate();
                spans.extend(of_scope.map(|(at, span)| ((resource_at, scope_at, at), read(span, processes.len()))));
                processes.push(process(resource.resource.as_ref(), scope.scope.as_ref()));
            }
        }
        Self { request, processes, spans }
    }
}

/// A trace id of 16 octets; else the invalid one.
pub fn trace_id(octets: &[u8]) -> TraceId {
    <[u8; 16]>::try_from(octets).map_or(TraceId::INVALID, TraceId::from_bytes)
}

/// A span id of 8 octets; else the invalid one.
pub fn span_id(octets: &[u8]) -> SpanId {
    <[u8; 8]>::try_from(octets).map_or(SpanId::INVALID, SpanId::from_bytes)
}

/// An attribute as text; lists and maps have none.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| text(attribute.value.as_ref()?))
}

/// A value as text; lists and maps have none.
pub fn text(value: &AnyValue) -> Option<String> {
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The name of the service that a resource describes.
pub fn service_name(resource: Option<&Resource>) -> String {
    let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
    attribute(attributes, "service.name").unwrap_or_else(|| "unknown service".to_owned())
}

fn process(resource: Option<&Resource>, scope: Option<&InstrumentationScope>) -> Process {
    let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
    let of = |key| attribute(attributes, key);
    let is_ours = of("telemetry.sdk.name").is_some_and(|name| name == "waylight")
        && scope.is_some_and(|scope| scope.name == "waylight");
    let maker = if is_ours {
        Maker::Edge
    } else if of("telemetry.sdk.language").is_some_and(|language| language == "webjs") {
        Maker::Browser
    } else {
        Maker::App
    };
    let instance = of("service.instance.id").or_else(|| {
        let host = of("host.name").unwrap_or_default();
        of("process.pid").map(|pid| format!("{host}/{pid}"))
    });
    Process { maker, service: service_name(resource), instance: instance.unwrap_or_default() }
}

/// What a query asks.
fn shape(span: &Span) -> u64 {
    let text =
        |key: &str| span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref();
    match text("db.query.text").or_else(|| text("db.statement")) {
        Some(Value::StringValue(statement)) => statement::shape(statement),
        _ => 0,
    }
}

fn read(span: &Span, process: usize) -> reading::Span {
    let of = |key| attribute(&span.attributes, key);
    let has = |keys: &[&str]| span.attributes.iter().any(|attribute| keys.contains(&attribute.key.as_str()));
    let kind = match span.kind() {
        span::SpanKind::Server => SpanKind::Server,
        span::SpanKind::Client => SpanKind::Client,
        span::SpanKind::Producer => SpanKind::Producer,
        span::SpanKind::Consumer => SpanKind::Consumer,
        _ => SpanKind::Internal,
    };
    let work = if has(&["db.system", "db.system.name"]) {
        Work::Query
    } else if kind == SpanKind::Client && has(&["http.request.method", "http.method", "rpc.system"]) {
        Work::Call
    } else {
        Work::Other
    };
    let failed = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
    let status = of("http.response.status_code").or_else(|| of("http.status_code"));
    reading::Span {
        id: span_id(&span.span_id),
        parent: span_id(&span.parent_span_id),
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        name: span.name.clone(),
        kind,
        process,
        work,
        statement: if work == Work::Query { shape(span) } else { 0 },
        stage: of("waylight.stage").or_else(|| of("sentry.op")).unwrap_or_default(),
        outcome: if failed { Outcome::Failed } else { Outcome::Fine },
        status: status.and_then(|status| status.parse().ok()),
        error: of("error.type").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
