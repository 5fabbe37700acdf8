//! What a browser may send, and what is left of it.

use super::*;

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn span(trace: u8, id: u8, kind: SpanKind) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        name: "click".to_owned(),
        kind: kind.into(),
        attributes: vec![text("sentry.op", "ui"), text("waylight.stage", "request")],
        start_time_unix_nano: 20,
        end_time_unix_nano: 10,
        ..Span::default()
    }
}

fn message(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes =
        vec![text("service.name", "shop"), text("telemetry.sdk.name", "waylight"), text("browser.language", "en")];
    let scope = Some(InstrumentationScope { name: "waylight".to_owned(), ..InstrumentationScope::default() });
    let scope_spans = vec![ScopeSpans { scope, spans, schema_url: "x".to_owned() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, schema_url: String::new() }],
    }
}

#[test]
fn a_browser_names_neither_a_service_nor_the_edge() {
    let cleaned = Cleaned::of(message(vec![span(1, 1, SpanKind::Internal), span(2, 2, SpanKind::Client)]));
    assert_eq!((cleaned.spans(), cleaned.rejected, cleaned.traces.len()), (2, 0, 2));
    let kept = kept::Kept::of(cleaned.message());
    let origin = kept.span(0).unwrap();
    assert_eq!(kept::service_name(origin.resource), "browser");
    assert_eq!(origin.scope.unwrap().name, "waylight.browser");
    assert_eq!(kept.trace.maker(0), crate::rules::reading::Maker::Browser);
    let attributes = &origin.resource.unwrap().attributes;
    assert_eq!(attributes.last().unwrap().key, "browser.language");
    assert_eq!(origin.span.attributes.len(), 1, "nothing of the edge's is left");
    assert_eq!((origin.span.start_time_unix_nano, origin.span.end_time_unix_nano), (20, 20));
}

#[test]
fn some_spans_no_browser_may_send() {
    let without = |change: fn(&mut Span)| {
        let mut span = span(1, 1, SpanKind::Internal);
        change(&mut span);
        span
    };
    let bad = vec![
        span(1, 1, SpanKind::Server),
        span(1, 2, SpanKind::Producer),
        span(1, 3, SpanKind::Consumer),
        span(0, 4, SpanKind::Internal),
        span(1, 0, SpanKind::Internal),
        without(|span| span.trace_id.truncate(8)),
        without(|span| span.span_id.clear()),
        without(|span| span.parent_span_id = vec![1; 3]),
    ];
    let cleaned = Cleaned::of(message(bad));
    assert_eq!((cleaned.spans(), cleaned.rejected), (0, 8));
}

#[test]
fn traces_of_others_are_taken_out() {
    let spans = vec![span(1, 1, SpanKind::Internal), span(2, 2, SpanKind::Internal), span(2, 3, SpanKind::Internal)];
    let own = TraceId::from_bytes([1; 16]);
    let cleaned = Cleaned::of(message(spans)).only(|trace| trace == own);
    assert_eq!((cleaned.spans(), cleaned.rejected), (1, 2));
}

#[test]
fn descriptions_are_bounded() {
    let many = (0..40).map(|number| text(&format!("browser.{number}"), "x")).collect();
    assert_eq!(resource(many, SCOPE, None).attributes.len(), 3 + DESCRIPTIONS_MAX);
}

#[test]
fn an_sdk_names_itself_and_nobody_else() {
    let sdk = |name: &str| Sdk { name: Some(name.to_owned()), version: Some("1.2".to_owned()) };
    for (name, expected) in [
        ("sentry.javascript.browser", "sentry.javascript.browser"),
        ("waylight", "sentry"),
        ("waylight.browser", "sentry"),
        (&*"sentry.".repeat(20), "sentry"),
        ("", "sentry"),
    ] {
        let cleaned = Cleaned::of_sdk(message(vec![span(1, 1, SpanKind::Internal)]), &sdk(name));
        let kept = kept::Kept::of(cleaned.message());
        let origin = kept.span(0).unwrap();
        let resource = origin.resource.unwrap();
        assert_eq!(kept::attribute(&resource.attributes, "telemetry.sdk.name").as_deref(), Some(expected));
        assert_eq!(kept::attribute(&resource.attributes, "telemetry.sdk.version").as_deref(), Some("1.2"));
        assert_eq!(kept::service_name(origin.resource), "browser");
        assert_eq!(kept.trace.maker(0), crate::rules::reading::Maker::Browser);
    }
}
