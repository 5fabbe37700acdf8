//! The store: spans taken in on one core in batches of ten-span traces, any filter over many requests, the first octet of
//! a long trace, and how long whoever reads or writes waits while most of the file is removed and given back to the disk.
//! `WAYLIGHT_BENCH_ROWS` asks for other than a million requests, `WAYLIGHT_BENCH_MIB` for another file than one of 128 MiB to
//! remove from; with it, nothing else is measured.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a bench fails by panicking, and says what criterion does not measure"
)]

use std::{collections::BTreeMap, hint::black_box, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry::trace::{TraceFlags, TraceId};
use tokio::runtime::Runtime;
use waylight::{
    clock,
    config::{self, Source as ConfigSource, model::Store as Settings},
    rules::{find::Find, session::Id},
    trace::{
        counters::Counters,
        encode::{self, Resource},
        ids,
        outbox::Outbox,
        quota::Quota,
        recording::Begin,
        requests::row::{CacheOutcome, RequestRow},
        scope::Span,
        sink::{Batch, Source, SpanSink as _},
        stage::Stage,
        store::{
            TraceStore as _,
            query::{RequestQuery, Traced},
            sqlite::SqliteStore,
        },
    },
};

const SPANS_OF_TRACE: usize = 10;
/// As the collector makes them.
const TRACES_OF_BATCH: usize = 51;
const MILLISECOND: u64 = 1_000_000;

/// The defaults, but for what would be too old or too much.
const LARGE: &str = "size_max = \"100GiB\"\nrequests_max = 10_000_000\nspans_per_trace_max = 10_000_000\n";
/// Nothing of what is there may stay; what is written is written at once.
const TINY: &str = "size_max = \"8MiB\"\nkeep_requests = \"10m\"\nkeep_traces = \"10m\"\nflush_interval = \"10ms\"\n";

fn settings(store: &str) -> Settings {
    let source = ConfigSource { name: "bench", base: Path::new("."), env: &|_| None, file: &|_| Err(String::new()) };
    let text = "[[listener]]\naddress = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nrespond = { status = 200 }\n[store]\n";
    match config::parse(&format!("{text}{store}"), &source) {
        Ok((config, _)) => config.store,
        Err(faults) => panic!("{}", faults.render(config::model::Toggle::Off)),
    }
}

fn open(directory: &Path) -> Arc<SqliteStore> {
    open_with(directory, LARGE)
}

fn open_with(directory: &Path, store: &str) -> Arc<SqliteStore> {
    let store = SqliteStore::start(directory, &settings(store), Arc::new(Quota::unlimited()), Arc::default());
    Arc::new(store.unwrap_or_else(|error| panic!("{error}")))
}

/// So many traces of ten spans of the edge, with four attributes each.
fn batch(traces: usize, trace: impl Fn() -> TraceId) -> Batch {
    let (outbox, mut inbox) = Outbox::new(traces, Arc::new(Counters::default()));
    let mut spans = Vec::new();
    for _ in 0..traces {
        let begin = Begin {
            trace_id: trace(),
            flags: TraceFlags::SAMPLED,
            outbox: outbox.clone(),
            meter: None,
            spans_max: 1_024,
        };
        let root = Span::root(begin, None, clock::now());
        let scope = root.scope();
        for number in 1..SPANS_OF_TRACE {
            let mut span = scope.span(Stage::Route);
            span.set("http.route", || "/products/:slug");
            span.set("http.response.status_code", || 200_i64);
            span.set("url.path", || format!("/products/{number}"));
            span.set("server.address", || "shop.example");
        }
        drop((scope, root));
        spans.extend(inbox.try_recv().unwrap_or_default());
    }
    let encoded = encode::request(&Resource::new("edge", &BTreeMap::new()), spans.iter());
    Batch::new(Source::Edge, spans.len(), encoded)
}

fn ingest(criterion: &mut Criterion, runtime: &Runtime) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let sink = store.ahead();
    let mut group = criterion.benchmark_group("store");
    let spans = (SPANS_OF_TRACE * TRACES_OF_BATCH) as u64;
    group.throughput(Throughput::Elements(spans)).sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("ingest", |bencher| {
        bencher.iter_custom(|times| {
            let batches: Vec<_> = (0..times.min(200)).map(|_| batch(TRACES_OF_BATCH, ids::trace_id)).collect();
            let begun = clock::now();
            runtime.block_on(async {
                for (_, batch) in (0..times).zip(batches.iter().cycle()) {
                    sink.write(batch.clone()).await.unwrap();
                }
                sink.flush(clock::now().plus(Duration::from_secs(600))).await.unwrap();
            });
            clock::now().since(begun)
        });
    });
    group.finish();
}

