//! OTLP in JSON, as senders write it (OTLP 1.11, "JSON Protobuf Encoding"; ProtoJSON). `opentelemetry-proto` reads what SDKs
//! send; ProtoJSON allows a little more where a value may be anything: a list without its items where there are none,
//! numbers as texts, and fields that came later, which are to be ignored.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde_json::{Map, Value, json};

/// Larger messages are read as SDKs write them only, in octets: read as anything, they take much more memory.
const BYTES_MAX: usize = 1 << 20;
/// What a value may be, by its field.
const KINDS: [&str; 7] =
    ["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"];

/// Reads a message; `None` if it is none.
pub(super) fn decode(body: &[u8]) -> Option<ExportTraceServiceRequest> {
    serde_json::from_slice(body).ok().or_else(|| {
        let mut message = (body.len() <= BYTES_MAX).then(|| serde_json::from_slice(body).ok()).flatten()?;
        tidy(&mut message);
        serde_json::from_value(message).ok()
    })
}

/// serde_json reads no deeper than 128 levels, so neither does this go deeper.
fn tidy(part: &mut Value) {
    match part {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            if let (true, Some(Value::Object(value))) = (fields.contains_key("key"), fields.get_mut("value")) {
                any(value);
            }
            if fields.keys().any(|name| KINDS.contains(&name.as_str())) {
                any(fields);
            }
            fields.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

/// A value of any kind.
fn any(value: &mut Map<String, Value>) {
    value.retain(|name, _| KINDS.contains(&name.as_str()));
    for list in ["arrayValue", "kvlistValue"] {
        if let Some(Value::Object(list)) = value.get_mut(list) {
            list.entry("values").or_insert(json!([]));
        }
    }
    if let Some(Value::Array(items)) = value.get_mut("arrayValue").and_then(|list| list.get_mut("values")) {
        items.iter_mut().filter_map(Value::as_object_mut).for_each(any);
    }
    if let Some(Value::String(text)) = value.get("doubleValue") {
        let number = text.parse().ok().and_then(serde_json::Number::from_f64);
        // What is no number stays a text.
        let (kind, read) = number.map_or(("stringValue", json!(text)), |number| ("doubleValue", Value::Number(number)));
        *value = Map::from_iter([(kind.to_owned(), read)]);
    }
}

#[cfg(test)]
mod tests;
