//! The API: the first octet of a trace of 50,000 spans, and the whole of it, as a browser gets it in columns.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

use std::{hint::black_box, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use http_body_util::BodyExt as _;
use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use tokio::{
    runtime::Runtime,
    sync::{Semaphore, watch},
};
use waylight::{
    clock,
    config::model::{Config, Scheme},
    console::{
        Console, Door, Parts, Visit,
        api::{Answer, Shelf},
        audit::{self, Audit},
    },
    rules::{
        access::{Role, Way},
        headers::forwarded::PeerTrust,
        session::{Credentials, Id, Identity},
        token::Keys,
    },
    trace::{
        export::Exporters,
        live::{Hub, HubLimits},
        outbox::Outbox,
        quota::Quota,
        requests::{keep::Keeper, recent::Requests, ring::Ring},
        sessions::{Ephemeral, Sessions},
        sink::{Batch, Source},
        store::{TraceStore, sqlite::SqliteStore},
    },
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: waylight::allocator::Mimalloc = waylight::allocator::Mimalloc;

const SPANS: u64 = 50_000;
/// As apps send them.
const SPANS_OF_BATCH: u64 = 512;

fn text(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A tree with up to eight children at each span, with four attributes each.
fn span(number: u64) -> Span {
    let start = 1_700_000_000_000_000_000 + number * 10_000;
    let attributes = ["http.route", "code.function.name", "db.system.name", "server.address"];
    Span {
        trace_id: vec![7; 16],
        span_id: number.to_be_bytes().into(),
        parent_span_id: if number == 1 { Vec::new() } else { (1 + (number - 2) / 8).to_be_bytes().into() },
        name: format!("step {}", number % 100),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000_000 / number,
        attributes: attributes.iter().map(|key| text(key, format!("value {}", number % 1_000))).collect(),
        ..Span::default()
    }
}

fn batch(first: u64) -> Batch {
    let spans = (first..(first + SPANS_OF_BATCH).min(SPANS + 1)).map(span).collect();
    let resource = Some(Resource { attributes: vec![text("service.name", "shop".into())], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    Batch::of(Source::App, &ExportTraceServiceRequest { resource_spans })
}

/// A console with one long trace in its store.
async fn console(directory: &Path) -> Console {
    let (upstream, listen) = ("http://127.0.0.1:1".parse().unwrap(), ([127, 0, 0, 1], 0).into());
    let config = Config::minimal(&upstream, listen).unwrap_or_else(|_| panic!("the smallest configuration"));
    let quota = Arc::new(Quota::unlimited());
    let store = SqliteStore::start(directory, &config.store, Arc::clone(&quota), Arc::default()).unwrap();
    let store: Arc<dyn TraceStore> = Arc::new(store);
    for first in (1..=SPANS).step_by(usize::try_from(SPANS_OF_BATCH).unwrap()) {
        store.write(batch(first)).await.unwrap();
    }
    let requests = Requests::new(Arc::new(Ring::new(16)), Some(store));
    let hub = Hub::new(HubLimits::default(), Arc::default());
    let (outbox, _) = Outbox::new(1, Arc::default());
    let shelf = Shelf {
        keeper: Keeper { requests: requests.clone(), hub: Arc::clone(&hub), outbox, counters: Arc::default() },
        requests,
        hub,
        streams: Arc::new(Semaphore::new(1)),
        limits: watch::Sender::new(config.console.clone()),
        quota,
        exporters: Exporters::new(&[]).unwrap(),
        cache: Arc::new(|_, _| 0),
        processes: Arc::new(Vec::new),
        endpoints: Arc::new(Vec::new),
        intake: None,
        receiver: None,
        edge: Arc::default(),
        whole: watch::Sender::new("".into()),
        effective: watch::Sender::new("".into()),
    };
    let parts = Parts {
        keys: Arc::new(Keys::new(&["a secret of some length"]).unwrap()),
        sessions: Arc::new(Sessions::new(1, Box::new(Ephemeral), [])),
        audit: Arc::new(Audit::new(Box::new(audit::Ephemeral::default()), Arc::default())),
        counters: Arc::default(),
        shelf: Arc::new(shelf),
    };
    Console::new(parts, config.access, config.privacy)
}

fn visit() -> Visit {
    let now = clock::unix_seconds();
    let identity = Identity {
        id: Id::from_bytes([9; 16]),
        name: "Ada".into(),
        role: Role::Viewer,
        way: Way::Link,
        host: "app.example".into(),
        issued: now,
        expiry: now + 36_000,
    };
    Visit {
        host: "app.example".into(),
        scheme: Scheme::Http,
        client: [192, 0, 2, 1].into(),
        peer_trust: PeerTrust::Unknown,
        door: Door::Admin,
        credentials: Credentials { identity: Some(identity), ..Credentials::default() },
    }
}

/// How long the first piece takes, and all of them.
async fn read(console: &Console, visit: &Visit) -> (Duration, Duration) {
    let trace = TraceId::from_bytes([7; 16]);
    let request = Request::get(format!("/_waylight/api/v1/traces/{trace}")).body(Bytes::new()).unwrap();
    let began = clock::now();
    let Answer { response, rest } = console.answer(&request, visit).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let reading = async {
        let mut first = None;
        let mut octets = 0;
        while let Some(frame) = body.frame().await {
            octets += frame.unwrap().data_ref().map_or(0, Bytes::len);
            first.get_or_insert_with(|| clock::now().since(began));
        }
        assert!(octets > 1_000_000, "{octets}");
        first.unwrap()
    };
    let (first, ()) = tokio::join!(reading, async {
        if let Some(rest) = rest {
            rest.await;
        }
    });
    (first, clock::now().since(began))
}

fn long_trace(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (console, visit) = (runtime.block_on(console(directory.path())), visit());
    let mut group = criterion.benchmark_group("a trace of 50,000 spans");
    group.sample_size(10);
    group.bench_function("first octet", |bench| {
        bench.iter_custom(|times| (0..times).map(|_| black_box(runtime.block_on(read(&console, &visit))).0).sum());
    });
    group.bench_function("whole", |bench| {
        bench.iter_custom(|times| (0..times).map(|_| black_box(runtime.block_on(read(&console, &visit))).1).sum());
    });
    group.finish();
}

criterion_group!(benches, long_trace);
criterion_main!(benches);