fn long_trace(criterion: &mut Criterion, runtime: &Runtime) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let trace = ids::trace_id();
    runtime.block_on(async {
        for _ in 0..5_000 / TRACES_OF_BATCH {
            store.ahead().write(batch(TRACES_OF_BATCH, || trace)).await.unwrap();
        }
        store.flush(clock::now().plus(Duration::from_secs(600))).await.unwrap();
    });
    criterion.bench_function("store/a trace of 50,000 spans", |bencher| {
        bencher.iter(|| black_box(runtime.block_on(store.trace(trace)).map(|parts: Vec<Bytes>| parts.len()).ok()));
    });
}

fn row(number: u64, now: u64) -> RequestRow {
    let pick = |of: &[&str]| Box::from(of[fastrand::usize(..of.len())]);
    let rare = |of: u64| fastrand::u64(..of) == 0;
    let duration = MILLISECOND / 2 + fastrand::u64(..200) * fastrand::u64(..200) * MILLISECOND / 100;
    RequestRow {
        id: fastrand::u128(..),
        start: now - 3_600_000_000_000 + number * 3_000_000,
        duration,
        first_byte: Some(duration / 2),
        method: pick(&["GET", "GET", "GET", "POST", "PUT"]),
        scheme: "https",
        host: pick(&["shop.example", "api.example", "static.example"]),
        path: format!("/api/v1/products/{:x}/reviews/{number}", fastrand::u32(..)).into(),
        query: "page=2".into(),
        version: "2",
        status: if rare(50) { 500 + fastrand::u16(..4) } else { [200, 200, 204, 304, 404][fastrand::usize(..5)] },
        bytes: fastrand::u64(..100_000),
        route: pick(&["/api/*", "/products/:slug", "/*"]),
        upstream: pick(&["app", "search", "img"]),
        cache: CacheOutcome { status: pick(&["hit", "miss", ""]), reason: "".into() },
        error: if rare(1_000) { "connection_timeout".into() } else { "".into() },
        client: "192.0.2.0".into(),
        destination: "document".into(),
        page: None,
        identity: rare(10).then(|| Id::from_bytes([fastrand::u8(..); 16])),
        person: if rare(10) { pick(&["ada", "bo", "cleo"]) } else { "".into() },
        session: rare(20).then(|| Id::from_bytes([fastrand::u8(..); 16])),
        trace: rare(20).then(ids::trace_id),
        trigger: "".into(),
        moments: Vec::new(),
        headers: None,
    }
}

/// What people may look for: common and rare, cheap and dear.
const SEARCHES: &[&str] = &[
    "",
    "status:5xx",
    "error:timeout status:>=500 >50ms",
    "reviews/99999 -cache:hit",
    "person:cleo status:503 method:PUT >300ms",
    "path:/api/*/reviews/7777* host:api",
    "ff00 aa11 -status:200 bytes>50kB",
    "nothing like it",
    "products reviews api example shop -app -hit -nobody nowhere",
];

