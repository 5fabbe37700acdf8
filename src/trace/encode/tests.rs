use std::borrow::Cow;

use opentelemetry::trace::TraceFlags;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any, trace::v1 as otlp,
};
use prost::Message as _;

use super::*;
use crate::{
    clock::Instant,
    trace::{attributes::Attributes, ids, record::Role, stage::Stage},
};

fn record(stage: Stage) -> SpanRecord {
    SpanRecord {
        trace_id: ids::trace_id(),
        span_id: ids::span_id(),
        parent: ids::span_id(),
        parent_origin: Origin::Remote,
        flags: TraceFlags::SAMPLED,
        stage,
        role: Role::Part,
        name: None,
        start: Instant::from_nanos(1_000),
        end: Instant::from_nanos(5_000),
        error: None,
        attributes: Attributes::default(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn decoded(records: &[SpanRecord]) -> otlp::ResourceSpans {
    let resource = Resource::new("shop-edge", &BTreeMap::from([("deployment.environment.name".into(), "test".into())]));
    let mut request = ExportTraceServiceRequest::decode(request(&resource, records.iter())).unwrap();
    assert_eq!(request.resource_spans.len(), 1);
    request.resource_spans.remove(0)
}

fn value<'a>(attributes: &'a [opentelemetry_proto::tonic::common::v1::KeyValue], key: &str) -> Option<&'a Any> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

#[test]
fn the_resource_names_the_service_and_the_process() {
    let resource = decoded(&[]).resource.unwrap();
    assert_eq!(value(&resource.attributes, "service.name"), Some(&Any::StringValue("shop-edge".into())));
    assert_eq!(value(&resource.attributes, "telemetry.sdk.name"), Some(&Any::StringValue("waylight".into())));
    assert_eq!(value(&resource.attributes, "process.pid"), Some(&Any::IntValue(i64::from(std::process::id()))));
    assert_eq!(value(&resource.attributes, "deployment.environment.name"), Some(&Any::StringValue("test".into())));
    assert!(value(&resource.attributes, "host.name").is_some());
}

#[test]
fn every_field_of_a_span_arrives() {
    let mut root = record(Stage::Request);
    root.name = Some(Cow::Borrowed("GET /products/:slug"));
    root.error = Some(Cow::Borrowed("it broke"));
    root.attributes.set("http.response.status_code", 502_i64);
    root.attributes.set("negative", -7_i64);
    root.attributes.set("yes", true);
    root.attributes.set("no", false);
    root.attributes.set("empty", "");
    root.attributes.set("share", 0.25);
    root.attributes.set("long", "x".repeat(70_000));
    root.attributes.set("list", Value::Array(vec![1_i64, 0, 300].into()));
    for number in 8..131 {
        root.attributes.set(&number.to_string(), number);
    }
    root.events = vec![EventRecord {
        name: Cow::Borrowed("retry"),
        time: Instant::from_nanos(2_000),
        attributes: vec![KeyValue::new("attempt", 2_i64)],
    }];
    root.links = vec![LinkRecord {
        trace_id: ids::trace_id(),
        span_id: ids::span_id(),
        attributes: vec![KeyValue::new("waylight.link.reason", "restarted")],
    }];
    let resource = decoded(std::slice::from_ref(&root));
    let scope = &resource.scope_spans[0];
    assert_eq!(scope.scope.as_ref().unwrap().name, "waylight");
    let span = &scope.spans[0];
    assert_eq!(span.trace_id, root.trace_id.to_bytes());
    assert_eq!(span.span_id, root.span_id.to_bytes());
    assert_eq!(span.parent_span_id, root.parent.to_bytes());
    assert_eq!(span.name, "GET /products/:slug");
    assert_eq!(span.kind(), otlp::span::SpanKind::Server);
    assert_eq!(span.flags, 0x301);
    assert_eq!(span.start_time_unix_nano, root.start.unix_nanos());
    assert_eq!(span.end_time_unix_nano, root.end.unix_nanos());
    assert_eq!(span.dropped_attributes_count, 3);
    assert_eq!(value(&span.attributes, "waylight.stage"), Some(&Any::StringValue("request".into())));
    assert_eq!(value(&span.attributes, "sentry.op"), Some(&Any::StringValue("http.server".into())));
    assert_eq!(value(&span.attributes, "http.response.status_code"), Some(&Any::IntValue(502)));
    assert_eq!(value(&span.attributes, "negative"), Some(&Any::IntValue(-7)));
    assert_eq!(value(&span.attributes, "yes"), Some(&Any::BoolValue(true)));
    assert_eq!(value(&span.attributes, "no"), Some(&Any::BoolValue(false)));
    assert_eq!(value(&span.attributes, "empty"), Some(&Any::StringValue(String::new())));
    assert_eq!(value(&span.attributes, "share"), Some(&Any::DoubleValue(0.25)));
    assert_eq!(value(&span.attributes, "long"), Some(&Any::StringValue("x".repeat(70_000))));
    let Some(Any::ArrayValue(list)) = value(&span.attributes, "list") else { panic!("no list") };
    let list: Vec<_> = list.values.iter().map(|value| value.value.clone().unwrap()).collect();
    assert_eq!(list, [Any::IntValue(1), Any::IntValue(0), Any::IntValue(300)]);
    assert_eq!(span.events[0].name, "retry");
    assert_eq!(span.events[0].time_unix_nano, root.events[0].time.unix_nanos());
    assert_eq!(value(&span.events[0].attributes, "attempt"), Some(&Any::IntValue(2)));
    assert_eq!(span.links[0].trace_id, root.links[0].trace_id.to_bytes());
    assert_eq!(span.links[0].flags, 0x300);
    let status = span.status.as_ref().unwrap();
    assert_eq!((status.code(), status.message.as_str()), (otlp::status::StatusCode::Error, "it broke"));
}

#[test]
fn every_stage_says_what_it_is() {
    for (place, stage) in Stage::ALL.iter().enumerate() {
        assert_eq!(stage.place(), place);
        let resource = decoded(&[record(*stage)]);
        let span = &resource.scope_spans[0].spans[0];
        assert_eq!((&*span.name, span.kind), (stage.name(), kind(&stage.kind()) as i32));
        assert_eq!(value(&span.attributes, "waylight.stage"), Some(&Any::StringValue(stage.id().into())));
        assert_eq!(value(&span.attributes, "sentry.op"), Some(&Any::StringValue(stage.op().into())));
    }
}

#[test]
fn a_root_has_no_parent_and_no_status() {
    let mut root = record(Stage::Route);
    root.parent = SpanId::INVALID;
    root.parent_origin = Origin::Local;
    let resource = decoded(&[root]);
    let span = &resource.scope_spans[0].spans[0];
    assert!(span.parent_span_id.is_empty());
    assert_eq!(span.flags, 0x101);
    assert_eq!(span.kind(), otlp::span::SpanKind::Internal);
    assert_eq!(span.name, "Route");
    assert!(span.status.is_none());
}

#[test]
fn two_encoded_requests_in_a_row_are_one() {
    let resource = Resource::new("edge", &BTreeMap::new());
    let mut octets = request(&resource, [record(Stage::Route)].iter()).to_vec();
    octets.extend_from_slice(&request(&resource, [record(Stage::Inject), record(Stage::Request)].iter()));
    let request = ExportTraceServiceRequest::decode(&octets[..]).unwrap();
    assert_eq!(crate::trace::sink::span_count(&request), 3);
}
