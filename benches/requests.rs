//! What the log of requests costs the request's thread: its hints are read from the head, and its record is written
//! when it ends. At most 300 ns a request are allowed.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use waylight::{
    rules::headers::redact::Redaction,
    trace::{
        counters::Counters,
        requests::{
            entry::{Entry, Query, Record},
            hints::Hints,
            log::{RequestLog, RequestOutbox},
        },
    },
};

/// What a browser sends with a script of a page.
const FIELDS: [(&str, &str); 8] = [
    ("host", "shop.example.com"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.9"),
    ("referer", "https://shop.example.com/products/lamp"),
    ("sec-fetch-dest", "script"),
    ("sec-fetch-mode", "no-cors"),
];

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("requests");
    let headers: HeaderMap =
        FIELDS.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let redaction = Redaction::default();
    for (name, query) in [("a request", ""), ("a request with a query", "page=2&sort=price&token=abcdef")] {
        let (outbox, mut inbox) = RequestOutbox::new(64, Arc::new(Counters::default()));
        let log = RequestLog::new(outbox);
        let client = "192.0.2.1".parse().unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let headers = black_box(&headers);
                let hints = Hints::read(headers).asking("shop.example.com", "/static/shop.js", Some(query));
                log.append(&entry(Query::Raw(black_box(query), &redaction), hints.sent_from(client)), None);
                // The background gives the octets back.
                if let Ok(chunk) = inbox.try_recv() {
                    chunk.give_back();
                }
            });
        });
    }
    let mut octets = Vec::new();
    entry(Query::Shown("page=2"), Hints::default()).write(&mut octets);
    group.bench_function("a record becomes a row", |bencher| {
        bencher
            .iter(|| Record::next(&mut black_box(&*octets)).and_then(|record| record.entry()).map(|entry| entry.row()));
    });
    group.finish();
}

fn entry(query: Query<'_>, hints: Hints) -> Entry<'_> {
    Entry {
        id: 7,
        start: 1_700_000_000_000_000_000,
        duration: 12_000_000,
        moments: [Some(10_000), Some(11_000), Some(12_000), Some(15_000), Some(9_000_000)],
        status: 200,
        bytes: 1024,
        method: "GET",
        scheme: "https",
        version: "2",
        host: "shop.example.com",
        path: "/static/shop.js",
        query,
        route: "/static/*",
        upstream: "app",
        cache: "",
        cache_reason: "",
        error: "",
        client: Some("192.0.2.1".parse().unwrap()),
        sender: None,
        trace: None,
        hints,
    }
}

criterion_group!(benches, requests);
criterion_main!(benches);
