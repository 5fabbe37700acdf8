use opentelemetry::trace::{SpanId, SpanKind};
use proptest::prelude::*;

use super::{
    super::{Maker, Process, Span, Work},
    *,
};

const MS: u64 = 1_000_000;

fn trace() -> Trace {
    let span = |number: u64, name: &str, millis: u64, outcome| Span {
        id: SpanId::from_bytes(number.to_be_bytes()),
        parent: SpanId::INVALID,
        start: 0,
        end: millis * MS,
        name: name.to_owned(),
        kind: SpanKind::Client,
        process: 0,
        work: Work::Other,
        statement: 0,
        stage: if name == "Route" { "route".to_owned() } else { String::new() },
        outcome,
        status: None,
        error: String::new(),
    };
    let spans = vec![
        span(1, "Route", 2, Outcome::Fine),
        span(2, "db.query", 3, Outcome::Fine),
        span(3, "db.query", 7, Outcome::Failed),
        span(4, "GET /a b", 1, Outcome::Fine),
    ];
    Trace::new(spans, vec![Process { maker: Maker::App, service: "shop".to_owned(), instance: String::new() }])
}

#[test]
fn expectations_are_met_or_not() {
    let trace = trace();
    let facts = Facts { first_byte: Some(150 * MS), duration: 900 * MS, ..facts(&trace) };
    for (text, met, actual) in [
        ("status=200", Met::Passed, "200"),
        ("status != 200", Met::Failed, "200"),
        ("status<400", Met::Passed, "200"),
        ("cache=hit", Met::Failed, "none"),
        ("cache=none", Met::Passed, "none"),
        ("error=none", Met::Passed, "none"),
        ("ttfb<200ms", Met::Passed, "150 ms"),
        ("ttfb<=150ms", Met::Passed, "150 ms"),
        ("ttfb<0.1s", Met::Failed, "150 ms"),
        ("duration<1s", Met::Passed, "900 ms"),
        ("duration>=1m", Met::Failed, "900 ms"),
        ("spans>3", Met::Passed, "4"),
        ("spans(name=db.query)<2", Met::Failed, "2"),
        ("spans(name=DB.*, status=error)=1", Met::Passed, "1"),
        ("spans(service=shop,kind=client)=4", Met::Passed, "4"),
        ("spans(name=\"GET /a b\")=1", Met::Passed, "1"),
        ("spans(name=*query*)>=2", Met::Passed, "2"),
        ("span(route).duration<5ms", Met::Passed, "2.00 ms"),
        ("span(db.query).duration<5ms", Met::Failed, "7.00 ms"),
        ("span(db.query).status=ok", Met::Failed, "error"),
        ("span(nowhere).duration<5ms", Met::Failed, "there is no such span"),
    ] {
        let expect = Expect::parse(text).unwrap();
        assert_eq!(expect.text(), text);
        assert_eq!(expect.verify(&facts), Verified { result: met, actual: actual.to_owned() }, "{text}");
    }
    let failed = Facts { first_byte: None, error: "connection_refused", ..facts };
    assert_eq!(Expect::parse("ttfb<1s").unwrap().verify(&failed).result, Met::Failed);
    // Its cache answered, and asked nobody.
    let hit = Facts { first_byte: None, cache: Some("hit"), ..facts };
    let first = |text| Expect::parse(text).unwrap().verify(&hit);
    assert_eq!(first("ttfb<1s"), Verified { result: Met::Passed, actual: "900 ms".to_owned() });
    assert_eq!((first("ttfb<200ms").result, first("cache=hit").result), (Met::Failed, Met::Passed));
}

