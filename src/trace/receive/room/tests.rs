use opentelemetry::trace::SpanId;

use super::*;
use crate::trace::ids;

fn sent(traces: &[TraceId]) -> ExportTraceServiceRequest {
    let spans = traces
        .iter()
        .map(|trace| Span {
            trace_id: trace.to_bytes().into(),
            span_id: ids::span_id().to_bytes().into(),
            ..Span::default()
        })
        .collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

fn count(parts: &[Part]) -> usize {
    parts.iter().map(|(_, part)| span_count(part)).sum()
}

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

#[test]
fn either_side_may_come_first() {
    let (first, second, foreign) = (ids::trace_id(), ids::trace_id(), ids::trace_id());
    let mut room = Room::new(RoomLimits::default());
    assert!(room.recorded(first, None, None).is_empty());
    let ready = room.offered(sent(&[first, second, foreign, first]), at(0));
    assert_eq!(count(&ready), 2);
    let waited = room.recorded(second, None, None);
    assert_eq!(count(&waited), 1);
    assert!(room.recorded(second, None, None).is_empty());
    assert_eq!(room.expire(at(89)), 0);
    assert_eq!(room.expire(at(90)), 1);
    assert!(room.recorded(foreign, None, None).is_empty());
    assert_eq!(room.bytes, 0);
}

#[test]
fn the_room_is_bounded() {
    let one = sent(&[ids::trace_id()]).encoded_len();
    let mut room = Room::new(RoomLimits { traces_max: 2, bytes_max: one * 3, ..RoomLimits::default() });
    let traces: Vec<_> = (0..5).map(|_| ids::trace_id()).collect();
    for trace in &traces {
        room.offered(sent(&[*trace]), at(0));
    }
    assert!(room.bytes <= one * 3);
    assert_eq!(room.expire(at(1)), 2);
    for trace in &traces {
        room.recorded(*trace, None, None);
    }
    assert!(room.known.len() + room.known_before.len() <= 4);
    assert_eq!(room.bytes, 0);
}

#[test]
fn malformed_ids_belong_to_no_trace() {
    let mut request = sent(&[ids::trace_id(), TraceId::INVALID]);
    request.resource_spans[0].scope_spans[0].spans[0].trace_id.pop();
    let mut room = Room::new(RoomLimits::default());
    assert_eq!(count(&room.offered(request, at(0))), 0);
    assert_eq!(room.expire(at(0)), 2);
}

#[test]
fn an_app_adds_no_more_to_a_trace_than_it_may() {
    let trace = ids::trace_id();
    let mut room = Room::new(RoomLimits { spans_per_trace_max: 3, ..RoomLimits::default() });
    room.offered(sent(&[trace, trace]), at(0));
    assert_eq!(count(&room.recorded(trace, None, None)), 2);
    assert_eq!(count(&room.offered(sent(&[trace, trace]), at(0))), 0);
    assert_eq!(count(&room.offered(sent(&[trace]), at(0))), 1);
    assert_eq!(count(&room.offered(sent(&[trace]), at(0))), 0);
    assert_eq!(room.expire(at(0)), 3);
}

mod split {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};

    use super::*;

    const REQUEST: u128 = 0xabc;

    fn text(text: &str) -> AnyValue {
        AnyValue { value: Some(Value::StringValue(text.to_owned())) }
    }

    /// A root and a child of a trace that an app began anew; the root names the request.
    fn begun_anew(other: TraceId, key: &str, value: AnyValue) -> ExportTraceServiceRequest {
        let mut request = sent(&[other, other]);
        let spans = &mut request.resource_spans[0].scope_spans[0].spans;
        spans[1].parent_span_id = spans[0].span_id.clone();
        spans[0].attributes.push(KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() });
        request
    }

    fn named(trace: TraceId) -> Named {
        Named { request: REQUEST, trace, parent: SpanId::from_bytes([7; 8]) }
    }

    fn check(parts: &[Part], home: TraceId, other: TraceId) {
        let spans: Vec<_> = parts
            .iter()
            .flat_map(|(trace, part)| {
                assert_eq!(*trace, home);
                &part.resource_spans
            })
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .collect();
        assert!(spans.iter().all(|span| span.trace_id == home.to_bytes()));
        let [root, child] = &*spans else { panic!("{spans:?}") };
        assert_eq!(root.parent_span_id, [7; 8]);
        assert_eq!(child.parent_span_id, root.span_id);
        assert_eq!((&root.links[0].trace_id[..], &root.links[0].span_id), (&other.to_bytes()[..], &root.span_id));
        assert!(child.links.is_empty());
    }

    #[test]
    fn a_second_trace_is_joined_by_the_requests_name() {
        let list = ArrayValue { values: vec![text(&format!("{REQUEST:032x}"))] };
        for (key, value) in [
            ("http.request.header.x-request-id", AnyValue { value: Some(Value::ArrayValue(list.clone())) }),
            ("http.request.header.x_request_id", AnyValue { value: Some(Value::ArrayValue(list)) }),
            ("request.id", text(&format!("{REQUEST:032x}"))),
        ] {
            let (home, other) = (ids::trace_id(), ids::trace_id());
            let message = begun_anew(other, key, value);
            // The edge first.
            let mut room = Room::new(RoomLimits::default());
            room.recorded(home, Some(named(home)), None);
            check(&room.offered(message.clone(), at(0)), home, other);
            // The app first.
            let mut room = Room::new(RoomLimits::default());
            assert_eq!(count(&room.offered(message, at(0))), 0);
            check(&room.recorded(home, Some(named(home)), None), home, other);
            // What follows of the other trace goes the same way.
            assert_eq!(room.offered(sent(&[other]), at(1))[0].0, home);
            assert_eq!(room.bytes, 0);
        }
    }

    #[test]
    fn a_name_joins_one_trace_only_and_other_attributes_join_none() {
        let (home, other, third) = (ids::trace_id(), ids::trace_id(), ids::trace_id());
        let name = || text(&format!("{REQUEST:032x}"));
        let mut room = Room::new(RoomLimits::default());
        room.recorded(home, Some(named(home)), None);
        assert_eq!(count(&room.offered(begun_anew(third, "user.note", name()), at(0))), 0);
        assert_eq!(count(&room.offered(begun_anew(other, "request_id", name()), at(0))), 2);
        assert_eq!(count(&room.offered(begun_anew(ids::trace_id(), "request_id", name()), at(0))), 0);
        let mut off = Room::new(RoomLimits { request_id_header: None, ..RoomLimits::default() });
        off.recorded(home, Some(named(home)), None);
        assert_eq!(count(&off.offered(begun_anew(other, "request_id", name()), at(0))), 0);
    }
}

