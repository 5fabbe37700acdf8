use super::*;
use crate::trace::quota::QuotaLevel;

fn hub(limits: HubLimits) -> Arc<Hub> {
    Hub::new(limits, Arc::new(Counters::default()))
}

fn patch(id: u128) -> Event {
    Event::RequestPatch(Patch { id, page: None, trace: None })
}

fn ids(batch: &Batch) -> Vec<u128> {
    let id = |(_, event): &(u64, Event)| match event {
        Event::RequestPatch(patch) => patch.id,
        other => panic!("{other:?}"),
    };
    batch.events.iter().map(id).collect()
}

async fn batch(reader: &mut Reader) -> Arc<Batch> {
    match reader.next().await {
        Delivery::Batch(batch) => batch,
        Delivery::Gap { from, to } => panic!("a gap from {from} to {to}"),
    }
}

async fn gap(reader: &mut Reader) -> u64 {
    match reader.next().await {
        Delivery::Batch(batch) => panic!("{batch:?}"),
        Delivery::Gap { from, to } => to - from + 1,
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_in_batches_that_are_encoded_once() {
    clock::follow_tokio();
    let hub = hub(HubLimits::default());
    let (mut one, mut two) = (hub.subscribe(None), hub.subscribe(None));
    let mut running = tokio::task::JoinSet::new();
    running.spawn(Arc::clone(&hub).run());
    tokio::time::sleep(Duration::from_millis(10)).await;
    hub.publish(|| patch(1));
    hub.publish(|| patch(2));
    let (first, second) = (batch(&mut one).await, batch(&mut two).await);
    assert_eq!(ids(&first), [1, 2]);
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.encoded(|_| Bytes::from_static(b"once")), "once");
    assert_eq!(second.encoded(|_| panic!("encoded again")), "once");
}

#[tokio::test]
async fn a_reader_goes_on_where_he_was() {
    let hub = hub(HubLimits::default());
    let mut first = hub.subscribe(None);
    for id in 1..=3 {
        hub.publish(|| patch(id));
    }
    hub.flush();
    let seen = batch(&mut first).await.events[1].0;
    let mut again = hub.subscribe(Some(seen));
    assert_eq!(ids(&*batch(&mut again).await), [3]);
    // A number of another life, from before or from the future.
    assert!(matches!(hub.subscribe(Some(1)).next().await, Delivery::Gap { from: 2, .. }));
    let mut strange = hub.subscribe(Some(u64::MAX));
    hub.publish(|| patch(4));
    hub.flush();
    assert_eq!(ids(&*batch(&mut strange).await), [4]);
}

#[tokio::test]
async fn whoever_is_too_slow_is_told_what_he_missed() {
    let hub = hub(HubLimits { replay_batches_max: 2, ..HubLimits::default() });
    let mut reader = hub.subscribe(None);
    for id in 1..=5 {
        hub.publish(|| patch(id));
        hub.flush();
    }
    assert_eq!(gap(&mut reader).await, 3);
    assert_eq!(ids(&*batch(&mut reader).await), [4]);
    assert_eq!(ids(&*batch(&mut reader).await), [5]);
}

#[tokio::test]
async fn too_many_events_are_skipped_and_told() {
    let hub = hub(HubLimits { batch_events_max: 2, ..HubLimits::default() });
    let mut reader = hub.subscribe(None);
    for id in 1..=5 {
        hub.publish(|| patch(id));
    }
    hub.flush();
    assert_eq!(hub.counters.live_events_skipped.value(), 3);
    assert_eq!(ids(&*batch(&mut reader).await), [1, 2]);
    assert_eq!(gap(&mut reader).await, 3);
    hub.publish(|| patch(6));
    hub.flush();
    assert_eq!(ids(&*batch(&mut reader).await), [6]);
}

#[tokio::test]
async fn no_batch_has_a_hole_where_batches_become_longer() {
    let hub = hub(HubLimits { batch_events_max: 2, ..HubLimits::default() });
    let mut reader = hub.subscribe(None);
    (1..=3).for_each(|id| hub.publish(|| patch(id)));
    // Some readers have gone: from now on the others are given more.
    hub.lock().events_max = 10;
    hub.publish(|| patch(4));
    hub.flush();
    hub.publish(|| patch(5));
    hub.flush();
    assert_eq!(ids(&*batch(&mut reader).await), [1, 2]);
    assert_eq!(gap(&mut reader).await, 2, "what was skipped is told");
    assert_eq!(ids(&*batch(&mut reader).await), [5]);
    assert_eq!(hub.counters.live_events_skipped.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_for_nobody() {
    clock::follow_tokio();
    let hub = hub(HubLimits::default());
    hub.publish(|| -> Event { panic!("nobody looks") });
    let reader = hub.subscribe(None);
    hub.flush();
    drop(reader);
    // He may come back.
    hub.publish(|| patch(2));
    tokio::time::advance(WATCH_AFTER).await;
    hub.flush();
    hub.publish(|| -> Event { panic!("nobody looks any more") });
    hub.flush();
    assert!(hub.lock().replay.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_trace_is_watched_while_somebody_looks_and_a_little_longer() {
    clock::follow_tokio();
    let hub = hub(HubLimits { watched_max: 1, ..HubLimits::default() });
    let (one, two) = (TraceId::from_bytes([1; 16]), TraceId::from_bytes([2; 16]));
    let watching = hub.watch(one).unwrap();
    assert!(hub.watch(two).is_none());
    assert!(hub.is_watched(one) && !hub.is_watched(two));
    drop(watching);
    hub.flush();
    assert!(hub.is_watched(one));
    tokio::time::advance(WATCH_AFTER).await;
    hub.flush();
    assert!(!hub.is_watched(one));
}

#[tokio::test(start_paused = true)]
async fn the_quota_is_told_where_it_changed_once_a_second() {
    let (hub, quota) = (Hub::new(HubLimits::default(), Arc::default()), Arc::new(Quota::new(100)));
    let mut reader = hub.subscribe(None);
    let mut telling = tokio::task::JoinSet::new();
    telling.spawn(Arc::clone(&hub).tell_quota(Arc::clone(&quota)));
    let mut told = async |spent: &[u64]| {
        for spans in spent {
            quota.spend(*spans, clock::unix_seconds());
        }
        tokio::time::sleep(QUOTA_EVERY * 3).await;
        hub.flush();
        let Delivery::Batch(batch) = reader.next().await else { panic!("a gap") };
        let states = batch.events.iter().map(|(_, event)| match event {
            Event::Quota(state) => (state.used, state.level),
            other => panic!("{other:?}"),
        });
        states.collect::<Vec<_>>()
    };
    tokio::task::yield_now().await;
    assert_eq!(told(&[1, 1, 1]).await, [(3, QuotaLevel::Fine)], "one event for all of them");
    assert_eq!(told(&[80]).await, [(83, QuotaLevel::Eighty)]);
    assert_eq!(told(&[12]).await, [(95, QuotaLevel::NinetyFive)]);
    assert_eq!(told(&[5]).await, [(100, QuotaLevel::Full)]);
}

#[test]
fn many_readers_are_handed_less_each() {
    let limits = HubLimits::default();
    let pace = |readers| {
        let Pace { every, events_max } = limits.pace(readers);
        (every.as_millis(), events_max)
    };
    assert_eq!(pace(0), (250, 256));
    assert_eq!(pace(1), (250, 256));
    assert_eq!(pace(125), (250, 65), "of 32,768 events a second");
    assert_eq!(pace(150), (500, 109), "not 600 batches a second, but 300");
    assert_eq!(pace(1_000), (2_000, 64));
    let narrow = HubLimits { delivered_events_per_second_max: 0, deliveries_per_second_max: 0, ..limits };
    assert_eq!(narrow.pace(2).events_max, 1, "never nothing");
}
