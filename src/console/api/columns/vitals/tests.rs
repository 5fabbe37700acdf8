use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::Span,
};

use super::*;
use crate::console::export::testing::{message, span, string};

fn with(mut span: Span, stage: &str, values: &[(&str, f64)]) -> Span {
    span.attributes = vec![string("sentry.op", stage)];
    span.attributes.extend(values.iter().map(|(name, value)| KeyValue {
        key: format!("browser.web_vital.{name}.value"),
        value: Some(AnyValue { value: Some(Any::DoubleValue(*value)) }),
        ..KeyValue::default()
    }));
    span
}

fn told(spans: Vec<Span>) -> Vec<Value> {
    let mut message = message(spans);
    let resource = message.resource_spans[0].resource.as_mut().unwrap();
    resource.attributes.push(string("telemetry.sdk.language", "webjs"));
    let kept = Kept::of(message);
    let began = kept.trace.spans.iter().map(|span| span.start).min().unwrap();
    vitals(&kept, &kept.trace, began)
}

#[test]
fn a_page_load_has_marks_at_their_moments() {
    let load = with(span((1, 0), "/", (100, 3000)), "pageload", &[("ttfb", 441.0), ("fcp", 2000.0)]);
    let lcp = with(span((2, 1), "LCP", (900, 900)), "ui.webvital.lcp", &[("lcp", 742.5)]);
    let cls = with(span((3, 1), "CLS", (950, 950)), "ui.webvital.cls", &[("cls", 0.3)]);
    let first = span((4, 0), "before", (0, 10));
    let marks = told(vec![first, load, lcp, cls]);
    let pick = |mark: &Value| (mark["name"].clone(), mark["at_us"].clone(), mark["rating"].clone());
    assert_eq!(
        marks.iter().map(pick).collect::<Vec<_>>(),
        [
            (json!("TTFB"), json!(541_000.0), json!("good")),
            (json!("FCP"), json!(2_100_000.0), json!("needs-improvement")),
            (json!("LCP"), json!(842_500.0), json!("good")),
            (json!("CLS"), json!(null), json!("poor")),
        ]
    );
}

#[test]
fn values_that_make_no_sense_and_other_spans_have_none() {
    let odd = with(span((1, 0), "/", (0, 10)), "pageload", &[("lcp", -1.0), ("fcp", f64::INFINITY)]);
    let other = with(span((2, 1), "x", (0, 10)), "resource.script", &[("lcp", 5.0)]);
    assert_eq!(told(vec![odd, other]), Vec::<Value>::new());
}

#[test]
fn of_a_size_that_is_told_again_the_worst_counts() {
    let load = || with(span((1, 0), "/", (100, 3000)), "pageload", &[]);
    let shift = |id, value| with(span((id, 1), "CLS", (950, 950)), "ui.webvital.cls", &[("cls", value)]);
    let click = |id, value| with(span((id, 1), "button", (1000, 1200)), "ui.interaction.click", &[("inp", value)]);
    let marks = told(vec![load(), shift(2, 0.05), shift(3, 0.2), click(4, 120.0), click(5, 64.0)]);
    let pick = |mark: &Value| (mark["name"].clone(), mark["value"].clone(), mark["rating"].clone());
    assert_eq!(
        marks.iter().map(pick).collect::<Vec<_>>(),
        [(json!("CLS"), json!(0.2), json!("needs-improvement")), (json!("INP"), json!(120.0), json!("good")),]
    );
}
