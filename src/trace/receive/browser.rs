//! Spans of browsers. They come from pages of traced sessions, by way of the console or in envelopes of Sentry's SDKs; what
//! they say of who made them is not believed: a page can say anything. So they come out under a resource of ours, and
//! without what only the edge says.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};

use crate::{rules::sentry::envelope::Sdk, trace::kept};

/// What a browser says of itself that is believed, for nothing depends on it: prefixes of attributes.
const DESCRIBED: [&str; 3] = ["browser.", "user_agent.", "device."];
/// So many of those.
const DESCRIPTIONS_MAX: usize = 16;
/// The scope that browser spans of our own come out under.
pub const SCOPE: &str = "waylight.browser";
/// How names of Sentry's SDKs begin: no other is believed, or a page's spans could pass for somebody else's.
const SENTRY: &str = "sentry.";
/// So much of an SDK's name and version, in octets.
const SDK_BYTES_MAX: usize = 64;
/// Attributes of the edge's own.
const EDGE: &str = "waylight.";

/// What came of a browser's message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cleaned {
    /// Its spans, by their trace.
    pub traces: Vec<(TraceId, Vec<Span>)>,
    /// What they are sent under.
    pub resource: Resource,
    /// What made them.
    pub sdk: String,
    /// Spans that no browser may send.
    pub rejected: usize,
}

impl Cleaned {
    /// Reads a browser's message.
    pub fn of(message: ExportTraceServiceRequest) -> Self {
        Self::made_by(message, SCOPE, None)
    }

    /// Reads what was an envelope of one of Sentry's SDKs.
    pub fn of_sdk(message: ExportTraceServiceRequest, sdk: &Sdk) -> Self {
        let known = sdk.name.as_deref().filter(|name| name.starts_with(SENTRY) && name.len() <= SDK_BYTES_MAX);
        let version = sdk.version.as_deref().filter(|version| version.len() <= SDK_BYTES_MAX);
        Self::made_by(message, known.unwrap_or("sentry"), version)
    }

    fn made_by(message: ExportTraceServiceRequest, sdk: &str, version: Option<&str>) -> Self {
        let mut cleaned = Self::default();
        let mut described = Vec::new();
        for ResourceSpans { resource, scope_spans, .. } in message.resource_spans {
            described.extend(resource.into_iter().flat_map(|resource| resource.attributes));
            for mut span in scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let trace = kept::trace_id(&span.trace_id);
                if !clean(&mut span) {
                    cleaned.rejected += 1;
                    continue;
                }
                match cleaned.traces.iter_mut().find(|(known, _)| *known == trace) {
                    Some((_, spans)) => spans.push(span),
                    None => cleaned.traces.push((trace, vec![span])),
                }
            }
        }
        cleaned.resource = resource(described, sdk, version);
        cleaned.sdk = sdk.to_owned();
        cleaned
    }

    /// The same without spans of traces that `keep` says no to; those are rejected, too.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(TraceId) -> bool) -> Self {
        let rejected = &mut self.rejected;
        self.traces.retain(|(trace, spans)| {
            let keeps = keep(*trace);
            *rejected += if keeps { 0 } else { spans.len() };
            keeps
        });
        self
    }

    /// How many spans there are.
    pub fn spans(&self) -> usize {
        self.traces.iter().map(|(_, spans)| spans.len()).sum()
    }

    /// As a message.
    pub fn message(self) -> ExportTraceServiceRequest {
        let scope = Some(InstrumentationScope { name: self.sdk, ..InstrumentationScope::default() });
        let spans = self.traces.into_iter().flat_map(|(_, spans)| spans).collect();
        let scope_spans = vec![ScopeSpans { scope, spans, schema_url: String::new() }];
        let resource_spans =
            vec![ResourceSpans { resource: Some(self.resource), scope_spans, schema_url: String::new() }];
        ExportTraceServiceRequest { resource_spans }
    }
}

/// Takes out of a span what only the edge says. False: no browser may send such a span.
fn clean(span: &mut Span) -> bool {
    let has_ids = kept::trace_id(&span.trace_id) != TraceId::INVALID
        && kept::span_id(&span.span_id) != SpanId::INVALID
        && matches!(span.parent_span_id.len(), 0 | 8);
    let kind = span.kind();
    if !has_ids || matches!(kind, SpanKind::Server | SpanKind::Producer | SpanKind::Consumer) {
        return false;
    }
    span.trace_state = String::new();
    span.end_time_unix_nano = span.end_time_unix_nano.max(span.start_time_unix_nano);
    let ours = |attributes: &mut Vec<KeyValue>| attributes.retain(|attribute| !attribute.key.starts_with(EDGE));
    ours(&mut span.attributes);
    span.events.iter_mut().for_each(|event| ours(&mut event.attributes));
    span.links.iter_mut().for_each(|link| ours(&mut link.attributes));
    true
}

fn resource(described: Vec<KeyValue>, sdk: &str, version: Option<&str>) -> Resource {
    let text = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    };
    let mut attributes =
        vec![text("service.name", "browser"), text("telemetry.sdk.name", sdk), text("telemetry.sdk.language", "webjs")];
    attributes.extend(version.map(|version| text("telemetry.sdk.version", version)));
    let most = attributes.len() + DESCRIPTIONS_MAX;
    for attribute in described {
        let is_known = attributes.iter().any(|known| known.key == attribute.key);
        let is_described = DESCRIBED.iter().any(|prefix| attribute.key.starts_with(prefix));
        if is_described && !is_known && attributes.len() < most {
            attributes.push(attribute);
        }
    }
    Resource { attributes, ..Resource::default() }
}

#[cfg(test)]
mod tests;
