use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

use super::*;
use crate::{
    clock::Instant,
    trace::{
        attributes::Attributes,
        encode::{self, Resource as EdgeResource},
        record::{Origin as ParentOrigin, Role, SpanRecord},
        stage::Stage,
    },
};

fn edge() -> Bytes {
    let record = SpanRecord {
        trace_id: TraceId::from_bytes([7; 16]),
        span_id: SpanId::from_bytes([1; 8]),
        parent: SpanId::INVALID,
        parent_origin: ParentOrigin::Local,
        flags: opentelemetry::trace::TraceFlags::SAMPLED,
        stage: Stage::Request,
        role: Role::Part,
        name: None,
        start: Instant::from_nanos(1000),
        end: Instant::from_nanos(2000),
        error: None,
        attributes: Attributes::default(),
        events: Vec::new(),
        links: Vec::new(),
    };
    encode::request(&EdgeResource::new("front", &BTreeMap::new()), std::iter::once(&record))
}

fn string(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

fn app(attributes: Vec<KeyValue>) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![7; 16],
        span_id: vec![2; 8],
        parent_span_id: vec![1; 8],
        kind: 3,
        attributes: vec![string("db.system", "sqlite"), string("waylight.stage", "request")],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span.clone(), span], ..ScopeSpans::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

#[test]
fn what_the_edge_encodes_is_read_as_the_edges() {
    let kept = Kept::decode(&[edge(), app(vec![string("service.name", "shop")]).encode_to_vec().into()]).unwrap();
    let makers: Vec<_> = (0..2).map(|index| kept.trace.maker(index)).collect();
    assert_eq!(makers, [Maker::Edge, Maker::App]);
    assert_eq!((kept.trace.service(0), kept.trace.service(1)), ("front", "shop"));
    assert_eq!(kept.trace.spans.len(), 2, "a span that came twice counts once");
    assert_eq!(kept.trace.parent(1), Some(0));
    assert_eq!(kept.trace.spans[1].work, Work::Query);
    assert_eq!(kept.trace.entry(), Some(0));
    assert_eq!(kept.id(), TraceId::from_bytes([7; 16]));
    assert_eq!(kept.find(SpanId::from_bytes([2; 8])), Some(1));
    assert_eq!(kept.span(1).unwrap().span.kind, 3);
}

#[test]
fn an_app_does_not_pass_for_the_edge_by_an_attribute() {
    let kept = Kept::of(app(vec![string("service.name", "waylight")]));
    assert_eq!(kept.trace.maker(0), Maker::App);
    let browser = Kept::of(app(vec![string("telemetry.sdk.language", "webjs")]));
    assert_eq!(browser.trace.maker(0), Maker::Browser);
    assert_eq!(browser.trace.service(0), "unknown service");
    assert!(Kept::decode(&[Bytes::from_static(b"\xff\xff")]).is_err());
}

#[test]
fn a_long_trace_is_read_in_order_by_several_threads() {
    let message = |number: u64| {
        let span = Span {
            trace_id: vec![7; 16],
            span_id: (number + 1).to_be_bytes().into(),
            name: "n".repeat(LONG_BYTES / 40),
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec())
    };
    for count in [0, 1, 39, 41, 47, 100] {
        let messages: Vec<Bytes> = (0..count).map(message).collect();
        let kept = Kept::decode(&messages).unwrap();
        let ids: Vec<_> = (0..kept.trace.spans.len()).map(|at| kept.span(at).unwrap().span.span_id.clone()).collect();
        assert_eq!(ids, (0..count).map(|number| (number + 1).to_be_bytes().to_vec()).collect::<Vec<_>>());
    }
    let mut broken: Vec<Bytes> = (0..50).map(message).collect();
    broken[45] = Bytes::from_static(b"\xff\xff");
    assert!(Kept::decode(&broken).is_err());
}
