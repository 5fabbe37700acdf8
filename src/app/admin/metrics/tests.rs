//! The form, to the letter.

use super::{Exposition, Kind};

#[test]
fn families_are_written_as_openmetrics_demands() {
    let mut text = Exposition::default();
    text.family(Kind::Info, "build", "What runs.", [(&[("version", "1.0")] as &[_], 1)]);
    text.one(Kind::Counter, "requests", " Requests received.", 7);
    text.one(Kind::Gauge, "response_body_bytes", "Octets.", 0);
    text.family(
        Kind::Counter,
        "export_spans",
        "Spans \"sent\".",
        [(&[("backend", "a\"b\\c\nd"), ("to", "x")] as &[_], 1), (&[("backend", "b")] as &[_], u64::MAX)],
    );
    assert_eq!(
        text.finish(),
        "# TYPE waylight_build info
# HELP waylight_build What runs.
waylight_build_info{version=\"1.0\"} 1
# TYPE waylight_requests counter
# HELP waylight_requests Requests received.
waylight_requests_total 7
# TYPE waylight_response_body_bytes gauge
# UNIT waylight_response_body_bytes bytes
# HELP waylight_response_body_bytes Octets.
waylight_response_body_bytes 0
# TYPE waylight_export_spans counter
# HELP waylight_export_spans Spans \\\"sent\\\".
waylight_export_spans_total{backend=\"a\\\"b\\\\c\\nd\",to=\"x\"} 1
waylight_export_spans_total{backend=\"b\"} 18446744073709551615
# EOF
"
    );
}

#[test]
fn an_empty_text_is_one_too() {
    assert_eq!(Exposition::default().finish(), "# EOF\n");
}