fn filters(criterion: &mut Criterion, runtime: &Runtime) {
    let rows = std::env::var("WAYLIGHT_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok());
    // `--test` is the smoke run.
    let rows: u64 =
        rows.unwrap_or(if std::env::args().any(|argument| argument == "--test") { 20_000 } else { 1_000_000 });
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let now = clock::now().unix_nanos();
    let before = resident();
    for from in (0..rows).step_by(8_000) {
        let rows = (from..rows.min(from + 8_000)).map(|number| row(number, now)).collect();
        runtime.block_on(store.write_requests(rows)).unwrap();
    }
    eprintln!("{rows} requests: {} KiB more in memory", resident().saturating_sub(before));
    let mut group = criterion.benchmark_group(format!("store/{rows} requests"));
    group.sample_size(20);
    for search in SEARCHES {
        for traced in [Traced::Any, Traced::Only] {
            let query =
                RequestQuery { find: Find::parse(search).unwrap(), traced, limit: 100, ..RequestQuery::default() };
            group.bench_function(format!("`{search}` {traced:?}"), |bencher| {
                bencher.iter(|| black_box(runtime.block_on(store.requests(query.clone())).unwrap()));
            });
        }
    }
    let query = RequestQuery { find: Find::parse("reviews status:5xx").unwrap(), ..RequestQuery::default() };
    group.bench_function("histogram", |bencher| {
        bencher.iter(|| black_box(runtime.block_on(store.histogram(query.clone(), 150)).unwrap()));
    });
    group.finish();
    let begun = clock::now();
    drop(store);
    let again = open(directory.path());
    runtime.block_on(again.requests(query)).unwrap();
    eprintln!("{rows} requests: {:?} until the first page after a restart", clock::now().since(begun));
}

/// A file of so many MiB, of which nearly nothing may stay: for each thousand requests, a thousand traces.
fn stalls(runtime: &Runtime, mib: u64) {
    let is_smoke = std::env::args().any(|argument| argument == "--test");
    let (mib, within) = if is_smoke { (4, Duration::from_secs(2)) } else { (mib, Duration::from_secs(300)) };
    let directory = tempfile::tempdir().unwrap();
    let now = clock::now().unix_nanos();
    let store = open(directory.path());
    let (mut full, mut rows) = (0, 0);
    while full < mib << 20 {
        runtime.block_on(store.write_requests((rows..rows + 8_000).map(|number| row(number, now)).collect())).unwrap();
        for _ in 0..8_000 / TRACES_OF_BATCH {
            runtime.block_on(store.ahead().write(batch(TRACES_OF_BATCH, ids::trace_id))).unwrap();
        }
        runtime.block_on(store.flush(clock::now().plus(Duration::from_secs(600)))).unwrap();
        rows += 8_000;
        full = runtime.block_on(store.usage(0)).unwrap().bytes;
    }
    drop(store);
    let store = open_with(directory.path(), TINY);
    // Rows are in the index when this is answered.
    runtime.block_on(store.usage(0)).unwrap();
    let begun = clock::now();
    let is_tidy = || async { store.usage(0).await.unwrap().bytes < full / 4 };
    let (mut writes, mut reads) = (Waits::default(), Waits::default());
    runtime.block_on(async {
        while clock::now().since(begun) < within && !is_tidy().await {
            let fresh = RequestRow { start: clock::now().unix_nanos(), ..row(0, now) };
            let write = writes.time(async { store.write_requests(vec![fresh]).await.unwrap() });
            let query = RequestQuery { limit: 100, ..RequestQuery::default() };
            let read = reads.time(async { drop(black_box(store.requests(query).await.unwrap())) });
            tokio::join!(write, read);
        }
    });
    let (took, left) = (clock::now().since(begun), runtime.block_on(store.usage(0)).unwrap().bytes);
    eprintln!("{rows} requests and their traces: from {} to {} MiB in {took:?}", full >> 20, left >> 20);
    eprintln!("a write waited {writes}, a page {reads}");
}

/// How long somebody waited.
#[derive(Default)]
struct Waits(Vec<Duration>);

impl Waits {
    async fn time(&mut self, work: impl Future<Output = ()>) {
        let begun = clock::now();
        work.await;
        self.0.push(clock::now().since(begun));
    }
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = |share: usize| sorted.get(sorted.len() * share / 100).copied().unwrap_or_default();
        let most = sorted.last().copied().unwrap_or_default();
        write!(f, "{:?} in the middle, {:?} in 99 of 100, {most:?} at most ({} times)", at(50), at(99), sorted.len())
    }
}

/// Memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

fn store(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    if let Some(mib) = std::env::var("WAYLIGHT_BENCH_MIB").ok().and_then(|mib| mib.parse().ok()) {
        return stalls(&runtime, mib);
    }
    ingest(criterion, &runtime);
    long_trace(criterion, &runtime);
    filters(criterion, &runtime);
    stalls(&runtime, 128);
}

criterion_group!(benches, store);
criterion_main!(benches);
