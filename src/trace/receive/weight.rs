//! How much memory a message takes when it is decoded, told before it is. An empty span is two octets as sent and some
//! hundreds in memory, so the length of a message bounds nothing. Not here: whether it is a message at all, which its
//! decoder tells.

use std::collections::HashSet;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use prost::Message;

use super::http::Encoding;
use crate::trace::protobuf;

/// So deep messages may be within one another: prost reads no deeper.
const DEPTH_MAX: usize = 100;

/// What an element takes beside what is in it, and which of its fields are elements, too.
struct Kind {
    octets: usize,
    inside: &'static [(u32, &'static Self)],
}

static MESSAGE: Kind = Kind { octets: size_of::<ExportTraceServiceRequest>(), inside: &[(1, &RESOURCE_SPANS)] };
static RESOURCE_SPANS: Kind = Kind { octets: size_of::<ResourceSpans>(), inside: &[(1, &RESOURCE), (2, &SCOPE_SPANS)] };
static RESOURCE: Kind = Kind { octets: size_of::<Resource>(), inside: &[(1, &KEY_VALUE), (3, &ENTITY)] };
static ENTITY: Kind = Kind { octets: size_of::<EntityRef>(), inside: &[(3, &TEXT), (4, &TEXT)] };
static TEXT: Kind = Kind { octets: size_of::<String>(), inside: &[] };
static SCOPE_SPANS: Kind = Kind { octets: size_of::<ScopeSpans>(), inside: &[(1, &SCOPE), (2, &SPAN)] };
static SCOPE: Kind = Kind { octets: size_of::<InstrumentationScope>(), inside: &[(3, &KEY_VALUE)] };
static SPAN: Kind =
    Kind { octets: size_of::<Span>(), inside: &[(9, &KEY_VALUE), (11, &EVENT), (13, &LINK), (15, &STATUS)] };
static EVENT: Kind = Kind { octets: size_of::<Event>(), inside: &[(3, &KEY_VALUE)] };
static LINK: Kind = Kind { octets: size_of::<Link>(), inside: &[(4, &KEY_VALUE)] };
static STATUS: Kind = Kind { octets: size_of::<Status>(), inside: &[] };
static KEY_VALUE: Kind = Kind { octets: size_of::<KeyValue>(), inside: &[(2, &VALUE)] };
static VALUE: Kind = Kind { octets: size_of::<AnyValue>(), inside: &[(5, &VALUES), (6, &PAIRS)] };
static VALUES: Kind = Kind { octets: 0, inside: &[(1, &VALUE)] };
static PAIRS: Kind = Kind { octets: 0, inside: &[(1, &KEY_VALUE)] };

/// The octets that a message takes in memory; `None`: it is none.
pub fn octets(encoding: Encoding, message: &[u8]) -> Option<usize> {
    match encoding {
        Encoding::Protobuf => weigh(message, &MESSAGE, DEPTH_MAX),
        Encoding::Json => Some(weigh_json(message)),
    }
}

fn weigh(message: &[u8], kind: &Kind, depth: usize) -> Option<usize> {
    let mut octets = kind.octets;
    if kind.inside.is_empty() {
        return Some(octets + message.len());
    }
    let mut rest = message;
    while !rest.is_empty() {
        let field = protobuf::field(&mut rest)?;
        octets += match kind.inside.iter().find(|(number, _)| *number == field.number) {
            Some((_, kind)) => weigh(field.content, kind, depth.checked_sub(1)?)?,
            None => field.content.len(),
        };
    }
    Some(octets)
}

/// What an element takes of a field that nobody knows, while it is read.
const ELEMENT: usize = 32;

/// Whatever begins in a list may be a span. Within texts it is counted, too: that is too much, never too little.
fn weigh_json(message: &[u8]) -> usize {
    let begins = |at: usize| {
        let before = message[..at].iter().rev().find(|octet| !octet.is_ascii_whitespace());
        matches!(before, Some(b'[' | b','))
    };
    // A list may stand for an object, too: its elements are taken for the fields.
    let objects = memchr::memchr2_iter(b'{', b'[', message).filter(|at| begins(*at)).count();
    let elements = memchr::memchr2_iter(b',', b'[', message).count();
    message.len() + objects * size_of::<Span>() + elements * ELEMENT
}

/// The octets that resources and scopes take once a message is taken apart into one for each trace: each has them anew.
pub fn copied(message: &ExportTraceServiceRequest) -> usize {
    let resources = message.resource_spans.iter().map(|of| {
        let spans = of.scope_spans.iter().flat_map(|scope| &scope.spans);
        let head = head(of.resource.as_ref(), &RESOURCE).saturating_add(of.schema_url.len());
        head.saturating_mul(traces(spans))
    });
    let scopes = message.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let scopes = scopes.map(|of| {
        let head = head(of.scope.as_ref(), &SCOPE).saturating_add(of.schema_url.len());
        head.saturating_mul(traces(&of.spans))
    });
    resources.chain(scopes).fold(0, usize::saturating_add)
}

fn head<M: Message>(head: Option<&M>, kind: &Kind) -> usize {
    head.map_or(0, |head| weigh(&head.encode_to_vec(), kind, DEPTH_MAX).unwrap_or(usize::MAX))
}

fn traces<'s>(spans: impl IntoIterator<Item = &'s Span>) -> usize {
    spans.into_iter().map(|span| &span.trace_id).collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests;
