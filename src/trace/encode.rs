//! From our span records to OTLP in protobuf, written straight into one buffer: no message is built in between, and
//! attributes are copied as they were set (`attributes.rs`). The layout is that of
//! `opentelemetry/proto/trace/v1/trace.proto` 1.11; tests decode it with the generated types.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use opentelemetry::{
    KeyValue, Value,
    trace::{SpanId, SpanKind},
};

use super::{
    attributes,
    protobuf::{fixed32, fixed64, nested, nested_in, octets, text, varint},
    record::{EventRecord, LinkRecord, Origin, SpanRecord},
    stage::Stage,
};

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`: it is known whether the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent is remote.
const IS_REMOTE: u32 = 0x200;
const STATUS_ERROR: u64 = 2;
/// What a span takes beside its own attributes, in octets: most take less.
const SPAN_BYTES: usize = 192;

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
                attributes::write(buffer, 1, key, value);
            }
        });
        Self(buffer.into())
    }
}

/// Encodes an `ExportTraceServiceRequest` with these spans.
pub fn request<'a>(resource: &Resource, spans: impl Iterator<Item = &'a SpanRecord> + Clone) -> Bytes {
    let expected: usize = spans.clone().map(|span| SPAN_BYTES + span.attributes.octets().len()).sum();
    let mut buffer = Vec::with_capacity(resource.0.len() + expected);
    // Two octets of length hold what is shorter than 16 KiB, three what is shorter than 2 MiB.
    if resource.0.len() + expected < 1 << 14 {
        nested_in::<2>(&mut buffer, 1, |buffer| resource_spans::<2>(buffer, resource, spans));
    } else {
        nested_in::<3>(&mut buffer, 1, |buffer| resource_spans::<3>(buffer, resource, spans));
    }
    // Batches wait in queues that count their octets: none is kept that is not written.
    buffer.into_boxed_slice().into()
}

/// Encodes `ResourceSpans`, of which each length most likely takes `N` octets.
fn resource_spans<'a, const N: usize>(
    buffer: &mut Vec<u8>,
    resource: &Resource,
    spans: impl Iterator<Item = &'a SpanRecord>,
) {
    buffer.extend_from_slice(&resource.0);
    nested_in::<N>(buffer, 2, |buffer| {
        nested(buffer, 1, |buffer| {
            text(buffer, 1, "waylight");
            text(buffer, 2, env!("CARGO_PKG_VERSION"));
        });
        for record in spans {
            nested_in::<2>(buffer, 2, |buffer| span(buffer, record));
        }
    });
}

fn span(buffer: &mut Vec<u8>, record: &SpanRecord) {
    let (ids, length) = ids(record);
    buffer.extend_from_slice(&ids[..length]);
    text(buffer, 5, record.name.as_deref().unwrap_or(record.stage.name()));
    buffer.extend_from_slice(&times(record));
    buffer.extend_from_slice(&CONSTANTS[record.stage.place()]);
    buffer.extend_from_slice(record.attributes.octets());
    if record.attributes.dropped() > 0 {
        varint(buffer, 10, u64::from(record.attributes.dropped()));
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

/// The ids of a span, of its trace and of its parent, and how many octets they take: without a parent that is left out.
/// Written in one piece, as all spans have them in the same places.
fn ids(record: &SpanRecord) -> ([u8; 38], usize) {
    let mut ids = [0; 38];
    ids[..2].copy_from_slice(&[1 << 3 | 2, 16]);
    ids[2..18].copy_from_slice(&record.trace_id.to_bytes());
    ids[18..20].copy_from_slice(&[2 << 3 | 2, 8]);
    ids[20..28].copy_from_slice(&record.span_id.to_bytes());
    ids[28..30].copy_from_slice(&[4 << 3 | 2, 8]);
    ids[30..].copy_from_slice(&record.parent.to_bytes());
    (ids, if record.parent == SpanId::INVALID { 28 } else { 38 })
}

/// When a span began and when it ended, in one piece as well.
fn times(record: &SpanRecord) -> [u8; 18] {
    let mut times = [0; 18];
    times[0] = 7 << 3 | 1;
    times[1..9].copy_from_slice(&record.start.unix_nanos().to_le_bytes());
    times[9] = 8 << 3 | 1;
    times[10..].copy_from_slice(&record.end.max(record.start).unix_nanos().to_le_bytes());
    times
}

/// What all spans of a stage say: their kind, and two attributes.
static CONSTANTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let constants = Stage::ALL.iter().map(|stage| {
        let mut buffer = Vec::new();
        varint(&mut buffer, 6, kind(&stage.kind()));
        attributes::write(&mut buffer, 9, "waylight.stage", stage.id());
        attributes::write(&mut buffer, 9, "sentry.op", stage.op());
        buffer
    });
    constants.collect()
});

fn event(buffer: &mut Vec<u8>, event: &EventRecord) {
    fixed64(buffer, 1, event.time.unix_nanos());
    text(buffer, 2, &event.name);
    key_values(buffer, 3, &event.attributes);
}

fn link(buffer: &mut Vec<u8>, link: &LinkRecord) {
    octets(buffer, 1, &link.trace_id.to_bytes());
    octets(buffer, 2, &link.span_id.to_bytes());
    key_values(buffer, 4, &link.attributes);
    fixed32(buffer, 6, HAS_IS_REMOTE | IS_REMOTE);
}

fn key_values(buffer: &mut Vec<u8>, tag: u32, attributes: &[KeyValue]) {
    for attribute in attributes {
        attributes::write(buffer, tag, attribute.key.as_str(), &attribute.value);
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

#[cfg(test)]
mod tests;
