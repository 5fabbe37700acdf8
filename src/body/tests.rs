use std::cell::RefCell;

use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::*;

#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Watch for Log {
    fn data(&self, octets: usize) {
        self.0.borrow_mut().push(octets.to_string());
    }
    fn end(&self, end: End) {
        self.0.borrow_mut().push(format!("{end:?}"));
    }
}

fn watched(body: Body) -> (Body, Rc<Log>) {
    let log = Rc::new(Log::default());
    (body.watched(log.clone()), log)
}

#[tokio::test]
async fn a_body_that_is_read_ends_once() {
    let (body, log) = watched(Body::full("hello"));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(*log.0.borrow(), ["5", "Complete"]);
}

#[test]
fn a_body_that_is_dropped_ends_too() {
    let (body, log) = watched(Body::full("hello"));
    drop(body);
    assert_eq!(*log.0.borrow(), ["Dropped"]);
}

#[test]
fn an_empty_body_is_complete_without_being_read() {
    let (body, log) = watched(Body::empty());
    drop(body);
    assert_eq!(*log.0.borrow(), ["Complete"]);
}

#[tokio::test]
async fn watchers_stay_when_the_content_is_edited() {
    let (body, log) = watched(Body::full("hello"));
    let body = body.map_content(|_| Body::full("hi"));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hi");
    assert_eq!(*log.0.borrow(), ["2", "Complete"]);
}

/// Polls once, as the task of `waker`.
fn poll(body: &mut Body, waker: &std::task::Waker) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(waker))
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Woken {
    fn times(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[test]
fn a_body_is_fed_as_it_is_asked_for() {
    let waker = std::task::Waker::noop();
    let cx = Context::from_waker(waker);
    let (feeder, body) = fed(Some(5));
    let (mut body, log) = watched(Body::from(body));
    assert!(!feeder.is_asked(&cx) && body.size_hint().exact() == Some(5));
    assert!(poll(&mut body, waker).is_pending() && feeder.is_asked(&cx));
    feeder.feed(Frame::data(Bytes::from("he")), More::Yes, &cx);
    assert!(!feeder.is_asked(&cx));
    assert!(poll(&mut body, waker).is_ready() && body.size_hint().exact() == Some(3));
    assert!(poll(&mut body, waker).is_pending() && feeder.is_asked(&cx));
    feeder.feed(Frame::data(Bytes::from("llo")), More::No, &cx);
    assert!(poll(&mut body, waker).is_ready() && body.is_end_stream());
    drop(feeder);
    assert!(matches!(poll(&mut body, waker), Poll::Ready(None)));
    assert_eq!(*log.0.borrow(), ["2", "3", "Complete"]);
}

#[test]
fn each_end_wakes_the_other_where_their_tasks_differ() {
    let (feeding, reading) = (std::sync::Arc::new(Woken::default()), std::sync::Arc::new(Woken::default()));
    let (feeder_waker, reader_waker) = (feeding.clone().into(), reading.clone().into());
    let cx = Context::from_waker(&feeder_waker);
    let (feeder, body) = fed(None);
    let mut body = Body::from(body);
    assert!(!feeder.is_asked(&cx));
    assert!(poll(&mut body, &reader_waker).is_pending());
    assert_eq!((feeding.times(), reading.times()), (1, 0));
    feeder.feed(Frame::data(Bytes::from("a")), More::Yes, &cx);
    assert_eq!((feeding.times(), reading.times()), (1, 1));
    assert!(poll(&mut body, &reader_waker).is_ready());
    // On one task, whoever feeds polls what reads.
    assert!(!feeder.is_asked(&cx));
    assert!(poll(&mut body, &feeder_waker).is_pending());
    feeder.end(&cx);
    assert_eq!((feeding.times(), reading.times()), (1, 1));
    assert!(matches!(poll(&mut body, &feeder_waker), Poll::Ready(None)));
}

#[test]
fn a_body_whose_feeder_is_gone_fails_and_one_that_nobody_reads_says_so() {
    let waker = std::task::Waker::noop();
    let (feeder, body) = fed(None);
    let (mut body, log) = watched(Body::from(body));
    drop(feeder);
    let failed = poll(&mut body, waker);
    let Poll::Ready(Some(Err(error))) = failed else { panic!("it did not fail") };
    assert!(error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::UnexpectedEof));
    assert_eq!(*log.0.borrow(), ["Failed"]);
    let (feeder, body) = fed(Some(1));
    assert!(!feeder.is_gone());
    drop(Body::from(body));
    assert!(feeder.is_gone());
}
