//! What a span costs the request's thread: opened, given two attributes, ended, and handed over sixteen at a time.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry::trace::TraceFlags;
use waylight::{
    clock,
    trace::{
        counters::Counters,
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
