use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// As another reader sees it.
fn other(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => json!(value),
        Json::Number(digits) => serde_json::from_str(digits).unwrap(),
        Json::Text(text) => json!(text),
        Json::List(items) => items.iter().map(other).collect(),
        Json::Object(entries) => entries.iter().map(|(name, value)| (name.clone(), other(value))).collect(),
    }
}

#[test]
fn all_of_it_is_read() {
    for text in [
        "null",
        " true ",
        "[false,-0,0.5,1e9,-12.25E-3]",
        r#"{"a":"b","c":{"d":[]},"e":{}}"#,
        r#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00 \u007f""#,
        "\"\u{7f}\u{e9}\u{1f600}\"",
        "{ \"a\" :\t[ 1 ,\r\n2 ] }",
        r#"{"a":1,"a":2}"#,
    ] {
        assert_eq!(
            other(&Json::parse(text.as_bytes()).unwrap()),
            serde_json::from_str::<Value>(text).unwrap(),
            "{text}"
        );
    }
    assert_eq!(Json::parse(br#"{"a":1,"a":2}"#).unwrap().of("a").number(), Some("2"));
    assert_eq!(Json::parse(br#""half \ud83d""#).unwrap().text(), Some("half \\ud83d"), "half a pair stays as written");
    let seconds = Json::parse(b"[1700000000.123456789,1E-3]").unwrap();
    assert_eq!(
        seconds.items().iter().map(Json::number).collect::<Vec<_>>(),
        [Some("1700000000.123456789"), Some("1E-3")]
    );
}

#[test]
fn other_texts_are_refused() {
    for text in [
        "",
        " ",
        "nul",
        "truex",
        "01",
        "1.",
        ".5",
        "1e",
        "+1",
        "-",
        "0x1",
        "[1,]",
        "[,]",
        "[1 2]",
        "[",
        "]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "\"",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"\\",
        "1 1",
        "\u{feff}1",
    ] {
        assert_eq!(Json::parse(text.as_bytes()), None, "{text}");
    }
    assert_eq!(Json::parse(b"\"\xff\""), None);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(nested(DEPTH_MAX).as_bytes()).is_some());
    assert_eq!(Json::parse(nested(DEPTH_MAX + 1).as_bytes()), None);
}

proptest! {
    #[test]
    fn another_reader_sees_the_same(text in r#"([\[\]{}:, ]|"[a-c\\u0-9]{0,3}"|[0-9eE.+-]{1,3}|true|null){0,8}"#) {
        let read = Json::parse(text.as_bytes());
        if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(read.as_ref().map(other), Some(theirs), "{}", text);
        }
    }
}
