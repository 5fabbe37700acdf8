use serde_json::{Value, json};

use super::{read::Complete, show::Found, *};
use crate::{
    console::export::testing::{kept, span, string},
    trace::kept::Kept,
};

fn found(kept: Kept) -> Found {
    let row = json!({
        "status": 200, "cache": { "status": "hit" }, "error": "", "ttfb_us": 1500.5, "dur_us": 100_000,
    });
    Found { id: kept.id(), status: http::StatusCode::OK, complete: Complete::Yes, kept, requests: vec![row] }
}

fn shop() -> Found {
    let queries = (2..9).map(|number| {
        let mut query = span((number, 1), "SELECT \u{1b}[2J", (number * 10, number * 10 + 5));
        query.attributes = vec![string("db.system", "sqlite")];
        query
    });
    found(kept(std::iter::once(span((1, 0), "GET /", (0, 100))).chain(queries).collect()))
}

#[test]
fn a_person_reads_tree_verdict_repeats_and_checks() {
    let expectations = ["cache=hit", "ttfb<1ms", "spans(name=SELECT*)<5"].map(|text| Expect::parse(text).unwrap());
    let text = anstream::adapter::strip_str(&shop().text(&expectations)).to_string();
    for line in [
        "100 %",
        "5.00 ms    5 %",
        "N+1: SELECT  [2J ran 7 times in GET /, 35.0 ms together",
        "✓ cache=hit  (hit)",
        "✗ ttfb<1ms  (1.50 ms)",
        "✗ spans(name=SELECT*)<5  (7)",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!shop().text(&[]).contains("\u{1b}[2J"), "an application does not steer the terminal");
    assert_eq!((shop().judge(&expectations[..1]), shop().judge(&expectations)), (Met::Passed, Met::Failed));
}

#[test]
fn a_check_does_not_pass_on_spans_that_never_came() {
    let torn = || found(kept(vec![span((1, 0), "GET /", (0, 100)), span((3, 9), "SELECT", (10, 20))]));
    let [status, most, least, failed] =
        ["status=200", "spans(name=SELECT)<9", "spans(name=SELECT)>0", "spans(name=SELECT)=0"]
            .map(|text| Expect::parse(text).unwrap());
    assert_eq!(torn().judge(&[status.clone(), least]), Met::Passed);
    assert_eq!(torn().judge(&[status.clone(), most.clone()]), Met::Unknown);
    assert_eq!(torn().judge(&[most.clone(), failed.clone()]), Met::Failed);
    // Only what more of them could change is waited for.
    assert!(torn().may_change(std::slice::from_ref(&most)) && !torn().may_change(&[status.clone(), failed]));
    assert!(!shop().may_change(std::slice::from_ref(&most)), "nothing is missing there");
    let text = anstream::adapter::strip_str(&torn().text(std::slice::from_ref(&most))).to_string();
    assert!(text.contains("? spans(name=SELECT)<9  (1 so far: a span that others hang under is missing)"), "{text}");
    let read: Value = serde_json::from_str(&torn().json(&[status, most])).unwrap();
    assert_eq!((&read["expect"][0]["passed"], &read["expect"][1]["passed"]), (&json!(true), &json!(null)));
}

#[test]
fn a_program_reads_json() {
    let expectations = [Expect::parse("status=200").unwrap()];
    let read: Value = serde_json::from_str(&shop().json(&expectations)).unwrap();
    assert_eq!(read["expect"][0], json!({ "expect": "status=200", "passed": true, "actual": "200" }));
    assert_eq!((&read["state"], &read["repeats"][0]["count"]), (&json!("done"), &json!(7)));
    assert_eq!(read["spans"]["id"].as_array().unwrap().len(), 8);
    assert!(String::from_utf8(shop().html()).unwrap().starts_with("<!doctype html>"));
    assert_eq!(Kept::of(serde_json::from_str(&shop().otlp()).unwrap()).trace, shop().kept.trace);
}

#[test]
fn without_a_row_the_spans_say_what_they_can() {
    let bare = Found { requests: Vec::new(), ..shop() };
    let known = bare.facts();
    let facts = known.of(&bare.kept.trace);
    assert_eq!((facts.status, facts.first_byte, facts.duration), (200, None, 100_000_000));
    assert_eq!((facts.cache, facts.error), (None, ""), "of a cache nothing is known");
}

#[test]
fn lengths_are_read_from_the_command_line() {
    assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
    for bad in ["", "5", "0s", "x", "-1s"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}
