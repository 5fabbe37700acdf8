use std::{future::poll_fn, time::Duration};

use http_body_util::BodyExt as _;

use super::*;
use crate::{
    body::{More, fed},
    proxy::testing,
};

const ANSWER: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(10);
const BOUNDS: Bounds = Bounds { timeout_first_byte: ANSWER, timeout_idle: IDLE };

#[test]
fn a_request_without_a_body_waits_for_its_answer_only() {
    let request = Request::default();
    let cx = testing::context(&request);
    let (_, sending) = Sending::watch(request, &cx);
    let sent = cx.phases.at(Phase::Sent).unwrap();
    assert!(sending.is_done());
    assert_eq!(sending.wait(BOUNDS), (sent.plus(ANSWER), Wait::NotAnswered));
}

#[test]
fn a_body_that_nobody_takes_has_the_shorter_bound() {
    let request = Box::new(http::Request::new(Body::full("hello")));
    let cx = testing::context(&request);
    let before = clock::now();
    let (_request, sending) = Sending::watch(request, &cx);
    assert!(!sending.is_done());
    let (due, wait) = sending.wait(BOUNDS);
    assert_eq!(wait, Wait::NotTaken);
    assert!(due >= before.plus(IDLE) && due <= clock::now().plus(IDLE));
}

#[tokio::test]
async fn a_body_that_was_taken_waits_for_its_answer() {
    let request = Box::new(http::Request::new(Body::full("hello")));
    let cx = testing::context(&request);
    let (request, sending) = Sending::watch(request, &cx);
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "hello");
    assert!(sending.is_done());
    assert_eq!(sending.wait(BOUNDS), (cx.phases.at(Phase::Sent).unwrap().plus(ANSWER), Wait::NotAnswered));
}

#[tokio::test]
async fn a_silent_client_is_not_the_upstreams_fault() {
    let request = Box::new(http::Request::new(Body::boxed(Silent)));
    let cx = testing::context(&request);
    let (request, sending) = Sending::watch(request, &cx);
    let mut body = request.into_body();
    poll_fn(|task| {
        assert!(Pin::new(&mut body).poll_frame(task).is_pending());
        Poll::Ready(())
    })
    .await;
    let now = clock::now();
    let (due, wait) = sending.wait(BOUNDS);
    assert_eq!(wait, Wait::More);
    assert!(due >= now.plus(IDLE), "however long it was silent");
}

#[tokio::test]
async fn a_body_of_known_length_needs_no_end_of_its_own() {
    let (feeder, fed) = fed(Some(5));
    let request = Box::new(http::Request::new(Body::from(fed)));
    let cx = testing::context(&request);
    let (request, sending) = Sending::watch(request, &cx);
    let mut body = request.into_body();
    poll_fn(|task| {
        assert!(Pin::new(&mut body).poll_frame(task).is_pending() && feeder.is_asked(task));
        feeder.feed(Frame::data(Bytes::from("hello")), More::Yes, task);
        assert!(Pin::new(&mut body).poll_frame(task).is_ready());
        Poll::Ready(())
    })
    .await;
    assert!(sending.is_done());
}

struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}
