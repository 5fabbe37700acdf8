use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use super::*;
use crate::console::export::testing::{message, span, string};

fn with(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A page of a browser that began 10 ms after the trace.
fn page(language: &str) -> Kept {
    let mut load = span((2, 1), "/", (10, 900));
    load.attributes = vec![
        string("sentry.op", "pageload"),
        with("browser.web_vital.ttfb.value", Any::IntValue(50)),
        with("browser.web_vital.fcp.value", Any::DoubleValue(2_000.5)),
        with("browser.web_vital.lcp.value", Any::DoubleValue(f64::NAN)),
    ];
    let mut shift = span((3, 2), "cls", (500, 500));
    shift.attributes = vec![with("browser.web_vital.cls.value", Any::DoubleValue(0.3))];
    let mut press = span((4, 2), "press", (700, 760));
    press.attributes = vec![with("browser.web_vital.inp.value", Any::IntValue(60))];
    let mut page = message(vec![load, shift, press]);
    let resource = page.resource_spans[0].resource.get_or_insert_default();
    resource.attributes.push(string("telemetry.sdk.language", language));
    page.resource_spans.extend(message(vec![span((1, 0), "app", (0, 100))]).resource_spans);
    Kept::of(page)
}

#[test]
fn vitals_are_what_browser_spans_tell() {
    let kept = page("webjs");
    let told = vitals(&kept, &kept.trace);
    assert_eq!(
        told,
        json!([
            { "name": "TTFB", "value": 50.0, "rating": "good", "at_us": 60_000 },
            { "name": "FCP", "value": 2_000.5, "rating": "needs-improvement", "at_us": 2_010_500 },
            { "name": "CLS", "value": 0.3, "rating": "poor" },
            { "name": "INP", "value": 60.0, "rating": "good", "at_us": 700_000 },
        ])
    );
    let of_app = page("nodejs");
    assert_eq!(vitals(&of_app, &of_app.trace), json!([]), "an app has none");
}
