//! The store around the process: what a kill leaves, what the command line does with it, and what a spent quota stops.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use waylight::{
    clock,
    rules::session::Id,
    trace::{
        quota::Quota,
        requests::hints::Hints,
        sink::{Batch, Source, SpanSink as _},
        store::{
            TraceStore as _,
            query::RequestQuery,
            sqlite::{self, SqliteStore},
        },
    },
};

use crate::support::{
    SITE,
    edge::{HOST, Origin, Stage, config, on_worker},
    instance::{HEAD, Instance, answering, output},
};

/// Tells a test that it is the process that is killed, and where it writes.
const VICTIM: &str = "WAYLIGHT_TEST_STORE";

fn open(directory: &Path) -> SqliteStore {
    let settings = config(SITE).store;
    SqliteStore::start(directory, &settings, Arc::new(Quota::unlimited()), Arc::default()).unwrap()
}

/// Three spans of a trace.
fn batch(trace: u128) -> Batch {
    let span = |id: u64| Span {
        trace_id: TraceId::from(trace).to_bytes().into(),
        span_id: id.to_be_bytes().into(),
        name: "x".repeat(200),
        ..Span::default()
    };
    let scope = ScopeSpans { spans: (1..=3).map(span).collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    Batch::of(Source::Edge, &ExportTraceServiceRequest { resource_spans: vec![resource] })
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
            .env(VICTIM, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said = said.filter_map(|line| line.strip_prefix("written ").and_then(|trace| trace.parse::<u128>().ok()));
        // It goes on writing while it is killed.
        acknowledged.extend(said.take(60));
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    assert_eq!(acknowledged.len(), 180);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(directory.path());
        for trace in acknowledged {
            let parts = store.trace(TraceId::from(trace)).await.unwrap();
            let parts: Vec<_> = parts.into_iter().map(|part| Batch::new(Source::Edge, 3, part)).collect();
            assert_eq!(parts, [batch(trace)], "{trace}");
        }
        store.write(batch(u128::MAX)).await.unwrap();
    });
}

/// Not a test by itself: the process that is killed, in which forty tasks write at once.
#[test]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(VICTIM) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(Path::new(&directory)));
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let store = Arc::clone(&store);
            writers.spawn(async move {
                loop {
                    let trace = fastrand::u128(1..);
                    store.write(batch(trace)).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "written {trace}").and_then(|()| out.flush()).unwrap();
                }
            });
        }
        writers.join_next().await;
    });
}

#[test]
fn a_backup_is_taken_while_the_server_runs() {
    let instance = Instance::start(&format!("{HEAD}{}", answering("one")));
    let directory = instance.directory.path();
    let (code, stdout, stderr) = output(directory, &["backup", "copy.db"]);
    assert_eq!((code, &*stdout), (Some(0), "copy.db\n"), "{stderr}");
    let restored = tempfile::tempdir().unwrap();
    fs::copy(directory.join("copy.db"), restored.path().join(sqlite::FILE)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let page = runtime.block_on(async { open(restored.path()).requests(RequestQuery::default()).await });
    assert!(page.unwrap().items.is_empty());
    let (code, _, stderr) = output(directory, &["backup", "copy.db"]);
    assert!(code == Some(1) && stderr.contains("there already"), "{stderr}");
}

#[test]
fn nothing_is_left_on_disk_if_so_wished() {
    for wished in ["memory", "off"] {
        let instance = Instance::start(&format!("{HEAD}{}[store]\nkind = \"{wished}\"\n", answering("one")));
        assert!(!instance.directory.path().join(".waylight").join(sqlite::FILE).exists(), "{wished}");
    }
    let instance = Instance::start(&format!("{HEAD}{}", answering("one")));
    assert!(instance.directory.path().join(".waylight").join(sqlite::FILE).exists());
}

#[test]
fn a_newer_store_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("proxy.toml"), format!("{HEAD}{}", answering("one"))).unwrap();
    fs::create_dir(directory.path().join(".waylight")).unwrap();
    let path = directory.path().join(".waylight").join(sqlite::FILE);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE request (a); PRAGMA user_version = 99").unwrap();
    drop(db);
    let (code, _, stderr) = output(directory.path(), &[]);
    assert!(code == Some(1) && stderr.contains("was written by a newer Waylight"), "{stderr}");
}

#[test]
fn a_spent_quota_begins_no_trace_and_serves_on() {
    on_worker(async {
        let origin = Origin::start(|_| http::Response::new(String::from("hello"))).await;
        let mut stage = Stage::set(SITE, origin.address);
        let quota = Arc::clone(&stage.services.quota);
        quota.limit(1_000, 1.0);
        quota.spend(999, clock::unix_seconds());
        let ask = || http::Request::get("/").header("cookie", stage.session_cookie());
        let asked = ask();
        let again = ask();
        stage.ask(asked).await;
        assert!(!stage.spans().is_empty(), "one span is left");
        quota.spend(1, clock::unix_seconds());
        assert_eq!(stage.ask(again).await.body(), "hello");
        assert!(stage.spans().is_empty());
        assert_eq!(stage.counters.traces_refused_quota.value(), 1);
    });
}

#[test]
fn what_a_page_loads_belongs_to_its_trace_when_the_quota_is_spent_meanwhile() {
    on_worker(async {
        let origin = Origin::start(|_| http::Response::new(String::from("hello"))).await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        let ask = |destination| {
            let request = http::Request::get("/app.js").header("cookie", &cookie);
            request.header("referer", format!("http://{HOST}/page")).header("sec-fetch-dest", destination)
        };
        let hints = Hints::read(ask("script").headers_ref().unwrap());
        let (page, session) = (TraceId::from(7_u128), [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        stage.services.sessions.shows(Id::from_bytes(session), hints.referer, page);
        let quota = Arc::clone(&stage.services.quota);
        quota.limit(10, 1.0);
        quota.spend(10, clock::unix_seconds());
        stage.ask(ask("script")).await;
        let spans = stage.spans();
        assert!(!spans.is_empty() && spans.iter().all(|span| span.trace_id == page), "{spans:?}");
        stage.ask(ask("document")).await;
        assert!(stage.spans().is_empty(), "another page begins none");
    });
}
