//! What leaves of spans, and what does not.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValueList},
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event},
};

use super::*;
use crate::rules::{headers::redact::KeyPattern, privacy::ClientAddress};

fn redaction() -> Redaction {
    let patterns = ["user.*", "*.password"].map(|text| KeyPattern::parse(text).unwrap());
    Redaction::new(&[], &[]).with_attributes(&patterns).with_client_address(ClientAddress::Off)
}

fn text(value: &str) -> any_value::Value {
    any_value::Value::StringValue(value.to_owned())
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn list(values: Vec<KeyValue>) -> any_value::Value {
    any_value::Value::KvlistValue(KeyValueList { values })
}

fn array(values: Vec<any_value::Value>) -> any_value::Value {
    let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    any_value::Value::ArrayValue(ArrayValue { values })
}

#[test]
fn applications_spans_are_hidden_at_every_depth() {
    let before = vec![
        attribute("user.email", text("a@b")),
        attribute("user.id", any_value::Value::IntValue(7)),
        attribute("url.full", text("http://u:p@a/b?token=x&c=1")),
        attribute("client.address", text("192.0.2.1")),
        attribute("http.request.header.cookie", array(vec![text("a=1")])),
        attribute("form", list(vec![attribute("db.password", text("x")), attribute("b", text("y"))])),
        attribute("many", array(vec![list(vec![attribute("user.name", text("Ada"))])])),
        attribute("http.request.header.referer", array(vec![text("http://a/reset?token=x&c=1")])),
        attribute("http.response.header.location", text("/next?code=x")),
        attribute("plain", text("z")),
    ];
    let after = vec![
        attribute("user.email", text(REDACTED)),
        attribute("user.id", text(REDACTED)),
        attribute("url.full", text("http://REDACTED@a/b?token=REDACTED&c=1")),
        attribute("http.request.header.cookie", text(REDACTED)),
        attribute("form", list(vec![attribute("db.password", text(REDACTED)), attribute("b", text("y"))])),
        attribute("many", array(vec![list(vec![attribute("user.name", text(REDACTED))])])),
        attribute("http.request.header.referer", array(vec![text("http://a/reset?token=REDACTED&c=1")])),
        attribute("http.response.header.location", text("/next?code=REDACTED")),
        attribute("plain", text("z")),
    ];
    let message = |name: &str, attributes: &[KeyValue]| {
        let event = Event { attributes: attributes.to_vec(), ..Event::default() };
        let name = name.to_owned();
        let span = Span { name, attributes: attributes.to_vec(), events: vec![event], ..Span::default() };
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }],
        }
    };
    let mut request = message("GET /reset?token=x&c=1", &before);
    apps(&mut request, &redaction());
    assert_eq!(request, message("GET /reset?token=REDACTED&c=1", &after));
}

#[test]
fn what_a_key_says_holds_for_lists_and_octets_too() {
    let octets = |value: &str| any_value::Value::BytesValue(value.as_bytes().to_vec());
    let mut attributes = vec![
        attribute("url.full", array(vec![text("http://a/?token=x"), text("http://a/b")])),
        attribute("url.query", octets("token=x&c=1")),
        attribute("client.address", array(vec![text("192.0.2.1")])),
        attribute("picture", any_value::Value::BytesValue(vec![0xff, 0xd8])),
    ];
    let after = vec![
        attribute("url.full", array(vec![text("http://a/?token=REDACTED"), text("http://a/b")])),
        attribute("url.query", text("token=REDACTED&c=1")),
        attribute("client.address", array(Vec::new())),
        attribute("picture", any_value::Value::BytesValue(vec![0xff, 0xd8])),
    ];
    hide(&mut attributes, &redaction(), 0);
    assert_eq!(attributes, after);
}

#[test]
fn what_lies_too_deep_is_hidden_whole() {
    let mut value = text("deep");
    for _ in 0..20 {
        value = list(vec![attribute("a", value)]);
    }
    let mut attributes = vec![attribute("a", value)];
    hide(&mut attributes, &redaction(), 0);
    let shown = format!("{attributes:?}");
    assert!(shown.contains(REDACTED) && !shown.contains("deep"), "{shown}");
}
