use proptest::prelude::*;

use super::*;
use crate::rules::sentry::envelope::Envelope;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn found(head: &str, payload: &str) -> Found {
    let text = format!("{{}}\n{head}\n{}", payload.replace('\n', " "));
    let envelope = Envelope::parse(text.as_bytes()).unwrap();
    spans(&envelope.items[0])
}

fn told<'s>(span: &'s SdkSpan, key: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| &attribute.value)
}

#[test]
fn a_transaction_and_its_children() {
    let payload = format!(
        r#"{{"type":"transaction","transaction":"/shop","start_timestamp":1732624556.1234567,"timestamp":1732624557.5,
        "contexts":{{"trace":{{"trace_id":"{TRACE}","span_id":"b7ad6b7169203331","parent_span_id":"eee19b7ec3c1b174","op":"pageload",
        "status":"ok","origin":"auto.pageload.browser","data":{{"sentry.op":"another","sentry.source":"url","n":3,"x":{{}}}},
        "links":[{{"trace_id":"{TRACE}","span_id":"eee19b7ec3c1b174","sampled":true,"attributes":{{"sentry.link.type":"previous_trace"}}}}]}}}},
        "measurements":{{"lcp":{{"value":120.5,"unit":"millisecond"}},"connection.rtt":{{"value":50}},"broken":1}},
        "spans":[{{"trace_id":"{TRACE}","span_id":"00f067aa0ba902b7","parent_span_id":"b7ad6b7169203331","op":"http.client",
        "description":"GET /api/stock","status":"internal_error","start_timestamp":1732624556.2,"timestamp":1732624556.3,"data":{{"tags":["a","b"]}}}},
        {{"trace_id":"{TRACE}","span_id":"0"}}]}}"#
    );
    let Found { spans, rejected } = found(r#"{"type":"transaction"}"#, &payload);
    assert_eq!((spans.len(), rejected), (2, 1));
    let [load, call] = &spans[..] else { panic!("two spans") };
    assert_eq!((load.trace.to_string().as_str(), load.id.to_string().as_str()), (TRACE, "b7ad6b7169203331"));
    assert_eq!(load.parent.unwrap().to_string(), "eee19b7ec3c1b174");
    assert_eq!((load.start, load.end), (1_732_624_556_123_456_700, 1_732_624_557_500_000_000));
    assert_eq!((load.name.as_str(), &load.kind, &load.status), ("/shop", &SpanKind::Internal, &Status::Unset));
    assert_eq!(told(load, "sentry.op"), Some(&Value::from("pageload")));
    assert_eq!(told(load, "sentry.origin"), Some(&Value::from("auto.pageload.browser")));
    assert_eq!(told(load, "browser.web_vital.lcp.value"), Some(&Value::F64(120.5)));
    assert_eq!(told(load, "connection.rtt"), Some(&Value::I64(50)));
    assert_eq!((told(load, "n"), told(load, "x"), told(load, "broken")), (Some(&Value::I64(3)), None, None));
    assert_eq!(load.links[0].0.span_id().to_string(), "eee19b7ec3c1b174");
    assert_eq!(load.links[0].1, [KeyValue::new("sentry.link.type", "previous_trace")]);
    assert_eq!((call.name.as_str(), &call.kind), ("GET /api/stock", &SpanKind::Client));
    assert_eq!(call.status, Status::error("internal_error"));
    let list = Value::Array(Array::String(vec!["a".into(), "b".into()]));
    assert_eq!(told(call, "tags"), Some(&list));
}

