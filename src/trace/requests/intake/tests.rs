use std::time::Duration;

use opentelemetry::trace::TraceId;

use super::*;
use crate::trace::{
    live::{Delivery, HubLimits},
    requests::{
        entry::tests::entry,
        hints::{Destination, Hints},
        log::{RequestLog, RequestOutbox},
        recent::tests::List,
        ring::{KeptIn, Ring},
    },
};

struct Running {
    log: RequestLog,
    intake: RequestIntake,
    requests: Requests,
    hub: Arc<Hub>,
    list: Arc<List>,
    counters: Arc<Counters>,
}

fn start(bounds: StoreBounds) -> Running {
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = RequestOutbox::new(16, Arc::clone(&counters));
    let list = Arc::new(List::default());
    let requests = Requests::new(Arc::new(Ring::new(1000)), Some(Arc::clone(&list) as _));
    let hub = Hub::new(HubLimits::default(), Arc::clone(&counters));
    let (_, bounds) = watch::channel(bounds);
    let parts =
        IntakeParts { requests: requests.clone(), hub: Arc::clone(&hub), counters: Arc::clone(&counters), bounds };
    Running { log: RequestLog::new(outbox), intake: RequestIntake::start(parts, inbox), requests, hub, list, counters }
}

const ALL: StoreBounds = StoreBounds { which: StoreRequests::All, untraced_per_second_max: 1000 };

async fn end(running: Running) -> (Vec<RequestRow>, Arc<Counters>) {
    drop(running.log);
    running.intake.shutdown(Duration::from_secs(5)).await;
    let mut rows = running.list.0.lock().unwrap().clone();
    rows.sort_by_key(|row| row.id);
    (rows, running.counters)
}

#[tokio::test]
async fn requests_are_listed_published_and_stored() {
    let running = start(ALL);
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
    assert_eq!(requests.ring().find(2).unwrap().kept_in(), KeptIn::Store);
    hub.flush();
    let Delivery::Batch(batch) = reader.next().await else { panic!("a gap") };
    assert!(matches!(&batch.events[1].1, Event::Request(row) if row.id == 2));
}

#[tokio::test]
async fn settings_say_what_is_stored() {
    let traced = Some((TraceId::from_bytes([1; 16]), "session"));
    for (bounds, stored, counted) in [
        (StoreBounds { which: StoreRequests::Traced, ..ALL }, vec![3], 0),
        (StoreBounds { untraced_per_second_max: 1, ..ALL }, vec![1, 3], 1),
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
    let running = start(ALL);
    let hints = Hints { browser: 5, url: 0, referer: 10, destination: Destination::default() };
    running.log.append(&Entry { id: 1, hints, ..entry() }, None);
    running.log.hand_over();
    // Until it is in the store.
    while running.requests.ring().find(1).is_none_or(|slot| slot.kept_in() == KeptIn::RingOnly) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.log.append(&Entry { id: 2, hints, ..entry() }, None);
    let page = Hints { browser: 5, url: 10, referer: 0, destination: Destination::DOCUMENT };
    running.log.append(&Entry { id: 3, hints: page, ..entry() }, None);
    let (rows, _) = end(running).await;
    assert_eq!(rows.iter().map(|row| row.page).collect::<Vec<_>>(), [Some(3); 3]);
}
