use std::time::Duration;

use opentelemetry::trace::TraceId;

use super::*;
use crate::{
    rules::keep::Keep,
    trace::{
        live::{Delivery, Hub, HubLimits},
        outbox::{Inbox, Outbox},
        quota::Quota,
        requests::{
            entry::{Entry, tests::entry},
            hints::{Destination, Hints},
            log::{RequestLog, RequestOutbox},
            recent::tests::List,
            ring::{KeptIn, Ring},
            row::HeaderSets,
        },
        sessions::Budget,
        stage::Stage,
    },
};

struct Running {
    log: RequestLog,
    intake: RequestIntake,
    requests: Requests,
    hub: Arc<Hub>,
    list: Arc<List>,
    counters: Arc<Counters>,
    keeper: Keeper,
    recorded: Inbox,
}

fn start(bounds: StoreBounds) -> Running {
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = RequestOutbox::new(16, Arc::clone(&counters));
    let list = Arc::new(List::default());
    let requests = Requests::new(Arc::new(Ring::new(1000)), Some(Arc::clone(&list) as _));
    let hub = Hub::new(HubLimits::default(), Arc::clone(&counters));
    let (_, bounds) = watch::channel(bounds);
    let (spans, recorded) = Outbox::new(16, Arc::clone(&counters));
    let keeper =
        Keeper { requests: requests.clone(), hub: Arc::clone(&hub), outbox: spans, counters: Arc::clone(&counters) };
    let intake = RequestIntake::start(IntakeParts { keeper: keeper.clone(), bounds }, inbox);
    Running { log: RequestLog::new(outbox), intake, requests, hub, list, counters, keeper, recorded }
}

fn all() -> StoreBounds {
    StoreBounds { which: StoreRequests::All, untraced_per_second_max: 1000, keep: rules(&[], 100) }
}

fn rules(rules: &[&str], spans_per_minute_max: u64) -> KeepRules {
    rules_within(Quota::unlimited(), rules, spans_per_minute_max)
}

fn rules_within(quota: Quota, rules: &[&str], spans_per_minute_max: u64) -> KeepRules {
    KeepRules {
        rules: rules.iter().map(|rule| Keep::parse(rule).unwrap()).collect(),
        budget: Arc::new(Budget::new(spans_per_minute_max, Arc::new(quota))),
    }
}

fn kept_in(requests: &Requests, id: u128) -> Option<KeptIn> {
    let ring = requests.ring();
    Some(ring.get(ring.find(id)?)?.1)
}

async fn end(running: Running) -> (Vec<RequestRow>, Arc<Counters>) {
    drop(running.log);
    running.intake.shutdown(Duration::from_secs(5)).await;
    let mut rows = running.list.0.lock().unwrap().clone();
    rows.sort_by_key(|row| row.id);
    (rows, running.counters)
}

#[tokio::test]
async fn requests_are_listed_published_and_stored() {
    let running = start(all());
    let mut reader = running.hub.subscribe(None);
    let traced = Some((TraceId::from_bytes([1; 16]), "session"));
    let sets = HeaderSets { sent: vec![("a".into(), "b".into())], ..HeaderSets::default() };
    running.log.append(&Entry { id: 1, ..entry() }, None);
    running.log.append(&Entry { id: 2, trace: traced, ..entry() }, Some(Box::new(sets.clone())));
    running.log.hand_over();
    let requests = running.requests.clone();
    let hub = Arc::clone(&running.hub);
    let (rows, _) = end(running).await;
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(rows[1].headers.as_deref(), Some(&sets));
    assert_eq!(kept_in(&requests, 2), Some(KeptIn::Store));
    hub.flush();
    let Delivery::Batch(batch) = reader.next().await else { panic!("a gap") };
    assert!(matches!(&batch.events[1].1, Event::Request(row) if row.id == 2));
}

#[tokio::test]
async fn settings_say_what_is_stored() {
    let traced = Some((TraceId::from_bytes([1; 16]), "session"));
    for (bounds, stored, counted) in [
        (StoreBounds { which: StoreRequests::Traced, ..all() }, vec![3], 0),
        (StoreBounds { untraced_per_second_max: 1, ..all() }, vec![1, 3], 1),
    ] {
        let running = start(bounds);
        running.log.append(&Entry { id: 1, ..entry() }, None);
        running.log.append(&Entry { id: 2, ..entry() }, None);
        running.log.append(&Entry { id: 3, trace: traced, ..entry() }, None);
        let requests = running.requests.clone();
        let (rows, counters) = end(running).await;
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), stored);
        assert_eq!(counters.requests_unstored.value(), counted);
        // Listed are all of them.
        let query = crate::trace::store::query::RequestQuery { limit: 10, ..Default::default() };
        assert_eq!(requests.page(query).await.unwrap().items.len(), 3);
    }
}