#[test]
fn spans_of_the_second_version() {
    let span = |more: &str| {
        format!(
            r#"{{"trace_id":"{TRACE}","span_id":"b7ad6b7169203331","name":"GET","start_timestamp":1,"end_timestamp":2.5{more}}}"#
        )
    };
    let attributes = r#","status":"error","is_segment":false,"attributes":{"sentry.op":{"type":"string","value":"http.server"},
        "d":{"type":"double","value":3},"i":{"type":"integer","value":3,"unit":"byte"},"b":{"type":"boolean","value":true},"o":{"type":"object","value":{}}}"#;
    let payload = format!(
        r#"{{"version":2,"items":[{},{},7,{}]}}"#,
        span(attributes),
        span(""),
        span(r#","parent_span_id":"x""#)
    );
    let head = format!(r#"{{"type":"span","item_count":3,"content_type":"{SECOND}"}}"#);
    let Found { spans, rejected } = found(&head, &payload);
    assert_eq!((spans.len(), rejected), (2, 2));
    assert_eq!((spans[0].kind.clone(), spans[0].parent), (SpanKind::Server, None));
    assert_eq!((spans[0].status.clone(), spans[1].status.clone()), (Status::error(""), Status::Unset));
    assert_eq!(told(&spans[0], "d"), Some(&Value::F64(3.0)));
    assert_eq!(told(&spans[0], "i"), Some(&Value::I64(3)));
    assert_eq!((told(&spans[0], "b"), told(&spans[0], "o")), (Some(&Value::Bool(true)), None));
    assert_eq!((spans[1].start, spans[1].end), (1_000_000_000, 2_500_000_000));
}

#[test]
fn a_span_of_the_first_version() {
    let span = format!(
        r#"{{"trace_id":"{TRACE}","span_id":"b7ad6b7169203331","op":"ui.interaction.click","description":"button","start_timestamp":1,"timestamp":2,
        "status":"cancelled","measurements":{{"inp":{{"value":8}}}}}}"#
    );
    let Found { spans, rejected } = found(r#"{"type":"span"}"#, &span);
    assert_eq!((spans.len(), rejected), (1, 0));
    assert_eq!((spans[0].name.as_str(), &spans[0].status), ("button", &Status::Unset));
    assert_eq!(told(&spans[0], "browser.web_vital.inp.value"), Some(&Value::I64(8)));
}

#[test]
fn what_has_no_spans_or_cannot_be_understood() {
    assert_eq!(found(r#"{"type":"event"}"#, "{"), Found::default());
    assert_eq!(found("{}", "x"), Found::default());
    for bad in ["{", "[]", "7", "{}"] {
        assert_eq!(found(r#"{"type":"transaction"}"#, bad).rejected, 1, "{bad}");
        assert_eq!(found(r#"{"type":"span"}"#, bad).rejected, 1, "{bad}");
    }
    let with = |start: &str| {
        format!(r#"{{"trace_id":"{TRACE}","span_id":"b7ad6b7169203331","start_timestamp":{start},"timestamp":2}}"#)
    };
    for bad in ["null", "\"1\"", "-1", "1e99", "{}"] {
        assert_eq!(found(r#"{"type":"span"}"#, &with(bad)).rejected, 1, "{bad}");
    }
    for bad in
        ["00000000000000000000000000000000", "0AF7651916CD43DD8448EB211C80319", "+af7651916cd43dd8448eb211c80319c"]
    {
        assert_eq!(found(r#"{"type":"span"}"#, &with("1").replace(TRACE, bad)).rejected, 1, "{bad}");
    }
}

#[test]
fn everything_has_a_bound() {
    let span =
        format!(r#"{{"trace_id":"{TRACE}","span_id":"b7ad6b7169203331","start_timestamp":1,"end_timestamp":2}}"#);
    let many = vec![span; SPANS_MAX + 3].join(",");
    let head = format!(r#"{{"type":"span","content_type":"{SECOND}"}}"#);
    let Found { spans, rejected } = found(&head, &format!(r#"{{"items":[{many}]}}"#));
    assert_eq!((spans.len(), rejected), (SPANS_MAX, 3));
    let data: Vec<_> = (0..300).map(|at| format!("\"k{at}\":1")).collect();
    let span = format!(
        r#"{{"trace_id":"{TRACE}","span_id":"b7ad6b7169203331","start_timestamp":1,"timestamp":2,"data":{{{}}}}}"#,
        data.join(",")
    );
    assert_eq!(found(r#"{"type":"span"}"#, &span).spans[0].attributes.len(), ATTRIBUTES_MAX);
}

proptest! {
    #[test]
    fn any_values_are_read(start in 0.0..1e10_f64, text in any::<String>()) {
        let text = serde_json::Value::from(text).to_string();
        let span = format!(
            r#"{{"trace_id":"{TRACE}","span_id":"b7ad6b7169203331","start_timestamp":{start},"timestamp":{start},"description":{text},"data":{{{text}:{text}}}}}"#
        );
        let read = found(r#"{"type":"span"}"#, &span);
        prop_assert_eq!((read.spans.len(), read.rejected), (1, 0));
        prop_assert_eq!(read.spans[0].start, read.spans[0].end);
    }
}
