//! Web vitals of a page load, as browser spans carry them: numbers under `browser.web_vital.*.value`, in milliseconds where
//! they are times. Without such spans there are none. Ratings are those that web.dev gives.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use serde_json::{Value, json};

use super::columns::micros;
use crate::{
    rules::reading::{Maker, Trace},
    trace::kept::Kept,
};

/// A vital: its name, its attribute, up to which value it is good and not yet poor, and when it is.
struct Vital {
    name: &'static str,
    key: &'static str,
    good: f64,
    fair: f64,
    when: When,
}

/// The moment that a vital marks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// So long after the page began to load.
    AfterLoad,
    /// When its span begins.
    AtSpan,
    /// None: it is of the whole page.
    Never,
}

const VITALS: [Vital; 5] = [
    Vital { name: "TTFB", key: "browser.web_vital.ttfb.value", good: 800.0, fair: 1_800.0, when: When::AfterLoad },
    Vital { name: "FCP", key: "browser.web_vital.fcp.value", good: 1_800.0, fair: 3_000.0, when: When::AfterLoad },
    Vital { name: "LCP", key: "browser.web_vital.lcp.value", good: 2_500.0, fair: 4_000.0, when: When::AfterLoad },
    Vital { name: "CLS", key: "browser.web_vital.cls.value", good: 0.1, fair: 0.25, when: When::Never },
    Vital { name: "INP", key: "browser.web_vital.inp.value", good: 200.0, fair: 500.0, when: When::AtSpan },
];

/// The vitals of a trace whose times are by one clock; of each the last that was told.
pub(super) fn vitals(kept: &Kept, trace: &Trace) -> Value {
    let began = trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
    VITALS.iter().filter_map(|vital| vital.of(kept, trace, began)).collect()
}

impl Vital {
    fn of(&self, kept: &Kept, trace: &Trace, began: u64) -> Option<Value> {
        let of_browser = (0..trace.spans.len()).filter(|index| trace.maker(*index) == Maker::Browser);
        let told = of_browser.filter_map(|index| Some((index, number(kept, index, self.key)?)));
        let (index, value) = told.max_by_key(|(index, _)| trace.spans[*index].end)?;
        let mut vital = json!({ "name": self.name, "value": value, "rating": self.rating(value) });
        let at = match self.when {
            When::AfterLoad => loaded(trace, index).map(|load| load.saturating_add(nanos(value))),
            When::AtSpan => Some(trace.spans[index].start),
            When::Never => None,
        };
        if let Some(at) = at {
            vital["at_us"] = micros(at.saturating_sub(began));
        }
        Some(vital)
    }

    fn rating(&self, value: f64) -> &'static str {
        match value {
            value if value <= self.good => "good",
            value if value <= self.fair => "needs-improvement",
            _ => "poor",
        }
    }
}

/// When the page of a span began to load: the page load above it, else the trace's only one.
fn loaded(trace: &Trace, index: usize) -> Option<u64> {
    let is_load = |index: &usize| trace.maker(*index) == Maker::Browser && trace.spans[*index].stage == "pageload";
    // A span hangs under each of its ancestors once.
    let above = std::iter::successors(Some(index), |index| trace.parent(*index)).find(is_load);
    let only = || {
        let mut loads = (0..trace.spans.len()).filter(is_load);
        loads.next().filter(|_| loads.next().is_none())
    };
    let load = above.or_else(only)?;
    Some(trace.spans[load].start)
}

fn number(kept: &Kept, index: usize, key: &str) -> Option<f64> {
    let attributes = &kept.span(index)?.span.attributes;
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()?;
    let number = match value {
        Any::DoubleValue(number) => *number,
        #[expect(clippy::cast_precision_loss, reason = "of milliseconds")]
        Any::IntValue(number) => *number as f64,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not below zero")]
fn nanos(millis: f64) -> u64 {
    (millis * 1e6) as u64
}

#[cfg(test)]
mod tests;
