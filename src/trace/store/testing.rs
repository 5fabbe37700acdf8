//! For tests of stores: rows, spans, and what every store does with them.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};

use prost::Message as _;

use super::{
    Owner, TraceStore,
    query::{Cursor, Erased, RequestQuery, SessionSummary, Whom},
};
use crate::{
    clock,
    config::model::{Store, StoreKind},
    rules::{find::Find, session::Id},
    trace::{
        counters::Counters,
        requests::row::{CacheOutcome, HeaderSets, Moment, RequestRow},
        sink::{Batch, Source, span_count},
    },
};

/// A plain request.
pub(crate) fn row(id: u128) -> RequestRow {
    RequestRow {
        id,
        start: 0,
        duration: 1_000_000,
        first_byte: None,
        method: "GET".into(),
        scheme: "https",
        host: "shop.example".into(),
        path: "/".into(),
        query: "".into(),
        version: "2",
        status: 200,
        bytes: 0,
        route: "".into(),
        upstream: "".into(),
        cache: CacheOutcome::default(),
        error: "".into(),
        client: "192.0.2.1".into(),
        destination: "".into(),
        page: None,
        identity: None,
        person: "".into(),
        session: None,
        trace: None,
        trigger: "".into(),
        moments: Vec::new(),
        headers: None,
    }
}

/// Spans, each of the trace with this number.
pub(crate) fn spans(traces: impl IntoIterator<Item = u128>) -> Batch {
    spans_of(Source::Edge, traces)
}

/// The same, from a source.
fn spans_of(source: Source, traces: impl IntoIterator<Item = u128>) -> Batch {
    let spans = traces.into_iter().enumerate().map(|(index, trace)| Span {
        trace_id: TraceId::from(trace).to_bytes().into(),
        span_id: (index as u64 + 1).to_be_bytes().into(),
        name: format!("span {index}"),
        ..Span::default()
    });
    let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    Batch::of(source, &ExportTraceServiceRequest { resource_spans: vec![resource] })
}

/// What every store does, whatever it is made of.
pub(crate) async fn keeps_its_word(store: &dyn TraceStore) {
    rows_are_found(store).await;
    spans_come_back_by_trace(store).await;
    an_empty_page_names_the_guilty(store).await;
    what_is_erased_is_gone(store).await;
    what_browsers_added_to_is_erased(store).await;
    what_is_imported_is_kept(store).await;
}

async fn rows_are_found(store: &dyn TraceStore) {
    let rows: Vec<_> = (1..=25_u64).map(full).collect();
    store.write_requests(rows.clone()).await.unwrap();
    let first = store.requests(RequestQuery { limit: 10, ..RequestQuery::default() }).await.unwrap();
    assert_eq!(ids(&first.items), (16..=25).rev().collect::<Vec<_>>());
    assert!(first.items.iter().all(|row| row.headers.is_none()), "a page needs no headers");
    assert_eq!(first.items[0], RequestRow { headers: None, ..rows[24].clone() });
    let before = Cursor::parse(&first.next.unwrap().to_string());
    let query = RequestQuery { limit: 10, before, ..RequestQuery::default() };
    // What comes meanwhile moves no page.
    store.write_requests(vec![full(26)]).await.unwrap();
    let second = store.requests(query.clone()).await.unwrap();
    assert_eq!(ids(&second.items), (6..=15).rev().collect::<Vec<_>>());
    let third = store.requests(RequestQuery { before: second.next, ..query }).await.unwrap();
    assert_eq!((ids(&third.items), third.next), ((1..=5).rev().collect(), None));
    assert_eq!(store.request(7).await.unwrap().as_ref(), Some(&rows[6]));
    assert_eq!(store.request(99).await.unwrap(), None);
    let kept = RequestRow { trace: Some(TraceId::from(77_u128)), trigger: "kept".into(), ..rows[6].clone() };
    store.write_requests(vec![kept.clone()]).await.unwrap();
    assert_eq!(store.request(7).await.unwrap().as_ref(), Some(&kept), "it replaces the one with its id");
    assert_eq!(store.requests_of(TraceId::from(77_u128)).await.unwrap(), [kept]);
    let of_path = RequestQuery { find: Find::parse("ITEMS/7").unwrap(), limit: 5, ..RequestQuery::default() };
    assert_eq!(ids(&store.requests(of_path).await.unwrap().items), [7]);
    let histogram =
        store.histogram(RequestQuery { from: Some(1_000), to: Some(27_000), ..RequestQuery::default() }, 13);
    let histogram = histogram.await.unwrap();
    assert_eq!((histogram.from, histogram.width, histogram.bins[0].all), (1_000, 2_000, 2));
    assert_eq!(histogram.bins.iter().map(|bin| bin.all).sum::<u64>(), 26);
}

