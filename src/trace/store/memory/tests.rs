//! The store in memory: what every store does, and its bounds.

use super::*;
use crate::trace::store::testing::{keeps_its_word, keeps_within_its_quota, row, spans};

fn store(limits: MemoryLimits) -> MemoryStore {
    MemoryStore::new(limits, Arc::new(Quota::unlimited()), Arc::default())
}

#[tokio::test]
async fn it_keeps_its_word() {
    keeps_its_word(&store(MemoryLimits::default())).await;
}

#[tokio::test]
async fn it_keeps_within_its_quota() {
    let counters = Arc::new(Counters::default());
    let store = MemoryStore::new(MemoryLimits::default(), Arc::new(Quota::new(3)), Arc::clone(&counters));
    keeps_within_its_quota(&store, &counters).await;
}

#[tokio::test]
async fn the_eldest_go_first() {
    let store =
        store(MemoryLimits { requests_max: 3, spans_max: 5, spans_per_trace_max: 2, ..MemoryLimits::default() });
    store.write_requests((1..=5).map(row).collect()).await.unwrap();
    assert_eq!((store.request(2).await.unwrap(), store.request(3).await.unwrap()), (None, Some(row(3))));
    for trace in [1, 2, 3] {
        store.write(spans([trace, trace])).await.unwrap();
        store.write(spans([trace])).await.unwrap();
    }
    let kept = [1_u128, 2, 3].map(|trace| store.kept().traces.get(&TraceId::from(trace)).map_or(0, |kept| kept.spans));
    assert_eq!(kept, [0, 2, 2], "no trace has more than two, and all have at most five");
    let counted =
        [&store.counters.spans_stored, &store.counters.spans_dropped_trace, &store.counters.stored_spans_removed];
    assert_eq!(counted.map(|counter| counter.value()), [6, 3, 2]);
    assert_eq!(store.counters.stored_requests_removed.value(), 2);
    assert_eq!(store.quota.state(0).used, 6);
}

#[tokio::test]
async fn octets_are_bounded() {
    let one = spans([1]).encoded().len();
    let store = store(MemoryLimits { bytes_max: one * 2, ..MemoryLimits::default() });
    for trace in 1..=9 {
        store.write(spans([trace])).await.unwrap();
    }
    assert_eq!(store.kept().traces.len(), 2);
}
