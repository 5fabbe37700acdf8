//! Times, names and attributes of spans as words. Applications' text is cleaned: it must not steer the terminal.

use opentelemetry_proto::tonic::{common::v1::KeyValue, trace::v1::Span};

use crate::trace::kept;

/// Text without control characters.
pub(in crate::app) fn clean(text: &str) -> String {
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
    kept::attribute(attributes, key).map(|text| clean(&text))
}

/// The status code of an HTTP span.
pub(super) fn status_code(span: &Span) -> Option<u16> {
    attribute(&span.attributes, "http.response.status_code")?.parse().ok()
}

/// An event in one line: its name and its values.
pub(super) fn event(name: &str, attributes: &[KeyValue]) -> String {
    // A stack trace is not for one line.
    let values = attributes.iter().filter(|attribute| attribute.key != "exception.stacktrace");
    let values: Vec<_> =
        values.filter_map(|attribute| kept::text(attribute.value.as_ref()?)).map(|text| clean(&text)).collect();
    let colon = if values.is_empty() { "" } else { ": " };
    format!("{}{colon}{}", clean(name), values.join(", "))
}