#[tokio::test]
async fn what_ended_before_its_page_is_joined_wherever_it_is() {
    let running = start(all());
    let hints = Hints { browser: 5, url: 0, referer: 10, destination: Destination::default() };
    running.log.append(&Entry { id: 1, hints, ..entry() }, None);
    running.log.hand_over();
    // Until it is in the store.
    while kept_in(&running.requests, 1) != Some(KeptIn::Store) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.log.append(&Entry { id: 2, hints, ..entry() }, None);
    let page = Hints { browser: 5, url: 10, referer: 0, destination: Destination::DOCUMENT };
    running.log.append(&Entry { id: 3, hints: page, ..entry() }, None);
    let (rows, _) = end(running).await;
    assert_eq!(rows.iter().map(|row| row.page).collect::<Vec<_>>(), [Some(3); 3]);
}

#[tokio::test]
async fn a_request_is_kept_by_a_click_with_its_coarse_trace() {
    let mut running = start(all());
    let moments = [Some(1), Some(2), Some(3), Some(4), Some(5)];
    running.log.append(&Entry { id: 1, moments, duration: 9, ..entry() }, None);
    running.log.append(&Entry { id: 2, moments: [None; 5], ..entry() }, None);
    running.log.hand_over();
    while running.requests.ring().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut reader = running.hub.subscribe(None);
    let trace = running.keeper.keep(1).await.unwrap().unwrap();
    assert_eq!(running.keeper.keep(1).await.unwrap(), Some(trace), "once");
    assert_eq!(running.keeper.keep(7).await.unwrap(), None);
    let spans = running.recorded.recv().await.unwrap();
    let stages: Vec<_> = spans.iter().map(|span| span.stage).collect();
    assert_eq!(stages, [Stage::Request, Stage::Route, Stage::UpstreamWait, Stage::UpstreamRequest]);
    assert!(spans.iter().all(|span| span.trace_id == trace));
    assert!(spans[1..].iter().all(|span| span.parent == spans[0].span_id));
    running.keeper.keep(2).await.unwrap();
    assert_eq!(running.recorded.recv().await.unwrap().len(), 1, "an untouched request has no phases");
    let row = running.requests.request(1).await.unwrap().unwrap();
    assert_eq!((row.trace, &*row.trigger), (Some(trace), "kept"));
    running.hub.flush();
    let Delivery::Batch(batch) = reader.next().await else { panic!("a gap") };
    assert!(matches!(&batch.events[0].1, Event::RequestPatch(patch) if patch.trace.as_ref().unwrap().0 == trace));
    let (rows, _) = end(running).await;
    assert_eq!(rows[0].trace, Some(trace), "in the store, too");
}

/// A click comes while its request is on its way to the store, or is not to be stored at all.
#[tokio::test(start_paused = true)]
async fn what_is_kept_at_once_is_stored_with_its_trace() {
    for bounds in [all(), StoreBounds { which: StoreRequests::Traced, ..all() }] {
        let running = start(bounds);
        // The first look at what is pending is over.
        tokio::time::sleep(Duration::from_millis(1)).await;
        running.log.append(&Entry { id: 1, ..entry() }, None);
        running.log.hand_over();
        while running.requests.ring().is_empty() {
            tokio::task::yield_now().await;
        }
        let trace = running.keeper.keep(1).await.unwrap();
        let row = running.requests.request(1).await.unwrap().unwrap();
        assert_eq!(row.trace, trace);
        let (rows, _) = end(running).await;
        assert_eq!(rows.iter().map(|row| (row.id, row.trace)).collect::<Vec<_>>(), [(1, trace)]);
    }
}

#[tokio::test]
async fn rules_keep_requests_within_their_budget() {
    // Two spans a request: the second begins within the budget, and the third does not.
    let bounds = StoreBounds { which: StoreRequests::Traced, keep: rules(&["status>=500"], 3), ..all() };
    let running = start(bounds);
    let traced = Some((TraceId::from_bytes([1; 16]), "session"));
    running.log.append(&Entry { id: 1, status: 200, ..entry() }, None);
    for id in 2..=4 {
        running.log.append(&Entry { id, status: 503, moments: [Some(1), None, None, None, None], ..entry() }, None);
    }
    running.log.append(&Entry { id: 5, status: 503, trace: traced, ..entry() }, None);
    let (rows, counters) = end(running).await;
    let seen: Vec<_> = rows.iter().map(|row| (row.id, &*row.trigger)).collect();
    assert_eq!(seen, [(2, "kept"), (3, "kept"), (5, "session")]);
    assert_eq!((counters.requests_kept.value(), counters.traces_refused_budget.value()), (2, 1));
}

#[tokio::test]
async fn rules_keep_nothing_when_the_quota_is_spent() {
    let quota = Quota::new(100);
    quota.spend(100, clock::unix_seconds());
    let bounds = StoreBounds { keep: rules_within(quota, &["status>=500"], 100), ..all() };
    let running = start(bounds);
    running.log.append(&Entry { id: 1, status: 503, ..entry() }, None);
    let (rows, counters) = end(running).await;
    assert_eq!(rows.iter().map(|row| (row.id, row.trace)).collect::<Vec<_>>(), [(1, None)], "it is listed");
    assert_eq!((counters.requests_kept.value(), counters.traces_refused_quota.value()), (0, 1));
}
