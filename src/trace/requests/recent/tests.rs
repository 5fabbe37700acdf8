use std::sync::Mutex;

use bytes::Bytes;

use super::*;
use crate::{
    clock::Instant,
    rules::session::Id,
    service::BoxFuture,
    trace::{
        requests::{
            entry::{Entry, Sender, tests::entry},
            ring::Ended,
        },
        sink::{Batch, SinkError, SpanSink},
        store::{
            Capabilities, Erasures, Owners, Stored, Survives,
            query::{Erased, SessionSummary, Traced, Usage, Whom},
        },
    },
};

/// Rows in a list: as much of a store as the merging needs.
#[derive(Default)]
pub(in crate::trace::requests) struct List(pub(in crate::trace::requests) Mutex<Vec<RequestRow>>);

impl SpanSink for List {
    fn name(&self) -> &'static str {
        "list"
    }

    fn write(&self, _: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async { Ok(()) })
    }

    fn flush(&self, _: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async { Ok(()) })
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> Stored<'a, T> {
    Box::pin(async { Ok(value) })
}

impl TraceStore for List {
    fn write_requests(&self, rows: Vec<RequestRow>) -> Stored<'_, ()> {
        let mut list = self.0.lock().unwrap();
        for row in rows {
            list.retain(|known| known.id != row.id);
            list.push(row);
        }
        ready(())
    }

    fn requests(&self, query: RequestQuery) -> Stored<'_, Page> {
        let mut page = Page::default();
        for row in &*self.0.lock().unwrap() {
            match matching::verdict(&query, row) {
                Verdict::In => page.items.push(row.clone()),
                Verdict::Out(name) => page.excluded_by.push((name, 1)),
                Verdict::Elsewhere => {}
            }
        }
        page.items.sort_by_key(|row| Reverse(place(row)));
        if page.items.len() > query.limit {
            page.items.truncate(query.limit);
            page.next = page.items.last().map(place);
        }
        ready(page)
    }

    fn histogram(&self, query: RequestQuery, bins: usize) -> Stored<'_, Histogram> {
        ready(matching::empty_histogram(&query, &[], bins))
    }

    fn request(&self, id: u128) -> Stored<'_, Option<RequestRow>> {
        ready(self.0.lock().unwrap().iter().find(|row| row.id == id).cloned())
    }

    fn requests_of(&self, trace: TraceId) -> Stored<'_, Vec<RequestRow>> {
        ready(self.0.lock().unwrap().iter().filter(|row| row.trace == Some(trace)).cloned().collect())
    }

    fn trace(&self, _: TraceId) -> Stored<'_, Vec<Bytes>> {
        ready(Vec::new())
    }

    fn sessions(&self, _: usize, _: Option<Id>) -> Stored<'_, Vec<SessionSummary>> {
        ready(Vec::new())
    }

    fn erase(&self, _: Whom, _: Vec<TraceId>) -> Stored<'_, Erased> {
        ready(Erased::default())
    }

    fn erasures(&self) -> Arc<Erasures> {
        Arc::default()
    }

    fn owners(&self) -> Arc<Owners> {
        Arc::default()
    }

    fn usage(&self, _: u64) -> Stored<'_, Usage> {
        ready(Usage::default())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kind: "list", survives: Survives::Nothing }
    }
}

fn push(ring: &Ring, entry: &Entry<'_>) {
    let mut octets = Vec::new();
    entry.write(&mut octets);
    ring.push([Ended { octets: &octets, page: None, trace: None }]);
}

/// Requests 1 to 9, one a nanosecond: odd ones in the ring only, even ones in the store, and 4 in both.
fn requests() -> Requests {
    let ring = Arc::new(Ring::new(100));
    let list = Arc::new(List::default());
    let entry = |id: u64| Entry { id: id.into(), start: id, status: if id > 6 { 500 } else { 200 }, ..entry() };
    for id in 1..=9 {
        if id % 2 == 1 || id == 4 {
            push(&ring, &entry(id));
        }
        if id % 2 == 0 {
            list.0.lock().unwrap().push(entry(id).row());
        }
    }
    Requests::new(ring, Some(list))
}

fn all(limit: usize) -> RequestQuery {
    RequestQuery { limit, ..RequestQuery::default() }
}

#[tokio::test]
async fn pages_are_one_list_without_holes_or_doubles() {
    let requests = requests();
    for limit in [1, 2, 3, 4, 9, 20] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = requests.page(RequestQuery { before, ..all(limit) }).await.unwrap();
            assert!(page.items.len() <= limit);
            seen.extend(page.items.iter().map(|row| row.id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1], "{limit}");
    }
}

#[tokio::test]
async fn what_keeps_requests_out_is_named() {
    let requests = requests();
    let query = RequestQuery { traced: Traced::Only, ..all(10) };
    assert_eq!(requests.page(query).await.unwrap().excluded_by, [("traced", 10)]);
    let query = RequestQuery { session: Some(Id::from_bytes([1; 16])), from: Some(5), ..all(10) };
    assert_eq!(requests.page(query).await.unwrap().excluded_by, [("session", 5)]);
    let query = RequestQuery { traced: Traced::Any, ..all(10) };
    assert_eq!(requests.page(query).await.unwrap().excluded_by, []);
}

#[tokio::test]
async fn one_request_and_what_becomes_known_of_it() {
    let requests = requests();
    let trace = TraceId::from_bytes([3; 16]);
    for id in [3, 8] {
        let patch = Patch { id, page: Some(1), trace: Some((trace, "kept".into())) };
        assert_eq!(requests.patch(requests.ring().find(id), &patch).await.unwrap(), Found::Yes);
        let row = requests.request(id).await.unwrap().unwrap();
        assert_eq!((row.page, row.trace), (Some(1), Some(trace)));
    }
    assert_eq!(requests.request(77).await.unwrap(), None);
    assert_eq!(requests.patch(None, &Patch { id: 77, page: None, trace: None }).await.unwrap(), Found::No);
    let ids: Vec<_> = requests.of_trace(trace).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(ids, [3, 8]);
}

#[tokio::test]
async fn a_histogram_counts_both() {
    let ring = Arc::new(Ring::new(100));
    let sender = Sender { identity: Id::from_bytes([1; 16]), person: "ada", session: None };
    for id in 0..10 {
        push(&ring, &Entry { id, start: 100 + id as u64, sender: Some(sender), ..entry() });
    }
    let requests = Requests::new(ring, None);
    let query = RequestQuery { from: Some(100), to: Some(110), ..all(0) };
    let histogram = requests.histogram(query, 5).await.unwrap();
    assert_eq!((histogram.from, histogram.width), (100, 2));
    assert!(histogram.bins.iter().all(|bin| bin.all == 2 && bin.server_errors == 0));
}
