//! Traces that a framework began anew, though the edge told it one, are joined again by the request's name: the edge sends
//! it upstream in a header, and instrumentations write captured headers, or request ids, into attributes. The second
//! trace's spans then stand in the edge's trace; those that were its roots hang under the edge's request, and link to where
//! they came from.
//!
//! A request's name joins one other trace at most: it is no secret, and must not pull in more.

use http::HeaderName;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::Link},
};

use crate::trace::bounded::Bounded;

/// Attributes that hold a request's name, beside the captured header.
const NAMES: [&str; 5] = ["request.id", "request_id", "http.request_id", "http.request.id", "x-request-id"];

/// A request of the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub request: u128,
    /// Its trace.
    pub trace: TraceId,
    /// Where spans of the app belong: under the last attempt at the upstream, or the root.
    pub parent: SpanId,
}

#[derive(Debug)]
pub(super) struct Splits {
    /// Recent requests, and whether one has its other trace already.
    requests: Bounded<u128, Named>,
    /// Other traces, and where they belong.
    homes: Bounded<TraceId, Named>,
    /// Names that are not known yet, and the trace that waits for each.
    awaited: Bounded<u128, TraceId>,
    attributes: Vec<String>,
}

impl Splits {
    pub(super) fn new(max: usize, header: Option<&HeaderName>) -> Self {
        let captured = header.into_iter().flat_map(|name| {
            // Semantic conventions keep the hyphens; older instrumentations write underscores.
            let name = name.as_str();
            [format!("http.request.header.{name}"), format!("http.request.header.{}", name.replace('-', "_"))]
        });
        let attributes = captured.chain(header.map(|_| NAMES.map(str::to_owned)).into_iter().flatten()).collect();
        Self { requests: Bounded::new(max), homes: Bounded::new(max), awaited: Bounded::new(max), attributes }
    }

    /// A request of the edge became known: gives back the trace that waited for it.
    pub(super) fn named(&mut self, named: Named) -> Option<TraceId> {
        if let Some(other) = self.awaited.remove(&named.request) {
            self.homes.insert(other, named);
            return Some(other);
        }
        self.requests.insert(named.request, named);
        None
    }

    /// Whether `trace`, of which `part` came, belongs to another one.
    pub(super) fn is_split(&mut self, trace: TraceId, part: &ExportTraceServiceRequest) -> bool {
        if self.homes.find(&trace).is_some() {
            return true;
        }
        let Some(request) = self.request(part) else { return false };
        match self.requests.remove(&request) {
            Some(named) => {
                self.homes.insert(trace, named);
                true
            }
            None => {
                if self.awaited.find(&request).is_none() {
                    self.awaited.insert(request, trace);
                }
                false
            }
        }
    }

    /// The spans of `part` where they belong.
    pub(super) fn moved(
        &self,
        trace: TraceId,
        mut part: ExportTraceServiceRequest,
    ) -> (TraceId, ExportTraceServiceRequest) {
        let Some(home) = self.homes.find(&trace) else { return (trace, part) };
        for span in spans(&mut part) {
            if span.parent_span_id.is_empty() {
                span.links.push(link(span));
                span.parent_span_id = home.parent.to_bytes().into();
            }
            span.trace_id = home.trace.to_bytes().into();
        }
        (home.trace, part)
    }

    /// The request's name in an attribute of `part`.
    fn request(&self, part: &ExportTraceServiceRequest) -> Option<u128> {
        let scopes = part.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let attributes = scopes.flat_map(|scope| &scope.spans).flat_map(|span| &span.attributes);
        let named = attributes.filter(|attribute| self.attributes.contains(&attribute.key));
        named.filter_map(|attribute| first_text(attribute.value.as_ref()?)).find_map(name)
    }
}

fn spans(part: &mut ExportTraceServiceRequest) -> impl Iterator<Item = &mut Span> {
    let scopes = part.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

fn link(span: &Span) -> Link {
    let value = AnyValue { value: Some(Value::StringValue("split".to_owned())) };
    let reason = KeyValue { key: "waylight.link.reason".to_owned(), value: Some(value), ..KeyValue::default() };
    Link { trace_id: span.trace_id.clone(), span_id: span.span_id.clone(), attributes: vec![reason], ..Link::default() }
}

/// Captured headers are lists.
fn first_text(value: &AnyValue) -> Option<&str> {
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        Value::ArrayValue(list) => list.values.first().and_then(first_text),
        _ => None,
    }
}

/// A request's name, as Waylight writes it.
fn name(text: &str) -> Option<u128> {
    (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}
