//! What a span costs the request's thread: opened, given two attributes, ended, and handed over sixteen at a time.
//! And what it costs the background: encoded in OTLP, in batches as the collector makes them.

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry::trace::TraceFlags;
use waylight::{
    clock,
    trace::{
        counters::Counters,
        encode::{self, Resource},
        ids,
        outbox::Outbox,
        recording::Begin,
        scope::{Scope, Span},
        stage::Stage,
    },
};

const SPANS: u64 = 16;

fn recording(criterion: &mut Criterion) {
    let (outbox, mut inbox) = Outbox::new(4, Arc::new(Counters::default()));
    let mut group = criterion.benchmark_group("recording");
    group.throughput(Throughput::Elements(SPANS));
    group.bench_function("sixteen spans", |bencher| {
        bencher.iter(|| {
            let begin = Begin {
                trace_id: ids::trace_id(),
                flags: TraceFlags::SAMPLED,
                outbox: outbox.clone(),
                meter: None,
                spans_max: 1024,
            };
            let root = Span::root(begin, None, clock::now());
            let scope = root.scope();
            for _ in 1..SPANS {
                children(&scope);
            }
            drop((scope, root));
            inbox.try_recv()
        });
    });
    let begin = Begin {
        trace_id: ids::trace_id(),
        flags: TraceFlags::SAMPLED,
        outbox: outbox.clone(),
        meter: None,
        spans_max: 1024,
    };
    let root = Span::root(begin, None, clock::now());
    let scope = root.scope();
    for _ in 1..SPANS {
        children(&scope);
    }
    drop((scope, root));
    let request = inbox.try_recv().unwrap_or_default();
    let resource = Resource::new("edge", &BTreeMap::new());
    group.bench_function("sixteen spans encoded", |bencher| {
        // Half a collector's batch.
        let batch: Vec<_> = std::iter::repeat_n(&request, 16).collect();
        bencher.iter_custom(|times| {
            let begun = clock::now();
            for _ in 0..times.div_ceil(16) {
                black_box(encode::request(&resource, batch.iter().copied().flatten()));
            }
            clock::now().since(begun)
        });
    });
    group.bench_function("sixteen spans of an untraced request", |bencher| {
        let scope = Scope::off();
        bencher.iter(|| {
            for _ in 0..SPANS {
                children(black_box(&scope));
            }
        });
    });
    group.finish();
}

fn children(scope: &Scope) {
    let mut span = scope.span(Stage::Route);
    span.set("http.route", || "/products/:slug");
    span.set("http.response.status_code", || 200_i64);
    drop(span);
}

criterion_group!(benches, recording);
criterion_main!(benches);
