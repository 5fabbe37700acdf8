//! One message of many traces, taken apart into one message for each, without decoding what is in the spans: octets are
//! copied as they came, unknown fields included. The layout is that of
//! `opentelemetry/proto/collector/trace/v1/trace_service.proto` 1.11.

use std::{fmt, ops::Range};

use opentelemetry::trace::TraceId;
use prost::encoding::{encode_varint, encoded_len_varint};

use crate::trace::protobuf;

/// `resource_spans` of a request, `scope_spans` of a resource, `spans` of a scope.
const REQUEST_RESOURCES: u32 = 1;
const RESOURCE_SCOPES: u32 = 2;
const SCOPE_SPANS: u32 = 2;
const SPAN_TRACE_ID: u32 = 1;
/// Wire type of a field with a length.
const DELIMITED: u64 = 2;

/// Takes messages apart; keeps its buffers for the next one.
#[derive(Debug, Default)]
pub struct Splitter {
    spans: Vec<Found>,
    /// What resources and scopes say beside their scopes and spans.
    heads: Vec<Vec<Range<usize>>>,
    buffer: Vec<u8>,
}

/// A span, where it stands.
#[derive(Clone, Debug)]
struct Found {
    trace: TraceId,
    /// Heads of its resource and its scope.
    resource: usize,
    scope: usize,
    /// Its field, key and length included.
    field: Range<usize>,
}

/// Octets that are no message, or a span with a malformed trace id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the spans are no OTLP message")
    }
}

impl std::error::Error for Malformed {}

impl Splitter {
    /// Calls `each` with every trace of `message`: its id, the number of its spans, and a message of its own.
    ///
    /// # Errors
    /// The octets are no message; `each` was not called.
    pub fn split(&mut self, message: &[u8], mut each: impl FnMut(TraceId, usize, &[u8])) -> Result<(), Malformed> {
        self.find(message)?;
        let Some(first) = self.spans.first() else { return Ok(()) };
        let trace = first.trace;
        if self.spans.iter().all(|span| span.trace == trace) {
            each(trace, self.spans.len(), message);
            return Ok(());
        }
        // Stable: the spans of a trace keep their order.
        self.spans.sort_by_key(|span| span.trace.to_bytes());
        let Self { spans, heads, buffer } = self;
        for part in spans.chunk_by(|one, next| one.trace == next.trace) {
            buffer.clear();
            join(message, heads, part, buffer);
            each(part[0].trace, part.len(), buffer);
        }
        Ok(())
    }

    fn find(&mut self, message: &[u8]) -> Result<(), Malformed> {
        self.spans.clear();
        self.heads.clear();
        for resource in fields(message, 0..message.len(), REQUEST_RESOURCES) {
            let resource = resource?;
            let Inside::Nested { content: resource, .. } = resource else { continue };
            let resource_head = self.head();
            for inside in fields(message, resource, RESOURCE_SCOPES) {
                match inside? {
                    Inside::Other(field) => self.heads[resource_head].push(field),
                    Inside::Nested { content, .. } => self.scope(message, resource_head, content)?,
                }
            }
        }
        Ok(())
    }

    fn scope(&mut self, message: &[u8], resource: usize, content: Range<usize>) -> Result<(), Malformed> {
        let scope = self.head();
        for inside in fields(message, content, SCOPE_SPANS) {
            match inside? {
                Inside::Other(field) => self.heads[scope].push(field),
                Inside::Nested { field, content } => {
                    let trace = trace_of(message, content)?;
                    self.spans.push(Found { trace, resource, scope, field });
                }
            }
        }
        Ok(())
    }

    fn head(&mut self) -> usize {
        self.heads.push(Vec::new());
        self.heads.len() - 1
    }
}

/// Writes a message with these spans, and with what their resources and scopes say.
fn join(message: &[u8], heads: &[Vec<Range<usize>>], spans: &[Found], buffer: &mut Vec<u8>) {
    let head_len = |head: usize| heads[head].iter().map(Range::len).sum::<usize>();
    for resource in spans.chunk_by(|one, next| one.resource == next.resource) {
        let scopes = || resource.chunk_by(|one, next| one.scope == next.scope);
        let scope_len =
            |scope: &[Found]| head_len(scope[0].scope) + scope.iter().map(|span| span.field.len()).sum::<usize>();
        let length =
            scopes().map(scope_len).map(|length| 1 + encoded_len_varint(length as u64) + length).sum::<usize>()
                + head_len(resource[0].resource);
        open(REQUEST_RESOURCES, length, buffer);
        heads[resource[0].resource].iter().for_each(|field| buffer.extend_from_slice(&message[field.clone()]));
        for scope in scopes() {
            open(RESOURCE_SCOPES, scope_len(scope), buffer);
            heads[scope[0].scope].iter().for_each(|field| buffer.extend_from_slice(&message[field.clone()]));
            scope.iter().for_each(|span| buffer.extend_from_slice(&message[span.field.clone()]));
        }
    }
}

fn open(tag: u32, length: usize, buffer: &mut Vec<u8>) {
    encode_varint(u64::from(tag) << 3 | DELIMITED, buffer);
    encode_varint(length as u64, buffer);
}

fn trace_of(message: &[u8], span: Range<usize>) -> Result<TraceId, Malformed> {
    for field in fields(message, span, SPAN_TRACE_ID) {
        if let Inside::Nested { content, .. } = field? {
            let octets = message[content].try_into().map_err(|_| Malformed)?;
            return Some(TraceId::from_bytes(octets)).filter(|trace| *trace != TraceId::INVALID).ok_or(Malformed);
        }
    }
    Err(Malformed)
}

/// A field of a message.
enum Inside {
    /// The one that is looked for.
    Nested { field: Range<usize>, content: Range<usize> },
    /// Any other.
    Other(Range<usize>),
}

/// The fields within a part of `message`, of which those with the tag `wanted` are told apart.
fn fields(message: &[u8], within: Range<usize>, wanted: u32) -> impl Iterator<Item = Result<Inside, Malformed>> {
    let Range { start: mut at, end } = within;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let field = next_field(message, at..end, wanted);
        at = match &field {
            Ok(Inside::Nested { field, .. } | Inside::Other(field)) => field.end,
            Err(_) => end,
        };
        Some(field)
    })
}

fn next_field(message: &[u8], Range { start, end }: Range<usize>, wanted: u32) -> Result<Inside, Malformed> {
    let mut rest = &message[start..end];
    let found = protobuf::field(&mut rest).ok_or(Malformed)?;
    let field = start..end - rest.len();
    if found.number == wanted && found.is_delimited {
        return Ok(Inside::Nested { content: field.end - found.content.len()..field.end, field });
    }
    Ok(Inside::Other(field))
}

#[cfg(test)]
mod tests;