async fn spans_come_back_by_trace(store: &dyn TraceStore) {
    store.write(spans([500, 501, 500])).await.unwrap();
    store.write(spans([500])).await.unwrap();
    let parts = store.trace(TraceId::from(500_u128)).await.unwrap();
    let counts: Vec<_> =
        parts.iter().map(|part| span_count(&ExportTraceServiceRequest::decode(part.clone()).unwrap())).collect();
    assert_eq!(counts, [2, 1]);
    assert_eq!(store.trace(TraceId::from(502_u128)).await.unwrap().len(), 0);
    let broken = Batch::new(Source::App, 3, Bytes::from_static(b"\xff\xff"));
    assert!(store.write(broken).await.unwrap_err().to_string().contains("no OTLP message"));
    let usage = store.usage(clock::now().unix_nanos()).await.unwrap();
    assert_eq!((usage.spans, usage.spans_since, usage.requests, usage.oldest), (4, 4, 26, Some(1_000)));
    assert!(usage.bytes > 0);
}

async fn an_empty_page_names_the_guilty(store: &dyn TraceStore) {
    let query = RequestQuery {
        find: Find::parse("items status:200").unwrap(),
        session: Some(Id::from_bytes([9; 16])),
        limit: 5,
        ..RequestQuery::default()
    };
    let page = store.requests(query.clone()).await.unwrap();
    assert_eq!((page.items.len(), page.excluded_by), (0, vec![("session", 26)]));
    let page = store.requests(RequestQuery { session: None, ..query }).await.unwrap();
    assert_eq!((page.items.len(), page.excluded_by.len()), (5, 0));
}

async fn what_is_erased_is_gone(store: &dyn TraceStore) {
    let session = Id::from_bytes([5; 16]);
    let theirs = |number: u64| RequestRow {
        session: Some(session),
        page: Some(900),
        person: "Ana".into(),
        trace: Some(TraceId::from(u128::from(number))),
        status: 502,
        ..full(number)
    };
    store.write_requests(vec![theirs(600), theirs(601)]).await.unwrap();
    store.write(spans([600, 600, 601, 602])).await.unwrap();
    let sessions = store.sessions(10, None).await.unwrap();
    let expected = SessionSummary {
        id: session,
        person: "Ana".into(),
        host: "Shop.example".into(),
        first: 600_000,
        last: 601_000,
        requests: 2,
        pages: 1,
        traces: 2,
        spans: 3,
        failed: 2,
    };
    assert_eq!(sessions, [expected]);
    store.write(spans([603, 603])).await.unwrap();
    let owned = vec![TraceId::from(603_u128), TraceId::from(600_u128)];
    let erased = store.erase(Whom::Session(session), owned).await.unwrap();
    assert_eq!(erased, Erased { requests: 2, traces: 3, spans: 5 });
    store.write(spans([600, 602, 603])).await.unwrap();
    let left = [600_u128, 603].map(|trace| store.trace(TraceId::from(trace)));
    for batches in left {
        assert_eq!(batches.await.unwrap().len(), 0, "what comes late is not kept either");
    }
    assert_eq!(store.sessions(10, None).await.unwrap(), []);
    assert_eq!(store.trace(TraceId::from(602_u128)).await.unwrap().len(), 2, "somebody else's");
    assert_eq!(store.request(600).await.unwrap(), None);
    store.write_requests(vec![RequestRow { person: "Ana".into(), ..full(700) }]).await.unwrap();
    assert_eq!(store.erase(Whom::Person("Bo".into()), Vec::new()).await.unwrap(), Erased::default());
    let erased = store.erase(Whom::Person("Ana".into()), Vec::new()).await.unwrap();
    assert_eq!(erased, Erased { requests: 1, ..Erased::default() });
}

