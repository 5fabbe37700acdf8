//! Random identifiers. They are names, not secrets: secrets come from the operating system (`rules::token`).

use opentelemetry::trace::{SpanId, TraceId};

/// A new trace id, never all zero. All of it is random (W3C Trace Context level 2, section 3.2.2.5).
pub fn trace_id() -> TraceId {
    TraceId::from_bytes(fastrand::u128(1..).to_be_bytes())
}

/// A new span id, never all zero.
pub fn span_id() -> SpanId {
    SpanId::from_bytes(fastrand::u64(1..).to_be_bytes())
}
