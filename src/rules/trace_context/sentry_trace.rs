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
    /// Gives `take` a header's value: ASCII.
    pub fn write<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        let mut octets = *b"00000000000000000000000000000000-0000000000000000-1";
        Hex(self.trace_id.to_bytes()).write_at(&mut octets, 0);
        Hex(self.span_id.to_bytes()).write_at(&mut octets, 33);
        match self.sampled {
            Sampled::Yes => take(&octets),
            Sampled::No => {
                octets[LENGTH_MAX - 1] = b'0';
                take(&octets)
            }
            Sampled::Deferred => take(&octets[..LENGTH_MAX - 2]),
        }
    }

    /// As a header's value.
    pub fn text(&self) -> String {
        self.write(|octets| String::from_utf8_lossy(octets).into_owned())
    }
}

/// Without the blanks and tabs around it.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
