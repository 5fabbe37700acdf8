//! `sentry-trace`: `traceid-spanid[-sampled]`.

use opentelemetry::trace::{SpanId, TraceId};

use super::{span_id, trace_id};
use crate::rules::hex::Hex;

/// The greatest length, in octets.
const LENGTH_MAX: usize = 51;

/// A valid `sentry-trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentryTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that the header was written by.
    pub span_id: SpanId,
    /// What the head of the trace decided.
    pub sampled: Sampled,
}

/// What the head of a trace decided, in Sentry's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sampled {
    /// `-1`
    Yes,
    /// `-0`. Never turned into `-1` later: the dynamic sampling context says the same.
    No,
    /// No flag: whoever comes next decides.
    #[default]
    Deferred,
}

impl SentryTrace {
    /// Reads one header value; blanks around it are allowed, upper case and headers joined by commas are not.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = trim(value);
        if value.get(32) != Some(&b'-') {
            return None;
        }
        let sampled = match value.get(49..)? {
            b"" => Sampled::Deferred,
            b"-1" => Sampled::Yes,
            b"-0" => Sampled::No,
            _ => return None,
        };
        Some(Self { trace_id: trace_id(value.get(..32)?)?, span_id: span_id(value.get(33..49)?)?, sampled })
    }
}

impl SentryTrace {
    /// As a header's value: ASCII.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(LENGTH_MAX);
        Hex(self.trace_id.to_bytes()).write_to(&mut octets);
        octets.push(b'-');
        Hex(self.span_id.to_bytes()).write_to(&mut octets);
        octets.extend_from_slice(match self.sampled {
            Sampled::Yes => b"-1",
            Sampled::No => b"-0",
            Sampled::Deferred => b"",
        });
        octets
    }

    /// As a header's value.
    pub fn text(&self) -> String {
        String::from_utf8(self.octets()).unwrap_or_default()
    }
}

/// Without the blanks and tabs around it.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
