//! Trace context on the wire: W3C `traceparent` and `tracestate` (Trace Context level 2), Sentry's `sentry-trace`, W3C
//! `baggage` and the dynamic sampling context in it; and what an edge does with what comes in.
//!
//! Not here: whether a request is traced (`sampling.rs`), and which session owns a trace id (`trace::sessions`).

pub mod baggage;
pub mod dsc;
pub mod propagate;
pub mod sentry_trace;
pub mod traceparent;
pub mod tracestate;

pub use dsc::Settings;
pub use propagate::{Incoming, MetaTags, NewIds, Outgoing, Policy, Presenter, Trust, pass_untraced, propagate};

use http::HeaderName;

use super::hex::number as hex;

/// `traceparent`, W3C Trace Context section 3.2.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `traceresponse`, W3C Trace Context level 2 (editor's draft): which span answered.
pub const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");
/// `tracestate`, W3C Trace Context section 3.3.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// `sentry-trace`, Sentry's trace propagation.
pub const SENTRY_TRACE: HeaderName = HeaderName::from_static("sentry-trace");
/// `baggage`, W3C Baggage.
pub const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// A trace id of 32 digits, not all of them zero.
fn trace_id(digits: &[u8]) -> Option<opentelemetry::trace::TraceId> {
    let number = hex(digits).filter(|&number| number != 0)?;
    Some(opentelemetry::trace::TraceId::from_bytes(number.to_be_bytes()))
}

/// A span id of 16 digits, not all of them zero.
fn span_id(digits: &[u8]) -> Option<opentelemetry::trace::SpanId> {
    let number = hex(digits).and_then(|number| u64::try_from(number).ok()).filter(|&number| number != 0)?;
    Some(opentelemetry::trace::SpanId::from_bytes(number.to_be_bytes()))
}

#[cfg(test)]
mod tests;
