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

/// What an element takes where a value is read: `serde` keeps what is in it until it knows what it is.
const ELEMENT: usize = 32;
/// What an object takes there: places for some pairs.
const OBJECT: usize = LIST_MIN * 2 * ELEMENT;
/// So deep values may be within one another: `serde_json` reads no deeper, and what it leaves out takes nothing.
const JSON_DEPTH_MAX: usize = 128;
/// A list that grows has room for so many at least, and twice as many each time.
const LIST_MIN: usize = 4;
/// What stands under these names is read as what it is.
const PLAIN: [&[u8]; 8] =
    [b"resourceSpans", b"scopeSpans", b"spans", b"resource", b"scope", b"attributes", b"events", b"links"];

/// An object or a list that is open where JSON is read.
struct Open {
    /// What each element takes; nothing in an object.
    each: usize,
    /// How many began so far.
    count: usize,
    /// Whether it, and all around it, stands under one of the names that are known.
    is_plain: bool,
}

impl Open {
    fn begin(octet: u8, name: &[u8], around: Option<&Self>) -> Self {
        let is_list = octet == b'[';
        let is_plain = match around {
            Some(around) if around.each > 0 => around.is_plain && !is_list,
            Some(around) => around.is_plain && PLAIN.contains(&name),
            None => !is_list,
        };
        let each = match name {
            _ if !is_list => 0,
            b"attributes" if is_plain => size_of::<KeyValue>(),
            b"events" if is_plain => size_of::<Event>(),
            b"links" if is_plain => size_of::<Link>(),
            _ if is_plain => size_of::<Span>(),
            _ => size_of::<Span>() + OBJECT,
        };
        Self { each, count: 0, is_plain }
    }

    /// What its elements take.
    fn octets(&self) -> usize {
        let places = if self.count == 0 { 0 } else { self.count.next_power_of_two().max(LIST_MIN) };
        self.each.saturating_mul(places)
    }
}

/// Whatever begins in a list may be a span, unless the list's name says that it is something smaller; a list may stand for
/// an object, too, whose fields have no names then.
fn weigh_json(message: &[u8]) -> usize {
    let mut octets = message.len();
    let mut open: Vec<Open> = Vec::new();
    // Lists and objects deeper than any that are read.
    let mut beyond = 0_usize;
    let (mut text, mut name): (&[u8], &[u8]) = (&[], &[]);
    let mut at = 0;
    while let Some(octet) = message.get(at) {
        at += 1;
        let is_plain = open.last().is_none_or(|around| around.is_plain);
        match octet {
            b'"' => {
                let end = text_end(message, at);
                text = message.get(at..end).unwrap_or_default();
                at = end + 1;
            }
            b':' => name = text,
            b',' => {
                octets += if is_plain { ELEMENT } else { 4 * ELEMENT };
                name = &[];
            }
            b'[' | b'{' if open.len() == JSON_DEPTH_MAX => beyond += 1,
            b'[' | b'{' => {
                octets += if is_plain { ELEMENT } else { OBJECT };
                if let Some(around) = open.last_mut() {
                    around.count += 1;
                }
                open.push(Open::begin(*octet, name, open.last()));
                name = &[];
            }
            b']' | b'}' if beyond > 0 => beyond -= 1,
            b']' | b'}' => octets = octets.saturating_add(open.pop().map_or(0, |closed| closed.octets())),
            _ => {}
        }
    }
    open.iter().map(Open::octets).fold(octets, usize::saturating_add)
}

/// Where the text ends that begins at `at`.
fn text_end(message: &[u8], mut at: usize) -> usize {
    while let Some(next) = message.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += next;
        if message[at] == b'"' {
            return at;
        }
        at += 2;
    }
    message.len()
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
