use std::sync::Arc;

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
