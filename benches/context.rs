//! Reading the trace context of a traced request, and writing what goes on.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue};
use waylight::{
    rules::trace_context::{self, Incoming, NewIds, Settings, Trust},
    trace::ids,
};

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        ("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"),
        (
            "baggage",
            "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-public_key=public,sentry-sample_rate=1,\
             sentry-sampled=true,sentry-sample_rand=0.123456,sentry-environment=production,userId=alice",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn context(criterion: &mut Criterion) {
    let headers = headers();
    let settings = Settings::default();
    let span = ids::span_id();
    criterion.bench_function("context/continue", |bencher| {
        bencher.iter(|| {
            let incoming = Incoming::read(black_box(&headers));
            let ids = NewIds { trace_id: ids::trace_id(), sample_rate: 1.0 };
            let outgoing = trace_context::propagate(&incoming, Trust::Session, &settings, ids);
            let mut sent = headers.clone();
            outgoing.apply(&mut sent);
            outgoing.tell(span, |name, value| {
                black_box((name, value));
            });
            sent
        });
    });
    criterion.bench_function("context/begin", |bencher| {
        bencher.iter(|| {
            let incoming = Incoming::read(black_box(&HeaderMap::new()));
            let ids = NewIds { trace_id: ids::trace_id(), sample_rate: 1.0 };
            let outgoing = trace_context::propagate(&incoming, Trust::Session, &settings, ids);
            let mut sent = HeaderMap::new();
            outgoing.apply(&mut sent);
            outgoing.tell(span, |name, value| {
                black_box((name, value));
            });
            sent
        });
    });
}

criterion_group!(benches, context);
criterion_main!(benches);
