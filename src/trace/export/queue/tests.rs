use super::*;
use crate::trace::sink::Source;

fn queue(spans_max: usize, bytes_max: usize) -> Queue {
    Queue::new(Limits { spans_max, bytes_max, batch_spans_max: 4, batch_delay: Duration::from_secs(5) })
}

fn batch(spans: usize, octet: u8) -> Batch {
    Batch::new(Source::Edge, spans, vec![octet; spans].into())
}

#[tokio::test(start_paused = true)]
async fn a_message_waits_until_it_is_full_or_late() {
    clock::follow_tokio();
    let queue = queue(100, 100);
    queue.push(batch(1, b'a'));
    let begun = clock::now();
    let message = queue.gather().await;
    assert_eq!((message.spans, &message.encoded.joined()[..]), (1, &b"a"[..]));
    assert!(clock::now().since(begun) >= Duration::from_secs(5));
    queue.push(batch(2, b'b'));
    queue.push(batch(2, b'c'));
    queue.push(batch(1, b'd'));
    let begun = clock::now();
    let message = queue.gather().await;
    assert_eq!((message.spans, &message.encoded.joined()[..]), (4, &b"bbcc"[..]));
    assert!(clock::now().since(begun) < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_its_oldest() {
    clock::follow_tokio();
    let queue = queue(5, 100);
    assert_eq!(queue.push(batch(2, b'a')), 0);
    assert_eq!(queue.push(batch(3, b'b')), 0);
    assert_eq!(queue.push(batch(1, b'c')), 2);
    assert_eq!(queue.push(batch(6, b'd')), 10);
    assert_eq!(queue.size(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_being_sent_takes_room() {
    clock::follow_tokio();
    let queue = queue(100, 5);
    queue.push(batch(4, b'a'));
    let message = queue.gather().await;
    assert_eq!(queue.push(batch(1, b'b')), 0);
    assert_eq!(queue.push(batch(2, b'c')), 3);
    assert_eq!(queue.size(), (4, 4));
    queue.done(&message);
    assert_eq!(queue.push(batch(2, b'c')), 0);
    queue.hurry();
    assert_eq!(queue.gather().await.spans, 2);
}
