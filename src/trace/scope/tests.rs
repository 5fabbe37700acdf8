use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::*;
use crate::trace::{counters::Counters, ids, outbox::Outbox};

fn begin(spans_max: u32) -> (Begin, crate::trace::outbox::Inbox, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(8, Arc::clone(&counters));
    (Begin { trace_id: ids::trace_id(), flags: TraceFlags::SAMPLED, outbox, meter: None, spans_max }, inbox, counters)
}

#[test]
fn children_nest_under_the_root_and_are_handed_over_with_it() {
    let (begin, mut inbox, _) = begin(10);
    let trace_id = begin.trace_id;
    let root = Span::root(begin, None, clock::now());
    let mut child = root.scope().span(Stage::Route);
    child.set("http.route", || "/");
    drop(child);
    assert!(inbox.try_recv().is_err());
    let root_id = root.id().unwrap();
    drop(root);
    let spans = inbox.try_recv().unwrap();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].parent, root_id);
    assert_eq!(spans[1].parent, SpanId::INVALID);
    assert!(spans.iter().all(|span| span.trace_id == trace_id));
}

#[test]
fn a_request_has_its_share_of_spans_and_no_more() {
    let (begin, mut inbox, counters) = begin(2);
    let root = Span::root(begin, None, clock::now());
    for _ in 0..5 {
        drop(root.scope().span(Stage::Route));
    }
    drop(root);
    assert_eq!(inbox.try_recv().unwrap().len(), 2);
    assert_eq!(counters.spans_dropped_limit.value(), 4);
}

#[test]
fn nothing_is_computed_for_a_request_that_is_not_traced() {
    let mut span = Scope::off().span(Stage::Route);
    span.set("key", || -> &'static str { unreachable!("computed for nobody") });
    assert!(!span.is_on());
}

#[test]
fn a_span_ends_when_its_body_is_dropped() {
    let (begin, mut inbox, _) = begin(2);
    let root = Span::root(begin, None, clock::now());
    drop(root.end_with(Body::full("hello")));
    let spans = inbox.try_recv().unwrap();
    assert_eq!(spans[0].attributes.text("error.type"), Some("client_disconnected"));
}

/// Always has more.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"more")))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_streams_for_minutes_hands_over_what_is_finished_and_ends_its_span_once() {
    const MINUTE: Duration = Duration::from_secs(60);
    clock::follow_tokio();
    let (begin, mut inbox, _) = begin(10);
    let root = Span::root(begin, None, clock::now());
    let scope = root.scope();
    let mut body = root.end_with(Body::boxed(Endless));
    for _ in 0..3 {
        drop(scope.span(Stage::Route));
        tokio::time::advance(MINUTE).await;
        body.frame().await.unwrap().unwrap();
        let spans = inbox.try_recv().unwrap();
        assert_eq!(spans.iter().map(|span| span.stage).collect::<Vec<_>>(), [Stage::Route], "not its own");
    }
    drop((body, scope));
    let spans = inbox.try_recv().unwrap();
    let [root] = &spans[..] else { panic!("{spans:?}") };
    assert!(root.end.since(root.start) >= 3 * MINUTE);
    assert_eq!(root.attributes.shown("http.response.body.size").as_deref(), Some("12"));
    assert!(inbox.try_recv().is_err());
}

#[tokio::test]
async fn a_body_of_an_upstream_tells_who_was_waited_for() {
    let (begin, mut inbox, _) = begin(4);
    let root = Span::root(begin, None, clock::now());
    let streamed = || Body::boxed(http_body_util::Full::new(Bytes::from_static(b"piece")));
    for (stage, body) in [
        (Stage::UpstreamRequest, streamed()),
        (Stage::UpstreamRequest, Body::full("here")),
        (Stage::Middleware("headers"), streamed()),
    ] {
        root.scope().span(stage).end_with(body).collect().await.unwrap();
    }
    drop(root);
    let spans = inbox.try_recv().unwrap();
    let told: Vec<_> = spans.iter().map(|span| span.attributes.shown("waylight.body.client_us").is_some()).collect();
    assert_eq!(told, [true, false, false, false]);
}
