//! Traces for tests.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};

use crate::trace::kept::Kept;

/// Nanoseconds of a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// A text attribute.
pub(crate) fn string(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

/// A span of an app: its ids, its name, its time in milliseconds.
pub(crate) fn span(ids: (u64, u64), name: &str, (start, end): (u64, u64)) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: ids.0.to_be_bytes().into(),
        parent_span_id: if ids.1 == 0 { Vec::new() } else { ids.1.to_be_bytes().into() },
        name: name.into(),
        start_time_unix_nano: 1_700_000_000_000 * MS + start * MS,
        end_time_unix_nano: 1_700_000_000_000 * MS + end * MS,
        ..Span::default()
    }
}

/// A message of an app called `shop`.
pub(crate) fn message(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Some(Resource { attributes: vec![string("service.name", "shop")], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

/// A trace of that app.
pub(crate) fn kept(spans: Vec<Span>) -> Kept {
    Kept::of(message(spans))
}
