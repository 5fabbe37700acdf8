//! From our span records to OTLP in protobuf, written straight into one buffer: no message is built in between, which
//! is most of what recording a span costs. The layout is that of `opentelemetry/proto/trace/v1/trace.proto` 1.11; tests
//! decode it with the generated types.

use std::collections::BTreeMap;

use bytes::Bytes;
use opentelemetry::{
    Array, KeyValue, Value,
    trace::{SpanId, SpanKind},
};
use prost::encoding::{WireType, encode_key, encode_varint};

use super::record::{EventRecord, LinkRecord, Origin, SpanRecord};

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`: it is known whether the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent is remote.
const IS_REMOTE: u32 = 0x200;
const STATUS_ERROR: u64 = 2;

/// The process that the edge's spans come from, encoded once.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource(Bytes);

impl Resource {
    /// This process as `service_name`, with `extra` attributes, which win over the built-in ones but for the name.
    pub fn new(service_name: &str, extra: &BTreeMap<String, String>) -> Self {
        let mut attributes = BTreeMap::from([
            ("service.version", Value::from(env!("CARGO_PKG_VERSION"))),
            ("telemetry.sdk.name", "waylight".into()),
            ("telemetry.sdk.language", "rust".into()),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION").into()),
            ("process.pid", i64::from(std::process::id()).into()),
        ]);
        if let Ok(host) = rustix::system::uname().nodename().to_str() {
            attributes.insert("host.name", host.to_owned().into());
        }
        for (key, value) in extra {
            attributes.insert(key, value.clone().into());
        }
        attributes.insert("service.name", service_name.to_owned().into());
        let mut buffer = Vec::with_capacity(256);
        nested(&mut buffer, 1, |buffer| {
            for (key, value) in &attributes {
                key_value(buffer, 1, key, value);
            }
        });
        Self(buffer.into())
    }
}

/// Encodes an `ExportTraceServiceRequest` with these spans.
pub fn request<'a>(resource: &Resource, spans: impl Iterator<Item = &'a SpanRecord>) -> Bytes {
    let mut buffer = Vec::with_capacity(4096);
    nested(&mut buffer, 1, |buffer| {
        buffer.extend_from_slice(&resource.0);
        nested(buffer, 2, |buffer| {
            nested(buffer, 1, |buffer| {
                text(buffer, 1, "waylight");
                text(buffer, 2, env!("CARGO_PKG_VERSION"));
            });
            for record in spans {
                nested(buffer, 2, |buffer| span(buffer, record));
            }
        });
    });
    // Batches wait in queues that count their octets: none is kept that is not written.
    buffer.into_boxed_slice().into()
}

fn span(buffer: &mut Vec<u8>, record: &SpanRecord) {
    octets(buffer, 1, &record.trace_id.to_bytes());
    octets(buffer, 2, &record.span_id.to_bytes());
    if record.parent != SpanId::INVALID {
        octets(buffer, 4, &record.parent.to_bytes());
    }
    text(buffer, 5, record.name.as_deref().unwrap_or(record.stage.name()));
    varint(buffer, 6, kind(&record.stage.kind()));
    fixed64(buffer, 7, record.start.unix_nanos());
    fixed64(buffer, 8, record.end.max(record.start).unix_nanos());
    key_value(buffer, 9, "waylight.stage", &Value::from(record.stage.id()));
    key_value(buffer, 9, "sentry.op", &Value::from(record.stage.op()));
    for attribute in &record.attributes {
        key_value(buffer, 9, attribute.key.as_str(), &attribute.value);
    }
    if record.dropped_attributes > 0 {
        varint(buffer, 10, u64::from(record.dropped_attributes));
    }
    for happened in &record.events {
        nested(buffer, 11, |buffer| event(buffer, happened));
    }
    for linked in &record.links {
        nested(buffer, 13, |buffer| link(buffer, linked));
    }
    if let Some(message) = &record.error {
        nested(buffer, 15, |buffer| {
            if !message.is_empty() {
                text(buffer, 2, message);
            }
            varint(buffer, 3, STATUS_ERROR);
        });
    }
    let remote = if record.parent_origin == Origin::Remote { IS_REMOTE } else { 0 };
    fixed32(buffer, 16, u32::from(record.flags.to_u8()) | HAS_IS_REMOTE | remote);
}

fn event(buffer: &mut Vec<u8>, event: &EventRecord) {
    fixed64(buffer, 1, event.time.unix_nanos());
    text(buffer, 2, &event.name);
    attributes(buffer, 3, &event.attributes);
}

fn link(buffer: &mut Vec<u8>, link: &LinkRecord) {
    octets(buffer, 1, &link.trace_id.to_bytes());
    octets(buffer, 2, &link.span_id.to_bytes());
    attributes(buffer, 4, &link.attributes);
    fixed32(buffer, 6, HAS_IS_REMOTE | IS_REMOTE);
}

fn attributes(buffer: &mut Vec<u8>, tag: u32, attributes: &[KeyValue]) {
    for attribute in attributes {
        key_value(buffer, tag, attribute.key.as_str(), &attribute.value);
    }
}

/// Most of what is encoded are attributes, and most of these are short: their lengths are known before they are written,
/// so that nothing is written twice.
fn key_value(buffer: &mut Vec<u8>, tag: u32, key: &str, value: &Value) {
    if let Value::String(value) = value
        && let value = value.as_str().as_bytes()
        // Each of four lengths takes one octet then.
        && key.len() + value.len() < 120
    {
        let (key_length, value_length) = (key.len() as u8, value.len() as u8);
        buffer.reserve(key.len() + value.len() + 10);
        encode_key(tag, WireType::LengthDelimited, buffer);
        buffer.extend_from_slice(&[key_length + value_length + 6, TEXT_KEY, key_length]);
        buffer.extend_from_slice(key.as_bytes());
        buffer.extend_from_slice(&[NESTED_VALUE, value_length + 2, TEXT_KEY, value_length]);
        buffer.extend_from_slice(value);
        return;
    }
    nested(buffer, tag, |buffer| {
        text(buffer, 1, key);
        nested(buffer, 2, |buffer| any_value(buffer, value));
    });
}

/// The key of field 1, and of field 2, where they hold octets.
const TEXT_KEY: u8 = 1 << 3 | WireType::LengthDelimited as u8;
const NESTED_VALUE: u8 = 2 << 3 | WireType::LengthDelimited as u8;

/// The members of a `oneof` are written even where they equal their type's default.
fn any_value(buffer: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(value) => text(buffer, 1, value.as_str()),
        Value::Bool(value) => varint(buffer, 2, u64::from(*value)),
        Value::I64(value) => varint(buffer, 3, value.cast_unsigned()),
        Value::F64(value) => fixed64(buffer, 4, value.to_bits()),
        Value::Array(array) => nested(buffer, 5, |buffer| array_value(buffer, array)),
        // The enum is open; a value of a kind that is not known yet is still readable as text.
        other => text(buffer, 1, &other.as_str()),
    }
}

fn array_value(buffer: &mut Vec<u8>, array: &Array) {
    let mut item = |value: Value| nested(buffer, 1, |buffer| any_value(buffer, &value));
    match array {
        Array::Bool(values) => values.iter().for_each(|value| item((*value).into())),
        Array::I64(values) => values.iter().for_each(|value| item((*value).into())),
        Array::F64(values) => values.iter().for_each(|value| item((*value).into())),
        Array::String(values) => values.iter().for_each(|value| item(value.clone().into())),
        other => item(other.to_string().into()),
    }
}

/// A kind as OTLP numbers it.
pub const fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// Writes a message whose length is only known afterwards. Most are shorter than 128 octets, whose length takes one
/// octet; a longer one is moved to make room.
fn nested(buffer: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, buffer);
    let at = buffer.len();
    buffer.push(0);
    write(buffer);
    let length = buffer.len() - at - 1;
    if let Ok(short @ 0..128) = u8::try_from(length) {
        buffer[at] = short;
        return;
    }
    let mut prefix = [0; 10];
    let mut rest = &mut prefix[..];
    encode_varint(length as u64, &mut rest);
    let used = 10 - rest.len();
    buffer.splice(at..=at, prefix[..used].iter().copied());
}

fn octets(buffer: &mut Vec<u8>, tag: u32, value: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, buffer);
    match u8::try_from(value.len()) {
        Ok(short @ 0..128) => buffer.push(short),
        _ => encode_varint(value.len() as u64, buffer),
    }
    buffer.extend_from_slice(value);
}

fn text(buffer: &mut Vec<u8>, tag: u32, value: &str) {
    octets(buffer, tag, value.as_bytes());
}

fn varint(buffer: &mut Vec<u8>, tag: u32, value: u64) {
    encode_key(tag, WireType::Varint, buffer);
    encode_varint(value, buffer);
}

fn fixed64(buffer: &mut Vec<u8>, tag: u32, value: u64) {
    encode_key(tag, WireType::SixtyFourBit, buffer);
    buffer.extend_from_slice(&value.to_le_bytes());
}

fn fixed32(buffer: &mut Vec<u8>, tag: u32, value: u32) {
    encode_key(tag, WireType::ThirtyTwoBit, buffer);
    buffer.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
