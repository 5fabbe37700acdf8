//! What is hidden, taken out of spans before anything stores or exports them: of the edge's own, attributes that the
//! configuration names; of applications', also queries, headers and client addresses, which the edge hides in its own
//! as it writes them.

use std::borrow::Cow;

use opentelemetry::Value;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
};

use super::record::SpanRecord;
use crate::rules::headers::redact::{REDACTED, Redaction, Shown};

/// Values in values are looked through this deep; what lies deeper is hidden.
const DEPTH_MAX: u32 = 8;

/// Hides in spans of the edge what its stages do not hide by themselves.
pub(super) fn edge(spans: &mut [SpanRecord], redaction: &Redaction) {
    if !redaction.hides_attributes() {
        return;
    }
    for span in spans {
        let events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let links = span.links.iter_mut().flat_map(|link| &mut link.attributes);
        span.attributes.hide(|key| redaction.hides_attribute(key), REDACTED);
        for attribute in events.chain(links) {
            if redaction.hides_attribute(attribute.key.as_str()) {
                attribute.value = Value::from(REDACTED);
            }
        }
    }
}

/// Hides in spans of applications.
pub(super) fn apps(request: &mut ExportTraceServiceRequest, redaction: &Redaction) {
    for resource_spans in &mut request.resource_spans {
        if let Some(resource) = &mut resource_spans.resource {
            hide(&mut resource.attributes, redaction, 0);
        }
        for scope_spans in &mut resource_spans.scope_spans {
            if let Some(scope) = &mut scope_spans.scope {
                hide(&mut scope.attributes, redaction, 0);
            }
            for span in &mut scope_spans.spans {
                if let Cow::Owned(shown) = redaction.with_query(&span.name) {
                    span.name = shown;
                }
                hide(&mut span.attributes, redaction, 0);
                span.events.iter_mut().for_each(|event| hide(&mut event.attributes, redaction, 0));
                span.links.iter_mut().for_each(|link| hide(&mut link.attributes, redaction, 0));
            }
        }
    }
}

fn hide(attributes: &mut Vec<KeyValue>, redaction: &Redaction, depth: u32) {
    attributes.retain_mut(|KeyValue { key, value, .. }| {
        let value = value.as_mut().and_then(|value| value.value.as_mut());
        value.is_none_or(|value| keep(key, value, redaction, depth))
    });
}

/// Whether something of a value may stay; what may not, is hidden in it.
fn keep(key: &str, value: &mut any_value::Value, redaction: &Redaction, depth: u32) -> bool {
    let text = match &*value {
        any_value::Value::StringValue(text) => Some(text.as_str()),
        any_value::Value::BytesValue(octets) => str::from_utf8(octets).ok(),
        _ => None,
    };
    let shown = match text {
        Some(text) => redaction.attribute(key, text),
        None if redaction.hides_attribute(key) => Shown::Instead(REDACTED.into()),
        // Headers are lists of texts, by the semantic conventions.
        None => redaction.header_attribute(key),
    };
    match shown {
        Shown::Same => hide_within(key, value, redaction, depth),
        Shown::Instead(text) => *value = any_value::Value::StringValue(text.into_owned()),
        Shown::Nothing => return false,
    }
    true
}

/// Hides what has a key within a value; the items of a list have that of the list.
fn hide_within(key: &str, value: &mut any_value::Value, redaction: &Redaction, depth: u32) {
    match value {
        any_value::Value::KvlistValue(_) | any_value::Value::ArrayValue(_) if depth == DEPTH_MAX => {
            *value = any_value::Value::StringValue(REDACTED.to_owned());
        }
        any_value::Value::KvlistValue(list) => hide(&mut list.values, redaction, depth + 1),
        any_value::Value::ArrayValue(array) => array
            .values
            .retain_mut(|item| item.value.as_mut().is_none_or(|value| keep(key, value, redaction, depth + 1))),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
