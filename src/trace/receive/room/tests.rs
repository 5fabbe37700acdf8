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

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

#[test]
fn either_side_may_come_first() {
    let (first, second, foreign) = (ids::trace_id(), ids::trace_id(), ids::trace_id());
    let mut room = Room::new(RoomLimits::default());
    assert!(room.recorded(first).is_empty());
    let ready = room.offered(sent(&[first, second, foreign, first]), at(0));
    assert_eq!(span_count(&ready), 2);
    let waited = room.recorded(second);
    assert_eq!(waited.iter().map(span_count).sum::<usize>(), 1);
    assert!(room.recorded(second).is_empty());
    assert_eq!(room.expire(at(29)), 0);
    assert_eq!(room.expire(at(30)), 1);
    assert!(room.recorded(foreign).is_empty());
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
        room.recorded(*trace);
    }
    assert!(room.known.len() + room.known_before.len() <= 4);
    assert_eq!(room.bytes, 0);
}

#[test]
fn malformed_ids_belong_to_no_trace() {
    let mut request = sent(&[ids::trace_id(), TraceId::INVALID]);
    request.resource_spans[0].scope_spans[0].spans[0].trace_id.pop();
    let mut room = Room::new(RoomLimits::default());
    assert_eq!(span_count(&room.offered(request, at(0))), 0);
    assert_eq!(room.expire(at(0)), 2);
}
