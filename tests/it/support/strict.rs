//! What a strict reader of OTLP insists on: every field of every message (OTLP 1.11, `trace.proto`, and its JSON form).

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use serde_json::Value as Json;

type Checked = Result<(), String>;

/// 2020-01-01: what is older has been mistaken for nanoseconds.
const NANOS_MIN: u64 = 1_577_836_800_000_000_000;

/// Checks a message.
pub(crate) fn request(request: &ExportTraceServiceRequest) -> Checked {
    insist(!request.resource_spans.is_empty(), || "no resource spans".to_owned())?;
    let mut spans = HashMap::new();
    for resource_spans in &request.resource_spans {
        let resource = resource_spans.resource.as_ref().ok_or("no resource")?;
        attributes(&resource.attributes)?;
        for key in ["service.name", "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"] {
            insist(text(&resource.attributes, key).is_some_and(|text| !text.is_empty()), || format!("no {key}"))?;
        }
        insist(!resource_spans.scope_spans.is_empty(), || "no scope spans".to_owned())?;
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope_spans.scope.as_ref().ok_or("no scope")?;
            insist(!scope.name.is_empty(), || "the scope has no name".to_owned())?;
            insist(!scope_spans.spans.is_empty(), || "a scope without spans".to_owned())?;
            for span in &scope_spans.spans {
                self::span(span).map_err(|fault| format!("{}: {fault}", span.name))?;
                let before = spans.insert((span.trace_id.clone(), span.span_id.clone()), span);
                insist(before.is_none(), || format!("{} came twice", span.name))?;
            }
        }
    }
    for span in spans.values() {
        // What is in another message is not checked here.
        let parent = spans.get(&(span.trace_id.clone(), span.parent_span_id.clone()));
        // Another process has another clock.
        if let Some(parent) = parent.filter(|_| span.flags & 0x200 == 0) {
            nested(span, parent)?;
        }
    }
    Ok(())
}

/// A child that runs in the same process lies within its parent.
fn nested(child: &Span, parent: &Span) -> Checked {
    insist(child.span_id != parent.span_id, || format!("{} is its own parent", child.name))?;
    insist(parent.start_time_unix_nano <= child.start_time_unix_nano, || {
        format!("{} begins before {}", child.name, parent.name)
    })?;
    insist(child.end_time_unix_nano <= parent.end_time_unix_nano, || {
        format!("{} ends after {}", child.name, parent.name)
    })
}

fn span(span: &Span) -> Checked {
    id(&span.trace_id, 16)?;
    id(&span.span_id, 8)?;
    if !span.parent_span_id.is_empty() {
        id(&span.parent_span_id, 8)?;
    }
    insist(!span.name.is_empty(), || "no name".to_owned())?;
    insist((1..=5).contains(&span.kind), || format!("kind {}", span.kind))?;
    insist(span.start_time_unix_nano >= NANOS_MIN, || format!("began at {}", span.start_time_unix_nano))?;
    insist(span.end_time_unix_nano >= span.start_time_unix_nano, || "ends before it begins".to_owned())?;
    insist(span.flags & !0x3ff == 0, || format!("flags {:x}", span.flags))?;
    insist(span.flags & 0x100 != 0, || "does not say whether its parent is remote".to_owned())?;
    insist(span.flags & 0x1 != 0, || "is not sampled".to_owned())?;
    attributes(&span.attributes)?;
    for event in &span.events {
        insist(!event.name.is_empty(), || "an event has no name".to_owned())?;
        let lifetime = span.start_time_unix_nano..=span.end_time_unix_nano;
        insist(lifetime.contains(&event.time_unix_nano), || format!("event {} is outside", event.name))?;
        attributes(&event.attributes)?;
    }
    for link in &span.links {
        id(&link.trace_id, 16)?;
        id(&link.span_id, 8)?;
        attributes(&link.attributes)?;
    }
    if let Some(status) = &span.status {
        insist((0..=2).contains(&status.code), || format!("status {}", status.code))?;
        insist(status.code == 2 || status.message.is_empty(), || "a message without an error".to_owned())?;
    }
    Ok(())
}

fn id(octets: &[u8], length: usize) -> Checked {
    insist(octets.len() == length, || format!("an id of {} octets", octets.len()))?;
    insist(octets.iter().any(|octet| *octet != 0), || "an id of zeros".to_owned())
}

fn attributes(attributes: &[KeyValue]) -> Checked {
    let mut keys = HashSet::new();
    for attribute in attributes {
        insist(!attribute.key.is_empty(), || "an attribute without a key".to_owned())?;
        insist(keys.insert(&attribute.key), || format!("{} twice", attribute.key))?;
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        insist(value.is_some(), || format!("{} has no value", attribute.key))?;
    }
    Ok(())
}

/// The text of an attribute.
pub(crate) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Reads the JSON form, after a look at how it is written: no field that is not of the protocol, ids in hex, enums as
/// integers, 64-bit integers as strings.
pub(crate) fn json(octets: &[u8]) -> Result<ExportTraceServiceRequest, String> {
    let json: Json = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
    written(&json, "")?;
    serde_json::from_value(json).map_err(|error| error.to_string())
}

const FIELDS: &[&str] = &[
    "resourceSpans",
    "resource",
    "scopeSpans",
    "schemaUrl",
    "scope",
    "spans",
    "name",
    "version",
    "attributes",
    "droppedAttributesCount",
    "entityRefs",
    "traceId",
    "spanId",
    "traceState",
    "parentSpanId",
    "flags",
    "kind",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "events",
    "droppedEventsCount",
    "links",
    "droppedLinksCount",
    "status",
    "timeUnixNano",
    "message",
    "code",
    "key",
    "value",
    "stringValue",
    "boolValue",
    "intValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
    "values",
];

fn written(json: &Json, field: &str) -> Checked {
    let hex = |length: usize| {
        let text = json.as_str().unwrap_or_default();
        let right = text.len() == length && text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        insist(right, || format!("{field} is written {json}"))
    };
    match field {
        "traceId" => hex(32),
        "spanId" => hex(16),
        "parentSpanId" if json.as_str() != Some("") => hex(16),
        "kind" | "code" | "flags" => insist(json.is_u64(), || format!("{field} is written {json}")),
        "startTimeUnixNano" | "endTimeUnixNano" | "timeUnixNano" | "intValue" => {
            insist(json.as_str().is_some_and(|text| text.parse::<i64>().is_ok()), || {
                format!("{field} is written {json}")
            })
        }
        _ => match json {
            Json::Array(items) => items.iter().try_for_each(|item| written(item, "")),
            Json::Object(fields) => fields.iter().try_for_each(|(name, value)| {
                insist(FIELDS.contains(&name.as_str()), || format!("unknown field {name}"))?;
                written(value, name)
            }),
            _ => Ok(()),
        },
    }
}

fn insist(right: bool, fault: impl FnOnce() -> String) -> Checked {
    if right { Ok(()) } else { Err(fault()) }
}
