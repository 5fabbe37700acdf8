//! Trace context: whatever comes in, what goes out is well formed, and an untrusted context ends here.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanId, TraceId};
use waylight::rules::trace_context::{
    BAGGAGE, Incoming, NewIds, Outgoing, Policy, SENTRY_TRACE, Settings, TRACEPARENT, TRACESTATE, Trust, propagate,
    sentry_trace::SentryTrace, traceparent::Traceparent,
};

/// Each line is a field's value: the first octet chooses the field.
pub(super) fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|octet| *octet == b'\n').take(64) {
        let Some((choice, value)) = line.split_first() else { continue };
        let name: HeaderName = match choice % 4 {
            0 => TRACEPARENT,
            1 => SENTRY_TRACE,
            2 => BAGGAGE,
            _ => TRACESTATE,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let incoming = Incoming::read(&headers);
    let ids = NewIds { trace_id: TraceId::from(7), sample_rate: 0.5 };
    let span = SpanId::from(9_u64);
    for trust in [Trust::Session, Trust::Trusted, Trust::Untrusted, Trust::Reject] {
        let mut outgoing = propagate(&incoming, trust, &Settings::default(), ids);
        outgoing.name_transaction("/a/:b");
        check(&outgoing, span);
        let mut sent = headers.clone();
        outgoing.apply(&mut sent);
        outgoing.tell(span, |name, value| {
            sent.append(name, HeaderValue::from_bytes(value).expect("digits"));
        });
        assert_eq!(sent.get_all(TRACEPARENT).iter().count(), 1);
        assert_eq!(sent.get_all(SENTRY_TRACE).iter().count(), 1);
        if matches!(trust, Trust::Untrusted | Trust::Reject) {
            assert_eq!(outgoing.trace_id, ids.trace_id);
            assert!(!sent.contains_key(TRACESTATE));
            let baggage = sent.get(BAGGAGE).map_or(&b""[..], HeaderValue::as_bytes);
            assert!(baggage.len() <= 8192);
            assert!(!baggage.starts_with(b"sentry-"), "a stranger's sampling context goes on");
        }
    }
    for policy in [Policy::Accept, Policy::Restart, Policy::Reject] {
        check(&Outgoing::deferred(&incoming, policy, &Settings::default(), ids), span);
    }
}

fn check(outgoing: &Outgoing, span: SpanId) {
    let tags = outgoing.meta(span);
    let sentry = SentryTrace::parse(tags.sentry_trace.as_bytes()).expect("a sentry-trace");
    let parent = Traceparent::parse(tags.traceparent.as_bytes()).expect("a traceparent");
    assert_eq!((sentry.trace_id, sentry.span_id), (outgoing.trace_id, span));
    assert_eq!((parent.trace_id, parent.span_id), (outgoing.trace_id, span));
    assert_eq!(tags.trace_id, outgoing.trace_id);
}