#[test]
fn what_apps_add_to_traces_that_nobody_asked_for_is_counted() {
    let (ratio, session, late) = (ids::trace_id(), ids::trace_id(), ids::trace_id());
    let mut room = Room::new(RoomLimits { spans_per_trace_max: 3, ..RoomLimits::default() });
    room.offered(sent(&[ratio, ratio, session]), at(0));
    room.recorded(ratio, None, Some(Asked::ByNobody));
    room.recorded(session, None, Some(Asked::BySomebody));
    room.offered(sent(&[session, ratio]), at(0));
    assert_eq!(room.take_unasked(), 3);
    room.offered(sent(&[ratio]), at(0));
    assert_eq!(room.take_unasked(), 0, "it was more than the trace may have");
    // Its root ends last.
    room.recorded(late, None, None);
    room.offered(sent(&[late, late]), at(0));
    assert_eq!(room.take_unasked(), 0);
    room.recorded(late, None, Some(Asked::ByNobody));
    assert_eq!(room.take_unasked(), 2);
    // Somebody traces it, too.
    room.recorded(late, None, Some(Asked::BySomebody));
    room.recorded(late, None, Some(Asked::ByNobody));
    room.offered(sent(&[late]), at(0));
    assert_eq!(room.take_unasked(), 0);
}

#[test]
fn places_of_traces_that_wait_no_more_do_not_pile_up() {
    let mut room = Room::new(RoomLimits { traces_max: 10, ..RoomLimits::default() });
    for _ in 0..10_000 {
        let trace = ids::trace_id();
        room.offered(sent(&[trace]), at(0));
        assert_eq!(count(&room.recorded(trace, None, None)), 1);
    }
    assert!(room.order.len() <= PLACES_SPARE + 1, "{}", room.order.len());
    room.offered(sent(&[ids::trace_id()]), at(1));
    assert_eq!(room.expire(at(91)), 1);
}
