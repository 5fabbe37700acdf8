//! Times, names and attributes of spans as words. Applications' text is cleaned: it must not steer the terminal.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};

/// Text without control characters.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Text of at most `width` letters.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// An attribute as text.
pub(super) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| text(attribute.value.as_ref()?))
}

/// The status code of an HTTP span.
pub(super) fn status_code(span: &Span) -> Option<u16> {
    attribute(&span.attributes, "http.response.status_code")?.parse().ok()
}

/// An event in one line: its name and its values.
pub(super) fn event(name: &str, attributes: &[KeyValue]) -> String {
    // A stack trace is not for one line.
    let values = attributes.iter().filter(|attribute| attribute.key != "exception.stacktrace");
    let values: Vec<_> = values.filter_map(|attribute| text(attribute.value.as_ref()?)).collect();
    let colon = if values.is_empty() { "" } else { ": " };
    format!("{}{colon}{}", clean(name), values.join(", "))
}

fn text(value: &AnyValue) -> Option<String> {
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(clean(text)),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(value) => Some(value.to_string()),
        _ => None,
    }
}
