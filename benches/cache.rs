//! The cache: what a hit costs with few and with many objects, what an object takes in memory beside its body, and how
//! often a busy set is hit while scans pass through, beside LRU. Without sockets: the stage, and an origin that is a
//! function.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench fails by panicking, and prints figures")]

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    hint::black_box,
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group};
use http_body_util::BodyExt as _;
use waylight::{
    body::Body,
    config::model,
    proxy::{cache::CacheStore, context::Context, handler::Handler},
    service::{Outcome, Request},
    trace::counters::Counters,
};

use self::stage::Stage;

#[path = "../tests/it/cache/stage.rs"]
mod stage;

#[global_allocator]
static ALLOCATOR: waylight::allocator::Mimalloc = waylight::allocator::Mimalloc;

/// Answers everything with so many octets.
struct Origin {
    octets: usize,
    asked: Rc<Cell<u64>>,
}

impl Handler for Origin {
    async fn handle(&self, _: Request, _: &Rc<Context>) -> Outcome {
        self.asked.set(self.asked.get() + 1);
        let response = http::Response::builder()
            .header("date", "Thu, 26 Nov 2026 02:00:00 GMT")
            .header("content-type", "text/html; charset=utf-8")
            .header("content-length", self.octets)
            .header("cache-control", "public, max-age=86400")
            .header("etag", "\"5f3c-1a2b3c4d\"")
            .header("server", "nginx");
        Ok(response.body(Body::full(vec![b'x'; self.octets])).unwrap().into())
    }
}

/// The stage, and what is told of it.
struct House {
    stage: Stage<Origin>,
    store: Arc<CacheStore>,
    asked: Rc<Cell<u64>>,
}

impl House {
    fn new(octets: usize, memory_max: u64) -> Self {
        let counters = Arc::new(Counters::default());
        let store = Arc::new(CacheStore::new(&model::Cache { memory_max, disk: None }, &counters).unwrap());
        let asked = Rc::new(Cell::new(0));
        let stage = Stage::new(Origin { octets, asked: Rc::clone(&asked) }, &store, &counters);
        Self { stage, store, asked }
    }

    async fn get(&self, number: u64) -> usize {
        let mut body = self.stage.get(number).await.into_body();
        let mut octets = 0;
        while let Some(frame) = body.frame().await {
            octets += frame.unwrap().into_data().map_or(0, |data: Bytes| data.len());
        }
        octets
    }

    async fn fill(&self, count: u64) {
        for number in 0..count {
            self.get(number).await;
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Whether this run only shows that the bench still works.
fn is_smoke() -> bool {
    std::env::args().any(|argument| argument == "--test" || argument == "--list")
}

fn hits(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("cache hit");
    for (octets, counts) in [(1_024, &[100, 10_000, 1_000_000][..]), (65_536, &[100][..])] {
        for &count in counts.iter().filter(|count| **count < 1_000 || !is_smoke()) {
            let house = House::new(octets, 4 << 30);
            runtime.block_on(house.fill(count));
            let mut next = 0_u64;
            group.bench_function(format!("{octets} octets, one of {count}"), |bencher| {
                bencher.iter(|| {
                    // A walk that jumps, so that with many objects memory is cold as it would be.
                    next = (next + 7_919) % count;
                    black_box(runtime.block_on(house.get(next)))
                });
            });
            assert_eq!(house.asked.get(), count, "all of them are hits");
        }
    }
    group.finish();
}

criterion_group!(benches, hits);

/// Memory that is resident, in octets.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

/// What an object of 1 KiB takes beside its body.
fn overhead() {
    const COUNT: u64 = 200_000;
    let runtime = runtime();
    let house = House::new(1_024, 4 << 30);
    runtime.block_on(house.fill(1_000));
    let before = (resident(), house.store.size().1);
    runtime.block_on(async {
        for number in 1_000..COUNT + 1_000 {
            house.get(number).await;
        }
    });
    let after = (resident(), house.store.size().1);
    assert_eq!(house.store.size().0 as u64, COUNT + 1_000);
    println!(
        "memory beside a body of 1 KiB, over {COUNT} objects: {} octets resident, {} counted",
        (after.0 - before.0) / COUNT - 1_024,
        (after.1 - before.1) / COUNT - 1_024,
    );
}

/// The least recently used goes.
struct Lru {
    room: usize,
    clock: u64,
    known: HashMap<u64, u64>,
    by_age: BTreeMap<u64, u64>,
}

impl Lru {
    fn ask(&mut self, number: u64) -> bool {
        self.clock += 1;
        let before = self.known.insert(number, self.clock);
        if let Some(before) = before {
            self.by_age.remove(&before);
        }
        self.by_age.insert(self.clock, number);
        if self.known.len() > self.room
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.known.remove(&oldest);
        }
        before.is_some()
    }
}

/// A busy set by Zipf's law, and now and then a scan of what is asked for once.
fn trace(steps: usize) -> Vec<(u64, bool)> {
    const OBJECTS: usize = 100_000;
    let mut sums = Vec::with_capacity(OBJECTS);
    let mut sum = 0.0;
    for rank in 1..=OBJECTS {
        sum += 1.0 / (rank as f64).powf(0.9);
        sums.push(sum);
    }
    let mut random = fastrand::Rng::with_seed(7);
    let mut asked = Vec::with_capacity(steps);
    let mut once = 10_000_000;
    while asked.len() < steps {
        for _ in 0..20_000 {
            let at = random.f64() * sum;
            asked.push((sums.partition_point(|upto| *upto < at) as u64, true));
        }
        for _ in 0..20_000 {
            once += 1;
            asked.push((once, false));
        }
    }
    asked
}

fn scans() {
    const ROOM: usize = 10_000;
    let runtime = runtime();
    let each = {
        let probe = House::new(1_024, 1 << 30);
        runtime.block_on(probe.fill(1_000));
        probe.store.size().1 / 1_000
    };
    let house = House::new(1_024, each * ROOM as u64);
    let mut lru = Lru { room: ROOM, clock: 0, known: HashMap::new(), by_age: BTreeMap::new() };
    let (mut ours, mut theirs, mut busy) = (0_u64, 0_u64, 0_u64);
    for (number, is_busy) in trace(1_000_000) {
        let before = house.asked.get();
        runtime.block_on(house.get(number));
        let (hit, lru_hit) = (house.asked.get() == before, lru.ask(number));
        if is_busy {
            busy += 1;
            ours += u64::from(hit);
            theirs += u64::from(lru_hit);
        }
    }
    let percent = |count: u64| count as f64 * 100.0 / busy as f64;
    println!(
        "hit rate of the busy set, Zipf 0.9 over 100,000 with scans, room for {ROOM}: {:.1} %, LRU {:.1} %",
        percent(ours),
        percent(theirs),
    );
}

/// Parts beside those that criterion measures.
const PARTS: [&str; 2] = ["overhead", "scans"];

/// Whether `cargo bench --bench cache -- NAME` means this part, or names none.
fn is_wanted(part: &str) -> bool {
    let mut names = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    names.peek().is_none() || names.any(|name| name == part)
}

fn main() {
    if !std::env::args().any(|argument| PARTS.contains(&argument.as_str())) {
        benches();
    }
    if !is_smoke() && is_wanted("overhead") {
        overhead();
    }
    if !is_smoke() && is_wanted("scans") {
        scans();
    }
}
