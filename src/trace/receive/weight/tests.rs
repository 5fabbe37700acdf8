use opentelemetry_proto::tonic::common::v1::{ArrayValue, any_value::Value};

use super::*;

fn protobuf(message: &[u8]) -> Option<usize> {
    octets(Encoding::Protobuf, message)
}

/// A message around what stands in a field.
fn within(number: u8, content: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut message);
    message.extend_from_slice(content);
    message
}

#[test]
fn what_is_short_as_sent_and_long_in_memory_is_seen() {
    const COUNT: usize = 1_000;
    let spans = |content: &[u8]| within(1, &within(2, content));
    for (each, content) in [
        (size_of::<Span>(), within(2, &[]).repeat(COUNT)),
        (size_of::<KeyValue>(), within(2, &within(9, &[]).repeat(COUNT))),
        (size_of::<Event>(), within(2, &within(11, &[]).repeat(COUNT))),
        (size_of::<Link>(), within(2, &within(13, &[]).repeat(COUNT))),
        // An attribute with a list of values.
        (size_of::<AnyValue>(), within(2, &within(9, &within(2, &within(5, &within(1, &[]).repeat(COUNT)))))),
    ] {
        let message = spans(&content);
        let decoded = ExportTraceServiceRequest::decode(&*message).unwrap();
        assert_eq!(decoded.resource_spans.len(), 1);
        let weight = protobuf(&message).unwrap();
        assert!((COUNT * each..COUNT * each + 4_096).contains(&weight), "{each}: {weight}");
    }
    let entities = within(1, &within(1, &within(3, &within(3, &[]).repeat(COUNT))));
    assert!(protobuf(&entities).unwrap() > COUNT * size_of::<String>());
    for span in [" {}", "[]"] {
        let spans = vec![span; COUNT].join(", ");
        let json = format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}");
        assert!(octets(Encoding::Json, json.as_bytes()).unwrap() > COUNT * size_of::<Span>(), "{span}");
    }
    let unknown = format!("{{\"value\":{{\"x\":[{}]}}}}", vec!["0"; COUNT].join(","));
    assert!(octets(Encoding::Json, unknown.as_bytes()).unwrap() > COUNT * ELEMENT);
}

#[test]
fn lists_in_json_are_weighed_by_their_names() {
    const COUNT: usize = 1_000;
    let weight = |json: &str| octets(Encoding::Json, json.as_bytes()).unwrap();
    let list = |name: &str, element: &str| format!("{{\"{name}\":[{}]}}", vec![element; COUNT].join(","));
    // Grown by doubling.
    for (name, each) in
        [("attributes", size_of::<KeyValue>()), ("events", size_of::<Event>()), ("links", size_of::<Link>())]
    {
        let range = 1_024 * each..1_024 * each + 100_000;
        assert!(range.contains(&weight(&list(name, "{}"))), "{name}");
    }
    for name in ["spans", "attribut\\u0065s", "x", "values"] {
        assert!(weight(&list(name, "{}")) > 1_024 * size_of::<Span>(), "{name}");
    }
    // A value is kept as it is until it is known what it is, whatever its parts are called.
    let attributes = list("attributes", "{}");
    for (before, behind) in [("{\"value\":", "}"), ("{\"attributes\":[[\"k\",", "]]}"), ("[", "]")] {
        let json = format!("{before}{attributes}{behind}");
        assert!(weight(&json) > 1_024 * (size_of::<Span>() + OBJECT), "{before}");
    }
    let objects = format!("{{\"value\":{{{}}}}}", vec!["\"value\":{\"y\":0}"; COUNT].join(","));
    assert!(weight(&objects) > COUNT * (OBJECT + 2 * ELEMENT));
    let text = list("attributes", r#""[{,{\"[{""#);
    assert_eq!(weight(&text), text.len() + (COUNT - 1 + 2) * ELEMENT, "what stands in texts is none");
    // Whatever is open when a message breaks off was read; what is too deep was not, and is not kept here either.
    let broken = format!("{{\"spans\":[{}", "{},".repeat(COUNT));
    assert!(weight(&broken) > COUNT * size_of::<Span>());
    let deep = "[".repeat(1_000_000);
    assert!(weight(&deep) < 2 * deep.len());
    assert!(weight(&format!("{deep}{}{}", "]".repeat(deep.len()), list("spans", "{}"))) > COUNT * size_of::<Span>());
}

#[test]
fn a_usual_message_in_json_takes_some_times_its_length() {
    let attribute = r#"{"key":"http.request.header.accept","value":{"stringValue":"text/html,application/xhtml+xml"}}"#;
    let span = format!(
        r#"{{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET /products","kind":2,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","attributes":[{}]}}"#,
        vec![attribute; 16].join(",")
    );
    let spans = vec![span.as_str(); 512].join(",");
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let weight = octets(Encoding::Json, json.as_bytes()).unwrap();
    assert!(weight < json.len() * 4, "{weight} of {}", json.len());
}

#[test]
fn what_is_no_message_has_no_weight() {
    assert_eq!(protobuf(&[]), Some(size_of::<ExportTraceServiceRequest>()));
    for malformed in [&b"\xff\xff"[..], b"\x0a\x05a", b"\x0b", b"\x0a\x02\x12\x09"] {
        assert_eq!(protobuf(malformed), None, "{malformed:?}");
    }
    let deep = (0..200).fold(Vec::new(), |inner, _| within(5, &within(1, &inner)));
    assert_eq!(protobuf(&within(1, &within(2, &within(2, &within(9, &within(2, &deep)))))), None);
}

#[test]
fn each_trace_has_its_resource_anew() {
    let long = KeyValue { key: "k".repeat(10_000), ..KeyValue::default() };
    let list = ArrayValue { values: vec![AnyValue::default(); 1_000] };
    let list = AnyValue { value: Some(Value::ArrayValue(list)) };
    let lists = KeyValue { value: Some(list), ..KeyValue::default() };
    let span = |trace: u8| Span { trace_id: vec![trace; 16], ..Span::default() };
    let scope = InstrumentationScope { attributes: vec![lists], ..InstrumentationScope::default() };
    let scope_spans = |scope: Option<InstrumentationScope>, traces: &[u8]| ScopeSpans {
        scope,
        spans: traces.iter().map(|trace| span(*trace)).collect(),
        schema_url: "s".repeat(100_000),
    };
    let resource = Resource { attributes: vec![long], ..Resource::default() };
    let scopes = vec![scope_spans(Some(scope), &[1, 1, 2]), scope_spans(None, &[2, 3])];
    let schema_url = "r".repeat(1_000_000);
    let spans = ResourceSpans { resource: Some(resource), scope_spans: scopes, schema_url };
    let message = ExportTraceServiceRequest { resource_spans: vec![spans] };
    // Three traces have the resource, two of them the first scope, and two the other one.
    let (three, two) = (3 * 1_010_000, 2 * (1_000 * size_of::<AnyValue>() + 100_000) + 2 * 100_000);
    assert!((three + two..three + two + 2_000).contains(&copied(&message)), "{}", copied(&message));
    assert_eq!(copied(&ExportTraceServiceRequest::default()), 0);
}
