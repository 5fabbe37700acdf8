//! The cost of choosing a route must not grow with the number of routes: 10 against 10,000, for a hit, a miss, and
//! among routes with the same prefix.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Method};
use waylight::rules::route::{Ask, Conditions, PathPattern, RequestPath, Table};

fn table(count: usize, pattern: impl Fn(usize) -> String) -> Table<usize> {
    let route = |at| {
        let path = PathPattern::parse(&pattern(at)).unwrap_or_else(|error| unreachable!("{error}"));
        (Conditions { path, methods: Vec::new(), headers: Vec::new(), query: Vec::new() }, at)
    };
    Table::new((0..count).map(route))
}

fn routing(criterion: &mut Criterion) {
    let headers = HeaderMap::new();
    let mut group = criterion.benchmark_group("routing");
    for count in [10, 10_000] {
        let spread = table(count, |at| format!("/section-{at}/:slug/details"));
        let prefixed = table(count, |at| format!("/api/v1/items-{at}"));
        for (name, table, path) in [
            ("hit", &spread, "/section-7/lamp/details"),
            ("miss", &spread, "/nowhere/lamp/details"),
            ("same prefix", &prefixed, "/api/v1/items-7"),
        ] {
            group.bench_with_input(BenchmarkId::new(name, count), path, |bencher, path| {
                bencher.iter(|| {
                    let path = RequestPath::parse(black_box(path));
                    let Ok(path) = path else { unreachable!("a plain path") };
                    let ask = Ask { method: &Method::GET, path: &path, query: None, headers: &headers };
                    table.find(&ask).map(|found| found.index)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, routing);
criterion_main!(benches);
