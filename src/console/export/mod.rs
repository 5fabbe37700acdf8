//! A trace taken out of Waylight: as OTLP, which leads back in; as HAR, for browsers' tools; as a Chrome trace, for
//! Perfetto; as one HTML file that opens offline. What is to be hidden is hidden before ([`redact`]).

mod chrome;
mod har;
mod html;
pub mod redact;
#[cfg(test)]
pub(crate) mod testing;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use serde_json::{Map, json};

use self::redact::Hide;
use crate::trace::{kept::Kept, requests::row::RequestRow};

/// A form in which a trace leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OTLP in JSON.
    Otlp,
    /// HTTP Archive 1.2.
    Har,
    /// The Trace Event format, which Perfetto and `chrome://tracing` read.
    Chrome,
    /// One HTML file.
    Html,
}

impl Format {
    /// Every form, with its word.
    pub const WORDS: [(&str, Self); 4] =
        [("otlp", Self::Otlp), ("har", Self::Har), ("chrome", Self::Chrome), ("html", Self::Html)];

    /// The media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Otlp | Self::Har | Self::Chrome => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// What the file's name ends with.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Otlp => "otlp.json",
            Self::Har => "har",
            Self::Chrome => "chrome.json",
            Self::Html => "html",
        }
    }
}

/// What is taken out.
#[derive(Debug)]
pub struct Export<'a> {
    /// The spans.
    pub kept: &'a Kept,
    /// The requests of the trace, as far as they are known.
    pub requests: &'a [RequestRow],
}

impl Export<'_> {
    /// Writes it in a form, without what is to be hidden.
    pub fn write(&self, format: Format, hide: Hide) -> Vec<u8> {
        let kept = redact::spans(self.kept, hide);
        let requests: Vec<RequestRow> = self.requests.iter().map(|row| redact::row(row, hide)).collect();
        match format {
            Format::Otlp => otlp(&kept),
            Format::Har => har::write(&kept, &requests),
            Format::Chrome => chrome::write(&kept),
            Format::Html => html::write(&kept, &requests),
        }
    }
}

/// OTLP in JSON. It has no word for what is no finite number but a text.
fn otlp(kept: &Kept) -> Vec<u8> {
    let mut request = kept.request().clone();
    redact::each_value(&mut request, &mut |_, value| {
        if let Value::DoubleValue(number) = value
            && !number.is_finite()
        {
            *value = Value::StringValue(number.to_string());
        }
    });
    serde_json::to_vec(&request).unwrap_or_default()
}

/// Attributes as a JSON object.
pub fn object(attributes: &[KeyValue]) -> serde_json::Value {
    let pair = |attribute: &KeyValue| (attribute.key.clone(), value(attribute.value.as_ref()));
    serde_json::Value::Object(attributes.iter().map(pair).collect::<Map<_, _>>())
}

/// An OTLP value as JSON has it: whole numbers that JavaScript cannot hold are texts, octets are base64.
pub fn value(any: Option<&AnyValue>) -> serde_json::Value {
    /// The largest whole number that every reader of JSON holds exactly.
    const EXACT_MAX: u64 = (1 << 53) - 1;
    match any.and_then(|any| any.value.as_ref()) {
        None => serde_json::Value::Null,
        Some(Value::StringValue(text)) => json!(text),
        Some(Value::BoolValue(value)) => json!(value),
        Some(Value::IntValue(number)) if number.unsigned_abs() <= EXACT_MAX => json!(number),
        Some(Value::IntValue(number)) => json!(number.to_string()),
        Some(Value::DoubleValue(number)) if number.is_finite() => json!(number),
        Some(Value::DoubleValue(number)) => json!(number.to_string()),
        Some(Value::BytesValue(octets)) => json!(base64::Engine::encode(&base64::prelude::BASE64_STANDARD, octets)),
        Some(Value::ArrayValue(list)) => list.values.iter().map(|any| value(Some(any))).collect(),
        Some(Value::KvlistValue(list)) => object(&list.values),
        Some(other) => json!(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests;
