//! `traceparent`, W3C Trace Context level 2 section 3.2.

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use super::{hex, span_id, trace_id};
use crate::rules::hex::Hex;

/// The bit that says that the trace id is random, section 3.2.2.5.2. opentelemetry has no name for it.
pub const RANDOM: TraceFlags = TraceFlags::new(0x02);
/// The flags of a trace that begins here: recorded, and with a random id.
pub const RECORDED: TraceFlags = TraceFlags::new(0x03);

/// The length of version 00, in octets.
const LENGTH: usize = 55;
/// The flags that level 2 knows. All others are zeroed.
const KNOWN: u8 = 0x03;

/// A valid `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that the header was written by.
    pub span_id: SpanId,
    /// `sampled` and `random`; never another bit.
    pub flags: TraceFlags,
}

impl Traceparent {
    /// Reads one header value. `None`: wrong length, upper case, an id of zeros, version `ff` - there is no context.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let version = hex(value.get(..2)?)?;
        let ends_well = match version {
            0xff => false,
            0x00 => value.len() == LENGTH,
            // A later version may have more fields, section 4.3.
            _ => value.len() == LENGTH || value.get(LENGTH) == Some(&b'-'),
        };
        if !ends_well || value.get(2) != Some(&b'-') || value.get(35) != Some(&b'-') || value.get(52) != Some(&b'-') {
            return None;
        }
        let flags = hex(value.get(53..LENGTH)?).and_then(|flags| u8::try_from(flags).ok())?;
        Some(Self {
            trace_id: trace_id(value.get(3..35)?)?,
            span_id: span_id(value.get(36..52)?)?,
            flags: TraceFlags::new(flags & KNOWN),
        })
    }
}

impl Traceparent {
    /// As a header's value: ASCII.
    pub fn octets(&self) -> [u8; LENGTH] {
        let mut octets = *b"00-00000000000000000000000000000000-0000000000000000-00";
        Hex(self.trace_id.to_bytes()).write_at(&mut octets, 3);
        Hex(self.span_id.to_bytes()).write_at(&mut octets, 36);
        Hex([self.flags.to_u8()]).write_at(&mut octets, 53);
        octets
    }

    /// As a header's value.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets()).into_owned()
    }
}