#[test]
fn what_missing_spans_could_change_is_not_decided() {
    let trace = edge_and_app();
    let facts = Facts { lack: Some("they never came"), ..facts(&trace) };
    for (text, met, actual) in [
        // At most: there may be more.
        ("spans(name=db.query)<10", Met::Unknown, "2 so far: they never came"),
        ("spans(name=db.query)<=2", Met::Unknown, "2 so far: they never came"),
        ("spans(name=db.query)<2", Met::Failed, "2"),
        ("spans(service=other)=0", Met::Unknown, "0 so far: they never came"),
        ("spans<100", Met::Unknown, "3 so far: they never came"),
        // At least: these are here.
        ("spans(name=db.query)>=2", Met::Passed, "2"),
        ("spans(name=db.query)>1", Met::Passed, "2"),
        ("spans(name=db.query)>2", Met::Unknown, "2 so far: they never came"),
        // Just so many.
        ("spans(name=db.query)=1", Met::Failed, "2"),
        ("spans(name=db.query)=2", Met::Unknown, "2 so far: they never came"),
        ("spans(name=db.query)!=1", Met::Passed, "2"),
        ("spans(name=db.query)!=3", Met::Unknown, "2 so far: they never came"),
        // Each of a name.
        ("span(db.query).duration<10ms", Met::Unknown, "7.00 ms so far: they never came"),
        ("span(db.query).duration<5ms", Met::Failed, "7.00 ms"),
        ("span(db.query).status=ok", Met::Failed, "error"),
        ("span(db.query).status!=lost", Met::Unknown, "error so far: they never came"),
        ("span(render).duration<5ms", Met::Unknown, "there is no such span: they never came"),
        ("span(*).duration<1s", Met::Unknown, "7.00 ms so far: they never came"),
        // The edge's own are all here.
        ("span(route).duration<5ms", Met::Passed, "2.00 ms"),
        ("span(route).status=ok", Met::Passed, "ok"),
        ("spans(stage=route)=1", Met::Passed, "1"),
        ("spans(stage=*)<10", Met::Unknown, "1 so far: they never came"),
        // And so is what its record says.
        ("status=200", Met::Passed, "200"),
        ("cache=none", Met::Passed, "none"),
        ("error=none", Met::Passed, "none"),
        ("ttfb<200ms", Met::Passed, "100 ms"),
        ("duration<200ms", Met::Passed, "100 ms"),
    ] {
        let expected = Verified { result: met, actual: actual.to_owned() };
        assert_eq!(Expect::parse(text).unwrap().verify(&facts), expected, "{text}");
    }
    let unheard = Facts { cache: None, ..facts };
    assert_eq!(Expect::parse("cache=none").unwrap().verify(&unheard).result.decided(), None);
}

fn facts(trace: &Trace) -> Facts<'_> {
    Facts { status: 200, cache: Some(""), error: "", first_byte: None, duration: 100 * MS, trace, lack: None }
}

/// The edge's route, and two queries of an app.
fn edge_and_app() -> Trace {
    let Trace { spans, mut processes, .. } = trace();
    processes.push(Process { maker: Maker::Edge, service: "waylight".to_owned(), ..processes[0].clone() });
    let of_edge = |span: Span| Span { process: usize::from(span.stage == "route"), ..span };
    Trace::new(spans.into_iter().take(3).map(of_edge).collect(), processes)
}

#[test]
fn a_page_load_is_never_the_measure() {
    let trace = trace();
    let load = Span {
        id: SpanId::from_bytes([9; 8]),
        stage: "pageload".to_owned(),
        name: "/cart".to_owned(),
        ..trace.spans[0].clone()
    };
    let browser = Process { maker: Maker::Browser, ..trace.processes[0].clone() };
    let trace = Trace::new(vec![load], vec![browser]);
    let facts = facts(&trace);
    let verified = |text| Expect::parse(text).unwrap().verify(&facts);
    let said = "the length of a page load says nothing".to_owned();
    assert_eq!(verified("span(/cart).duration<1s"), Verified { result: Met::Failed, actual: said });
    assert_eq!(verified("span(/cart).status=ok").result, Met::Passed);
}

#[test]
fn what_can_be_drawn_is_told() {
    let limit = |text| Expect::parse(text).unwrap().limit();
    assert_eq!(limit("ttfb<200ms"), Some(("ttfb", 200 * MS)));
    assert_eq!(limit("duration<=1s"), Some(("duration", 1000 * MS)));
    assert_eq!((limit("status=200"), limit("span(x).duration<1s")), (None, None));
}

#[test]
fn faults_are_pointed_at() {
    for (text, at, part) in [
        ("", 0, "what is looked at"),
        ("speed<1s", 0, "there is no \"speed\""),
        ("status", 6, "one of ="),
        ("status=", 7, "a whole number"),
        ("status=2xx", 7, "a whole number"),
        ("status=200 or so", 11, "nothing is expected"),
        ("ttfb<200", 5, "a length"),
        ("ttfb<200 ms", 5, "a length"),
        ("cache<hit", 6, "words are compared"),
        ("cache=", 6, "a name"),
        ("spans(naem=x)<1", 6, "spans are chosen by"),
        ("spans(name=)<1", 11, "a name"),
        ("spans(name=x<1", 14, "\")\" is expected"),
        ("spans(name=\"x)<1", 11, "this quote is not closed"),
        ("span(x).speed<1s", 8, "a span has"),
        ("ä<1", 0, "there is no \"ä\""),
    ] {
        let error = Expect::parse(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.message.starts_with(part), "{text}: {error}");
    }
    let shown = Expect::parse("status=abc").unwrap_err().to_string();
    assert_eq!(shown, "a whole number is expected here\n  status=abc\n         ^");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,64}", known in "(status|ttfb|spans?|cache)[(<=>! ]{0,3}[a-z0-9.(),=\"*]{0,12}") {
        for text in [text, known] {
            if let Ok(expect) = Expect::parse(&text) {
                for lack in [None, Some("some")] {
                    expect.verify(&Facts { lack, ..facts(&trace()) });
                }
            }
        }
    }
}
