use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValueList, any_value::Value as Any};

use super::*;

/// The value of the one attribute of the one span of a message.
fn read(value: &str) -> Option<Option<Any>> {
    let span = format!(
        r#"{{"traceId":"{:032x}","spanId":"{:016x}","startTimeUnixNano":5,"endTimeUnixNano":"6","later":[1],
            "attributes":[{{"key":"a","value":{value}}}]}}"#,
        7, 8
    );
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}],"later":{{}}}}"#);
    let mut message = decode(text.as_bytes())?;
    let span = message.resource_spans.pop()?.scope_spans.pop()?.spans.pop()?;
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (5, 6));
    Some(span.attributes.into_iter().next()?.value.and_then(|any: AnyValue| any.value))
}

#[test]
fn values_are_read_as_protojson_has_them() {
    let text = |text: &str| Some(Any::StringValue(text.to_owned()));
    for (value, expected) in [
        (r#"{"stringValue":"x"}"#, text("x")),
        (r#"{"intValue":"7"}"#, Some(Any::IntValue(7))),
        (r#"{"intValue":7}"#, Some(Any::IntValue(7))),
        (r#"{"doubleValue":1.5}"#, Some(Any::DoubleValue(1.5))),
        (r#"{"doubleValue":"1.5"}"#, Some(Any::DoubleValue(1.5))),
        (r#"{"doubleValue":"NaN"}"#, text("NaN")),
        (r#"{"doubleValue":"-Infinity"}"#, text("-Infinity")),
        (r#"{"arrayValue":{}}"#, Some(Any::ArrayValue(ArrayValue::default()))),
        (r#"{"kvlistValue":{}}"#, Some(Any::KvlistValue(KeyValueList::default()))),
        (r#"{"stringValue":"x","later":{"a":1}}"#, text("x")),
        (r#"{"later":1}"#, None),
        (
            r#"{"arrayValue":{"values":[{"later":1}]}}"#,
            Some(Any::ArrayValue(ArrayValue { values: vec![AnyValue::default()] })),
        ),
        ("{}", None),
    ] {
        assert_eq!(read(value), Some(expected), "{value}");
    }
    let nested =
        read(r#"{"kvlistValue":{"values":[{"key":"b","value":{"arrayValue":{"values":[{"doubleValue":"2"}]}}}]}}"#);
    assert!(format!("{nested:?}").contains("DoubleValue(2.0)"), "{nested:?}");
}

#[test]
fn what_is_no_message_is_none() {
    for bad in [r#"{"stringValue":7}"#, r#"{"intValue":"x"}"#, "7", "[]"] {
        assert_eq!(read(bad), None, "{bad}");
    }
    for bad in [&b""[..], b"7", b"{", b"\xff", br#"{"resourceSpans":7}"#] {
        assert_eq!(decode(bad), None);
    }
    let deep = format!(r#"{{"resourceSpans":{}}}"#, "[".repeat(100_000));
    assert_eq!(decode(deep.as_bytes()), None);
}
