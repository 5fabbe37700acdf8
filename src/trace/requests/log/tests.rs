use super::*;
use crate::trace::requests::entry::tests::entry;

fn log(chunks_max: usize) -> (RequestLog, RequestInbox, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = RequestOutbox::new(chunks_max, Arc::clone(&counters));
    (RequestLog::new(outbox), inbox, counters)
}

fn ids(chunk: Chunk) -> Vec<u128> {
    let ids = chunk.records().map(|record| record.brief.id).collect();
    chunk.give_back();
    ids
}

#[tokio::test(start_paused = true)]
async fn a_chunk_is_handed_over_in_time() {
    let (log, mut inbox, _) = log(4);
    let reading = async {
        log.append(&Entry { id: 1, ..entry() }, None);
        log.append(&Entry { id: 2, ..entry() }, None);
        let began = tokio::time::Instant::now();
        assert_eq!(ids(inbox.recv().await.unwrap()), [1, 2]);
        assert_eq!(began.elapsed(), DELAY);
        log.append(&Entry { id: 3, ..entry() }, None);
        assert_eq!(ids(inbox.recv().await.unwrap()), [3]);
    };
    tokio::select! {
        () = reading => {}
        () = log.keep_handing_over() => {}
    }
}

#[test]
fn a_full_chunk_is_handed_over_at_once_and_its_octets_are_used_again() {
    let (log, mut inbox, _) = log(4);
    let mut sent = 0;
    let mut places = std::collections::HashSet::new();
    for _ in 0..8 {
        let chunk = loop {
            log.append(&Entry { id: sent, ..entry() }, None);
            sent += 1;
            if let Ok(chunk) = inbox.try_recv() {
                break chunk;
            }
        };
        assert!(chunk.records.len() <= CHUNK_BYTES && chunk.records.capacity() == CHUNK_BYTES);
        places.insert(chunk.records.as_ptr());
        ids(chunk);
    }
    assert!(places.len() <= 2, "two take turns");
}

#[test]
fn what_the_background_has_no_room_for_is_counted() {
    let (log, mut inbox, counters) = log(1);
    for id in 0..3 {
        log.append(&Entry { id, ..entry() }, None);
        log.hand_over();
    }
    assert_eq!(counters.requests_unlogged.value(), 2);
    assert_eq!(ids(inbox.try_recv().unwrap()), [0]);
    log.append(&Entry { id: 9, ..entry() }, None);
    drop(log);
    assert_eq!(ids(inbox.try_recv().unwrap()), [9], "the last is handed over at the end");
}

#[test]
fn header_sets_go_with_their_request() {
    let (log, mut inbox, _) = log(8);
    let sets = HeaderSets { received: vec![("a".into(), "b".into())], ..HeaderSets::default() };
    log.append(&Entry { id: 1, ..entry() }, None);
    log.append(&Entry { id: 2, ..entry() }, Some(Box::new(sets.clone())));
    log.hand_over();
    let mut chunk = inbox.try_recv().unwrap();
    assert_eq!(chunk.take_headers(), [(2, Box::new(sets))]);
    assert_eq!((chunk.count(), ids(chunk)), (2, vec![1, 2]));
}
