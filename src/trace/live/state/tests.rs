use opentelemetry::trace::TraceFlags;

use super::*;
use crate::trace::{attributes::Attributes, record::Origin};

const TRACE: TraceId = TraceId::from_bytes([1; 16]);

fn span(stage: Stage, id: u8) -> SpanRecord {
    let role = if stage == Stage::UpstreamRequest { Role::Answered("app".into()) } else { Role::Part };
    SpanRecord {
        trace_id: TRACE,
        span_id: SpanId::from_bytes([id; 8]),
        parent: SpanId::INVALID,
        parent_origin: Origin::Local,
        flags: TraceFlags::SAMPLED,
        stage,
        role,
        name: None,
        start: Instant::from_nanos(0),
        end: Instant::from_nanos(1),
        error: None,
        attributes: Attributes::default(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn awaiting(names: &[&str]) -> Option<Progress> {
    Some(Progress::Partial { waiting_for: names.iter().map(|name| (*name).into()).collect() })
}

#[test]
fn a_trace_is_open_then_partial_then_done() {
    let mut states = States::default();
    assert_eq!(states.state(TRACE, at(0)), None);
    states.recorded(&[span(Stage::Route, 1)], at(0));
    assert_eq!(states.state(TRACE, at(0)), Some(Progress::Open));
    states.recorded(&[span(Stage::UpstreamRequest, 2), span(Stage::Request, 3)], at(1));
    assert_eq!(states.state(TRACE, at(1)), awaiting(&["app"]));
    states.arrived(TRACE, SpanId::from_bytes([2; 8]), at(2));
    assert_eq!(states.state(TRACE, at(2)), Some(Progress::Done));
}

#[test]
fn an_app_may_be_first_and_may_never_come() {
    let mut states = States::default();
    states.arrived(TRACE, SpanId::from_bytes([2; 8]), at(0));
    states.recorded(&[span(Stage::UpstreamRequest, 2), span(Stage::Request, 3)], at(1));
    assert_eq!(states.state(TRACE, at(1)), Some(Progress::Done));
    states.recorded(&[span(Stage::UpstreamRequest, 4), span(Stage::Request, 5)], at(2));
    assert_eq!(states.state(TRACE, at(2)), awaiting(&["app"]));
    assert_eq!(states.state(TRACE, at(12)), Some(Progress::Done));
}

#[test]
fn nothing_is_awaited_of_an_app_that_was_asked_untraced() {
    let kept = SpanRecord { role: Role::Part, ..span(Stage::UpstreamRequest, 2) };
    let mut states = States::default();
    states.recorded(&[span(Stage::Request, 1), kept], at(0));
    assert_eq!(states.state(TRACE, at(0)), Some(Progress::Done));
}

#[test]
fn changes_are_told_once() {
    let mut states = States::default();
    states.recorded(&[span(Stage::Route, 1)], at(0));
    assert_eq!(states.changed(&[], at(0)), []);
    assert_eq!(states.changed(&[TRACE], at(0)), [(TRACE, Progress::Open)]);
    assert_eq!(states.changed(&[TRACE], at(0)), []);
    states.recorded(&[span(Stage::Request, 1)], at(0));
    assert_eq!(states.changed(&[TRACE], at(0)), [(TRACE, Progress::Done)]);
}

#[test]
fn traces_are_bounded() {
    let mut states = States::default();
    for number in 0..TRACES_MAX as u128 + 100 {
        states.arrived(TraceId::from_bytes((number + 1).to_be_bytes()), SpanId::INVALID, at(0));
    }
    assert_eq!(states.traces.len(), TRACES_MAX);
}