async fn what_browsers_added_to_is_erased(store: &dyn TraceStore) {
    let [ada, bo] = [41, 42].map(|number| Id::from_bytes([number; 16]));
    store.owners().remember(&[TraceId::from(800_u128)], Owner { session: ada, person: "Ada".into() });
    store.owners().remember(&[TraceId::from(801_u128)], Owner { session: bo, person: "Bo".into() });
    store.write(spans([800, 801, 802])).await.unwrap();
    store.write(spans([801])).await.unwrap();
    assert_eq!(store.erase(Whom::Person("Cleo".into()), Vec::new()).await.unwrap(), Erased::default());
    let erased = store.erase(Whom::Session(ada), Vec::new()).await.unwrap();
    assert_eq!(erased, Erased { traces: 1, spans: 1, ..Erased::default() });
    let erased = store.erase(Whom::Person("Bo".into()), Vec::new()).await.unwrap();
    assert_eq!(erased, Erased { traces: 1, spans: 2, ..Erased::default() });
    assert_eq!(store.trace(TraceId::from(802_u128)).await.unwrap().len(), 1, "nobody's");
}

/// What every store does when its quota, of three spans, is spent.
pub(crate) async fn keeps_within_its_quota(store: &dyn TraceStore, counters: &Counters) {
    store.write(spans_of(Source::App, [1, 1])).await.unwrap();
    store.write(spans([2])).await.unwrap();
    store.write(spans_of(Source::App, [1, 2, 3, 3])).await.unwrap();
    store.write(spans([4])).await.unwrap();
    store.write(spans_of(Source::Import, [5])).await.unwrap();
    for (trace, parts) in [(1, 2), (2, 2), (3, 0), (4, 1), (5, 1)] {
        let kept = store.trace(TraceId::from(trace)).await.unwrap();
        assert_eq!(kept.len(), parts, "only what an application begins is not kept: {trace}");
    }
    assert_eq!((counters.spans_dropped_quota.value(), counters.spans_stored.value()), (2, 7));
}

/// Who brings in a trace decides anew, after an erasure, too. What applications send late of it stays out.
async fn what_is_imported_is_kept(store: &dyn TraceStore) {
    let session = Id::from_bytes([43; 16]);
    let row = RequestRow { session: Some(session), trace: Some(TraceId::from(900_u128)), ..full(900) };
    store.write_requests(vec![row]).await.unwrap();
    store.erase(Whom::Session(session), Vec::new()).await.unwrap();
    store.write(spans_of(Source::Import, [900, 900])).await.unwrap();
    store.write(spans_of(Source::App, [900])).await.unwrap();
    let parts = store.trace(TraceId::from(900_u128)).await.unwrap();
    let counts = parts.into_iter().map(|part| span_count(&ExportTraceServiceRequest::decode(part).unwrap()));
    assert_eq!(counts.collect::<Vec<_>>(), [2]);
}

fn ids(rows: &[RequestRow]) -> Vec<u128> {
    rows.iter().map(|row| row.id).collect()
}

/// A request with something in every field.
fn full(number: u64) -> RequestRow {
    let field = |name: &str| vec![(Box::from(name), Box::from("välue"))];
    RequestRow {
        start: number * 1_000,
        duration: number,
        first_byte: Some(number / 2),
        host: "Shop.example".into(),
        path: format!("/Items/{number}").into(),
        query: "q=1".into(),
        bytes: u64::MAX - number,
        route: "/items/:id".into(),
        upstream: "app".into(),
        cache: CacheOutcome { status: "miss".into(), reason: "it was not there".into() },
        error: "dns_error".into(),
        destination: "document".into(),
        page: Some(u128::MAX),
        identity: Some(Id::from_bytes([8; 16])),
        trigger: "ratio".into(),
        moments: vec![
            (Moment::Routed, 1),
            (Moment::Chosen, 2),
            (Moment::Connected, 3),
            (Moment::Sent, 4),
            (Moment::FirstByte, 5),
        ],
        headers: Some(Box::new(HeaderSets {
            received: field("a"),
            forwarded: field("b"),
            upstream: field("c"),
            sent: field("d"),
        })),
        ..row(u128::from(number))
    }
}

/// The defaults, but for what makes tests wait.
pub(crate) fn settings() -> Store {
    let day = Duration::from_secs(86_400);
    Store {
        kind: StoreKind::Disk,
        // Rows of tests are from 1970.
        keep_traces: 36_500 * day,
        keep_requests: 36_500 * day,
        size_max: 1 << 30,
        requests_max: 1_000_000,
        unasked_share: 1.0,
        spans_per_month_max: 1_000_000,
        spans_per_trace_max: 100_000,
        flush_interval: Duration::from_millis(1),
        queue_bytes_max: 32 << 20,
    }
}
