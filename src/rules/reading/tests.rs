use proptest::prelude::*;

use super::{
    clocks::{Offset, aligned, offsets},
    holes::{holes, is_settled, lack, mend},
    miss::{Cached, explain},
    path::critical_path,
    progress::{Heard, Progress, heard, progress},
    repeats::repeats,
    statement::shape,
    verdict::{Culprit, verdict},
    *,
};

const MS: u64 = 1_000_000;

fn id(number: u64) -> SpanId {
    SpanId::from_bytes(number.to_be_bytes())
}

/// A span of an app: its ids, its name and its time in milliseconds.
fn span(ids: (u64, u64), name: &str, (start, end): (u64, u64)) -> Span {
    Span {
        id: id(ids.0),
        parent: id(ids.1),
        start: start * MS,
        end: end * MS,
        name: name.to_owned(),
        kind: SpanKind::Internal,
        process: 1,
        work: Work::Other,
        statement: 0,
        stage: String::new(),
        outcome: Outcome::Fine,
        status: None,
        error: String::new(),
    }
}

fn edge(ids: (u64, u64), stage: &str, times: (u64, u64)) -> Span {
    let kind = match stage {
        "request" => SpanKind::Server,
        "upstream.request" => SpanKind::Client,
        _ => SpanKind::Internal,
    };
    let status = (stage == "upstream.request").then_some(200);
    Span { process: 0, stage: stage.to_owned(), kind, status, ..span(ids, stage, times) }
}

fn server(ids: (u64, u64), name: &str, times: (u64, u64)) -> Span {
    Span { kind: SpanKind::Server, ..span(ids, name, times) }
}

fn query(ids: (u64, u64), times: (u64, u64)) -> Span {
    Span { kind: SpanKind::Client, work: Work::Query, ..span(ids, "SELECT", times) }
}

fn process(maker: Maker, service: &str) -> Process {
    Process { maker, service: service.to_owned(), instance: String::new() }
}

fn trace(spans: Vec<Span>) -> Trace {
    let processes =
        vec![process(Maker::Edge, "waylight"), process(Maker::App, "shop"), process(Maker::Browser, "browser")];
    Trace::new(spans, processes)
}

/// The critical path as text: `id:from-to`, in milliseconds.
fn walked(spans: Vec<Span>, root: u64) -> String {
    let trace = trace(spans);
    let root = trace.spans.iter().position(|span| span.id == id(root)).unwrap();
    let stretch = |stretch: &path::Stretch| {
        let number = u64::from_be_bytes(trace.spans[stretch.span].id.to_bytes());
        format!("{number}:{}-{}", stretch.from / MS, stretch.to / MS)
    };
    critical_path(&trace, root).iter().map(stretch).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_path_is_what_the_end_waited_for() {
    // One after the other.
    let spans = vec![span((1, 0), "a", (0, 100)), span((2, 1), "b", (10, 40)), span((3, 1), "c", (50, 90))];
    assert_eq!(walked(spans, 1), "1:0-10 2:10-40 1:40-50 3:50-90 1:90-100");
    // At once: the longer one was waited for; the shorter one lies beside it.
    let spans = vec![span((1, 0), "a", (0, 100)), span((2, 1), "b", (10, 40)), span((3, 1), "c", (20, 90))];
    assert_eq!(walked(spans, 1), "1:0-20 3:20-90 1:90-100");
    // Deeper down.
    let spans = vec![span((1, 0), "a", (0, 100)), span((2, 1), "b", (10, 90)), span((3, 2), "c", (20, 80))];
    assert_eq!(walked(spans, 1), "1:0-10 2:10-20 3:20-80 2:80-90 1:90-100");
}

#[test]
fn the_path_survives_what_clocks_and_processes_do() {
    // A child beyond both ends of its parent counts within it only.
    let spans = vec![span((1, 0), "a", (10, 100)), span((2, 1), "b", (0, 130))];
    assert_eq!(walked(spans, 1), "2:10-100");
    // One that ended before it began, and one of no length.
    let spans = vec![span((1, 0), "a", (0, 100)), span((2, 1), "b", (60, 20)), span((3, 1), "c", (50, 50))];
    assert_eq!(walked(spans, 1), "1:0-100");
    // One that lies outside altogether.
    let spans = vec![span((1, 0), "a", (0, 100)), span((2, 1), "b", (150, 200))];
    assert_eq!(walked(spans, 1), "1:0-100");
    // Two that end together: the longer one.
    let spans = vec![span((1, 0), "a", (0, 100)), span((2, 1), "b", (60, 90)), span((3, 1), "c", (40, 90))];
    assert_eq!(walked(spans, 1), "1:0-40 3:40-90 1:90-100");
    // Two roots, the second an orphan: each has a path of its own.
    let spans = vec![span((1, 0), "a", (0, 100)), span((2, 9), "b", (20, 50)), span((3, 2), "c", (30, 40))];
    assert_eq!(walked(spans.clone(), 1), "1:0-100");
    assert_eq!(walked(spans, 2), "2:20-30 3:30-40 2:40-50");
    // A circle is cut, and walked once.
    let spans = vec![span((1, 2), "a", (0, 100)), span((2, 1), "b", (10, 20))];
    assert_eq!(walked(spans, 1), "1:0-10 2:10-20 1:20-100");
}

proptest! {
    #[test]
    fn the_path_covers_a_span_once(
        shape in prop::collection::vec((0_u64..10, 0_u64..10, 0_u64..50, 0_u64..50), 1..40), root in any::<prop::sample::Index>()
    ) {
        let spans: Vec<Span> = shape.iter().map(|&(own, parent, start, end)| span((own, parent), "x", (start, end))).collect();
        let trace = trace(spans);
        let root = root.index(trace.spans.len());
        let path = critical_path(&trace, root);
        prop_assert_eq!(path.iter().map(path::Stretch::length).sum::<u64>(), trace.length(root));
        prop_assert!(path.windows(2).all(|pair| pair[0].to == pair[1].from));
        verdict(&trace);
        repeats(&trace);
        holes(&trace);
        runs::Runs::new(&trace).spreads();
        network::network(&trace, &offsets(&trace));
        aligned(&trace, &offsets(&trace));
    }
}

proptest! {
    #[test]
    fn no_statement_makes_it_panic(text in "\\PC{0,40}", known in "[a'0-9 ,?$:]{0,40}") {
        shape(&text);
        prop_assert_eq!(shape(&known), shape(&known.to_ascii_uppercase()));
    }
}

#[test]
fn a_trace_of_one_long_chain_is_walked_too() {
    let spans: Vec<Span> = (1..=50_000).map(|n| span((n, n - 1), "x", (0, 100_000 - n))).collect();
    let trace = trace(spans);
    let path = critical_path(&trace, 0);
    assert_eq!(path.iter().map(path::Stretch::length).sum::<u64>(), trace.length(0));
}

#[test]
fn clocks_are_apart_as_far_as_pairs_tell() {
    // The app's clock is 1000 ms ahead. Its server span took 60 of the client's 80 ms: the offset is between
    // -(1000 + 20) and -1000, so -1010 with an error of 10.
    let skewed = |to: u64, more: Vec<Span>| {
        let spans = vec![edge((1, 0), "request", (0, 100)), edge((2, 1), "upstream.request", (10, 90))];
        trace(spans.into_iter().chain([server((3, 2), "GET", (1000 + to, 1060 + to))]).chain(more).collect())
    };
    let of =
        |trace: &Trace| offsets(trace)[1].map(|offset| (offset.nanos / MS as i64, offset.error / MS, offset.samples));
    let one = skewed(20, Vec::new());
    assert_eq!(of(&one), Some((-1000, 10, 1)));
    let straight = aligned(&one, &offsets(&one));
    assert_eq!((straight.spans[2].start / MS, straight.spans[2].end / MS), (20, 80));
    // A second, closer pair.
    let pair = vec![edge((4, 1), "upstream.request", (50, 60)), server((5, 4), "GET", (1054, 1062))];
    let two = skewed(20, pair);
    assert_eq!(of(&two), Some((-1003, 1, 2)));
    // One that contradicts is not counted, and told.
    let wild = vec![edge((4, 1), "upstream.request", (50, 90)), server((5, 4), "GET", (9000, 9001))];
    let three = skewed(20, wild);
    assert_eq!(offsets(&three)[1].map(|offset| (offset.samples, offset.contradictions)), Some((1, 1)));
}

#[test]
fn clocks_that_may_be_equal_are_and_without_pairs_nothing_is_claimed() {
    let spans = vec![edge((2, 0), "upstream.request", (10, 90)), server((3, 2), "GET", (15, 70))];
    let equal = offsets(&trace(spans));
    assert_eq!(equal[1], Some(Offset { nanos: 0, error: 20 * MS, samples: 1, contradictions: 0 }));
    assert_eq!(equal[2], None);
    // A server span longer than its client's bounds nothing; nor does a span of another kind.
    let spans = vec![edge((2, 0), "upstream.request", (10, 20)), server((3, 2), "GET", (500, 900))];
    assert_eq!(offsets(&trace(spans))[1], None);
    let spans = vec![edge((2, 0), "upstream.request", (10, 90)), span((3, 2), "x", (500, 510))];
    assert_eq!(offsets(&trace(spans))[1], None);
}

#[test]
fn the_browsers_clock_is_bound_by_its_fetches() {
    // The edge is the server here: 20 to 80 of its own clock lie in 5010 to 5090 of the browser's.
    let fetch = Span { kind: SpanKind::Client, process: 2, ..span((1, 0), "GET", (5010, 5090)) };
    let trace = trace(vec![fetch, edge((2, 1), "request", (20, 80))]);
    let browser = offsets(&trace)[2].unwrap();
    assert_eq!((browser.nanos / MS as i64, browser.error / MS), (-5000, 10));
    let straight = aligned(&trace, &offsets(&trace));
    assert_eq!((straight.spans[0].start / MS, straight.spans[0].end / MS), (10, 90));
}

fn shop(query_ms: u64) -> Vec<Span> {
    vec![
        edge((1, 0), "request", (0, 441)),
        edge((2, 1), "upstream.request", (10, 430)),
        server((3, 2), "GET /products", (14, 426)),
        query((4, 3), (20, 20 + query_ms)),
    ]
}

fn sentence(spans: Vec<Span>) -> String {
    verdict(&trace(spans)).unwrap().sentence
}

#[test]
fn the_verdict_names_who_took_the_time() {
    assert_eq!(
        sentence(shop(380)),
        "Slow because of the app: 412 of 441 ms in GET /products in shop, 380 ms of it one query."
    );
    assert_eq!(sentence(shop(20)), "Slow because of the app: 412 of 441 ms in GET /products in shop.");
    let mut unseen = shop(0);
    unseen.truncate(2);
    assert_eq!(sentence(unseen), "Slow because of the upstream, which sent no spans: 420 of 441 ms.");
    let cold = vec![edge((1, 0), "request", (0, 400)), edge((2, 1), "upstream.start", (1, 380))];
    assert_eq!(sentence(cold), "Slow because of a cold start: 379 of 400 ms.");
    let quick = vec![edge((1, 0), "request", (0, 12))];
    assert_eq!(sentence(quick), "Quick, with most of the time in the edge: 12.0 of 12.0 ms.");
    let mut failed = vec![edge((1, 0), "request", (0, 40)), edge((2, 1), "upstream.connect", (1, 39))];
    failed[0] = Span {
        outcome: Outcome::Failed,
        status: Some(502),
        error: "connection_refused".to_owned(),
        ..failed[0].clone()
    };
    assert_eq!(
        sentence(failed),
        "Failed with 502 (connection_refused) after 40.0 ms, most of it because of the connection to the upstream: 38.0 \
         of 40.0 ms."
    );
}

#[test]
fn the_parts_of_a_verdict_are_the_whole() {
    let verdict = verdict(&trace(shop(380))).unwrap();
    assert_eq!(verdict.parts.iter().map(|part| part.nanos).sum::<u64>(), verdict.total);
    let parts: Vec<_> = verdict.parts.iter().map(|part| (part.culprit.word(), part.nanos / MS)).collect();
    assert_eq!(parts, [("app", 412), ("edge", 21), ("network", 8)]);
    assert_eq!(verdict.parts[0].culprit, Culprit::App("shop".to_owned()));
}

#[test]
fn a_page_load_is_never_the_measure() {
    let browser = |ids, stage: &str, times| Span { process: 2, stage: stage.to_owned(), ..span(ids, "/", times) };
    let load = browser((9, 0), "pageload", (0, 30_000));
    let spans = vec![load.clone(), edge((1, 9), "request", (5, 445)), edge((2, 1), "upstream.request", (10, 440))];
    assert_eq!(sentence(spans), "Slow because of the upstream, which sent no spans: 430 of 440 ms.");
    let (moved, clicked) = (browser((8, 9), "navigation", (0, 900)), browser((7, 0), "ui.action.click", (0, 900)));
    assert_eq!(verdict(&trace(vec![load, moved, clicked])), None);
    assert_eq!(verdict(&trace(Vec::new())), None);
}

#[test]
fn repeated_operations_are_found_under_one_parent() {
    let queries = (0..6).map(|n| query((10 + n, 3), (20 + 10 * n, 25 + 10 * n)));
    let elsewhere = (0..4).map(|n| query((20 + n, 2), (20 + n, 21 + n)));
    let trace = trace(shop(0).into_iter().take(3).chain(queries).chain(elsewhere).collect());
    let found = repeats(&trace);
    let [repeat] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((repeat.count, repeat.total / MS, repeat.work), (6, 30, Work::Query));
    assert_eq!(trace.spans[repeat.parent].id, id(3));
}

#[test]
fn queries_repeat_by_what_they_ask() {
    let asking = |n: u64, name: &str, statement: &str| Span {
        name: name.to_owned(),
        statement: shape(statement),
        ..query((10 + n, 3), (20 + 10 * n, 25 + 10 * n))
    };
    let found = |queries: Vec<Span>| {
        let trace = trace(shop(0).into_iter().take(3).chain(queries).collect());
        repeats(&trace).iter().map(|repeat| repeat.count).collect::<Vec<_>>()
    };
    // Named by the statement itself, with other values each time.
    let alike = |n: u64| format!("SELECT * FROM stock WHERE id = {n} AND kind = 'a{n}'");
    assert_eq!(found((0..6).map(|n| asking(n, &alike(n), &alike(n))).collect()), [6]);
    // Of one name, and each asks for something else.
    let other = |n: u64| format!("SELECT a{n} FROM t WHERE id = $1");
    assert_eq!(found((0..6).map(|n| asking(n, "SELECT shop", &other(n))).collect()), [0_usize; 0]);
}

#[test]
fn statements_are_alike_but_for_values() {
    for (one, other) in [
        ("select a from b where c = 1", "SELECT a  FROM b\n WHERE c = 23.5 "),
        ("where a = 'x'", "where a = 'it''s; -- y'"),
        ("where a = $1", "where a = 7"),
        ("where a = :1 and b = ?", "where a = ? and b = 'x'"),
        ("where a in (1, 2, 3)", "where a in (?,?)"),
        ("insert into a values (1, 'x')", "insert into a values ($1, $2)"),
    ] {
        assert_eq!(shape(one), shape(other), "{one} / {other}");
    }
    for (one, other) in [
        ("select a1 from b", "select a2 from b"),
        ("select a from b1", "select a from b"),
        ("where a = 1 and b = 2", "where a = 1"),
        ("select \u{e4}1", "select \u{e4}2"),
    ] {
        assert_ne!(shape(one), shape(other), "{one} / {other}");
    }
    assert_eq!((shape(""), shape(" \n")), (0, 0));
    assert_ne!(shape("'never closed"), 0);
}

#[test]
fn the_resources_of_a_page_repeat_nothing() {
    let load = span((1, 0), "/shop", (0, 100));
    let script = |n| Span { stage: "resource.script".to_owned(), ..span((10 + n, 1), "cdn.example", (n, n + 1)) };
    assert_eq!(repeats(&trace([load].into_iter().chain((0..9).map(script)).collect())), []);
}

#[test]
fn an_upstream_without_spans_leaves_a_hole() {
    let whole = trace(shop(10));
    assert_eq!(holes(&whole), []);
    let without = trace(shop(10).into_iter().take(2).collect());
    assert_eq!(holes(&without).len(), 1);
    // Nobody answered, or nobody traced it when it was asked: nothing is missing.
    for outcome in [Outcome::Failed, Outcome::Fine] {
        let mut untold: Vec<Span> = shop(10).into_iter().take(2).collect();
        untold[1] = Span { outcome, status: None, ..untold[1].clone() };
        assert_eq!(holes(&trace(untold)), [], "{outcome:?}");
    }
    assert_eq!(mend("127.0.0.1:4318"), "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318");
}

#[test]
fn what_is_missing_is_told() {
    let whole = trace(shop(10));
    assert_eq!((lack(&whole), is_settled(&whole)), (None, true));
    assert_eq!(lack(&trace(shop(10).into_iter().take(2).collect())), Some("an upstream that answered sent no spans"));
    // A query whose server span was lost, beside another app that told all.
    let mut torn = shop(10);
    torn.push(query((9, 8), (20, 30)));
    let torn = trace(torn);
    assert_eq!((lack(&torn), is_settled(&torn)), (Some("a span that others hang under is missing"), false));
    // What the edge was asked by need not tell of itself.
    let mut continued = shop(10);
    continued[0].parent = id(77);
    assert_eq!(lack(&trace(continued)), None);
    // An app called somebody, who has not told yet; perhaps he never does.
    let mut calling = shop(10);
    calling.push(Span { work: Work::Call, ..query((5, 3), (30, 40)) });
    assert_eq!((lack(&trace(calling.clone())), is_settled(&trace(calling.clone()))), (None, false));
    calling.push(server((6, 5), "GET /stock", (31, 39)));
    assert!(is_settled(&trace(calling)));
}

#[test]
fn a_trace_is_complete_when_nothing_is_awaited() {
    let of = |trace: &Trace, now: u64| {
        let (heard, holes) = heard(trace, now * MS)?;
        Some(progress(heard, holes.iter().map(|_| "app".into())))
    };
    let at = |spans: usize, now: u64| of(&trace(shop(10).into_iter().take(spans).collect()), now);
    assert_eq!(at(4, 441), Some(Progress::Done));
    assert_eq!(at(2, 1_000), Some(Progress::Partial { waiting_for: vec!["app".into()] }));
    assert_eq!(at(2, 10_441), Some(Progress::Done), "the app sends no spans");
    let open = trace(shop(10).into_iter().skip(1).collect());
    assert_eq!(of(&open, 1_000), Some(Progress::Open));
    assert_eq!(of(&open, 700_000), Some(Progress::Done), "the end was lost");
    assert_eq!(of(&trace(vec![span((1, 0), "imported", (0, 1))]), 2), None);
    let complete = Heard { is_complete: true, silence: 0 };
    let awaited = progress(complete, ["b", "a", "b"].map(Into::into));
    assert_eq!((awaited.word(), awaited.waiting_for()), ("partial", &["a".into(), "b".into()][..]));
}

#[test]
fn a_miss_is_explained() {
    let own = |status, reason| explain(Cached { status, reason, upstream: None });
    assert_eq!(own("", ""), "No cache was asked.");
    assert_eq!(own("hit", ""), "Answered from the cache.");
    assert_eq!(own("miss", "nothing is stored."), "The cache had no answer: nothing is stored.");
    let behind = |upstream| explain(Cached { upstream: Some(upstream), ..Cached::default() });
    for (field, expected) in [
        ("CDN; hit; ttl=30", "CDN, a cache behind the edge, had the answer, fresh for another 30 s"),
        (
            "Far; fwd=miss, \"Near, by\"; fwd=vary-miss; stored",
            "Near, by, a cache behind the edge, had the address stored, but not for headers like these, and stored the new one",
        ),
        (
            "CDN; fwd=bypass; detail=\"no; rule\"",
            "CDN, a cache behind the edge, was set up to pass this request by (no; rule)",
        ),
    ] {
        assert_eq!(behind(field), format!("No cache of Waylight's was asked. {expected}."));
    }
    for nonsense in ["", ";;;", ",", "CDN", "CDN; fwd", "\"", "CDN; hit=?0"] {
        let said = behind(nonsense);
        assert!(said.starts_with("No cache"), "{nonsense}: {said}");
    }
}

/// A span of the browser.
fn browser(ids: (u64, u64), stage: &str, times: (u64, u64)) -> Span {
    Span { process: 2, stage: stage.to_owned(), ..span(ids, stage, times) }
}

/// The browser's clock: what is added to it in milliseconds, its error in microseconds, and how many pairs tell.
fn browsers_clock(trace: &Trace) -> Option<(i64, u64, usize, usize)> {
    let offset = offsets(trace)[2]?;
    Some((offset.nanos / MS as i64, offset.error / 1000, offset.samples, offset.contradictions))
}

/// The ways between browser and edge, in milliseconds: the browser's span, there, back.
fn ways(trace: &Trace) -> Vec<(u64, u64, u64)> {
    let offsets = offsets(trace);
    let trace = aligned(trace, &offsets);
    let way = |way: &network::Network| {
        (u64::from_be_bytes(trace.spans[way.browser].id.to_bytes()), way.out / MS, way.back / MS)
    };
    network::network(&trace, &offsets).iter().map(way).collect()
}

#[test]
fn what_is_left_of_a_fetch_is_the_networks() {
    // The browser's clock is 2000 ms ahead. No kind is needed: its operation says what it is.
    let trace = trace(vec![
        browser((1, 0), "pageload", (2000, 2900)),
        browser((2, 1), "http.client", (2100, 2200)),
        edge((3, 2), "request", (120, 190)),
        browser((4, 1), "http.client", (2300, 2350)),
        edge((5, 4), "request", (304, 344)),
        browser((6, 1), "resource.img", (2400, 2450)),
    ]);
    // Between -2006 and -1996 by the second, and closer than by the first; both to a tenth of a millisecond.
    assert_eq!(browsers_clock(&trace), Some((-2001, 5100, 2, 0)));
    assert_eq!(ways(&trace), [(2, 21, 9), (4, 5, 5)], "together 30 and 10, as the clocks of each alone say");
}

#[test]
fn a_pages_own_request_is_a_pair_wherever_its_halves_hang() {
    let load = |parent| browser((1, parent), "pageload", (0, 900));
    let document = |parent| browser((2, parent), "browser.request", (30, 500));
    let request = |parent| edge((3, parent), "request", (40, 480));
    for spans in [
        vec![load(0), document(1), request(2)],
        vec![load(0), document(1), request(1)],
        vec![request(0), load(3), document(1)],
    ] {
        let trace = trace(spans);
        assert_eq!(browsers_clock(&trace), Some((0, 20_100, 1, 0)));
        assert_eq!(ways(&trace), [(2, 10, 20)]);
    }
    // Which of several it was, after a redirect, is not said; and a page load alone says nothing.
    let redirected = vec![load(0), browser((4, 1), "browser.redirect", (0, 20)), document(1), request(1)];
    assert_eq!(ways(&trace(redirected)), []);
    assert_eq!(browsers_clock(&trace(vec![load(0), request(1)])), None);
    let two = vec![load(0), document(1), request(2), edge((5, 1), "request", (600, 700))];
    assert_eq!(ways(&trace(two)), [(2, 10, 20)], "counted once");
}

#[test]
fn most_pairs_win_over_the_closest_one_and_what_contradicts_has_no_way() {
    let fetch = |id: u64, at: u64| {
        [browser((id, 0), "http.client", (at, at + 20)), edge((id + 1, id), "request", (at + 5, at + 15))]
    };
    let mut spans: Vec<Span> = [fetch(1, 100), fetch(3, 200), fetch(5, 300)].concat();
    // As close as can be, and wrong by 400 ms.
    spans.extend([browser((7, 0), "http.client", (400, 410)), edge((8, 7), "request", (800, 810))]);
    let trace = trace(spans);
    assert_eq!(browsers_clock(&trace), Some((0, 5100, 3, 1)));
    assert_eq!(ways(&trace), [(1, 5, 5), (3, 5, 5), (5, 5, 5)]);
}

#[test]
fn browser_edge_and_app_come_onto_one_axis() {
    // The browser is 3 s behind, the app 7 s ahead; neither knows of the other.
    let trace = trace(vec![
        browser((1, 0), "http.client", (7000, 7100)),
        edge((2, 1), "request", (10_010, 10_090)),
        edge((3, 2), "upstream.request", (10_020, 10_080)),
        server((4, 3), "GET", (17_025, 17_075)),
        span((5, 4), "work", (17_030, 17_070)),
    ]);
    let offsets = offsets(&trace);
    let known: Vec<_> =
        offsets.iter().map(|offset| offset.map(|offset| (offset.nanos / MS as i64, offset.error / 1000))).collect();
    assert_eq!(known, [Some((0, 0)), Some((-7000, 5000)), Some((3000, 10_100))]);
    let straight = aligned(&trace, &offsets);
    let times: Vec<_> = straight.spans.iter().map(|span| (span.start / MS, span.end / MS)).collect();
    assert_eq!(times, [(10_000, 10_100), (10_010, 10_090), (10_020, 10_080), (10_025, 10_075), (10_030, 10_070)]);
}

#[test]
fn what_is_usual_is_told_by_other_runs() {
    let run = |ms: u64, id: u64| {
        trace(vec![
            browser((id + 9, 0), "pageload", (0, 1000 * ms)),
            edge((id + 1, 0), "request", (0, 10 + ms)),
            server((id + 2, id + 1), "GET /users/7", (5, 6 + ms)),
            query((id + 3, id + 2), (5, 6)),
            query((id + 4, id + 2), (6, 6 + ms)),
        ])
    };
    let mut runs = runs::Runs::new(&run(1, 0));
    (2..=5).for_each(|ms| runs.add(&run(ms, 100 * ms)));
    // Another request altogether.
    runs.add(&trace(vec![span((1, 0), "cron", (0, 500))]));
    let told: Vec<_> = runs
        .spreads()
        .into_iter()
        .map(|spread| spread.map(|of| (of.runs, of.low / MS, of.p50 / MS, of.p95 / MS, of.high / MS)))
        .collect();
    assert_eq!(told[0], None, "how long a page load takes is no measure");
    assert_eq!(told[1], Some((5, 11, 13, 15, 15)));
    assert_eq!(told[2], Some((5, 2, 4, 6, 6)));
    assert_eq!(told[3], Some((5, 1, 1, 1, 1)), "the first of two of one name");
    assert_eq!(told[4], Some((5, 1, 3, 5, 5)));
    assert_eq!(runs::Runs::new(&run(1, 0)).spreads(), [None; 5], "nothing is usual that was there once");
}

#[test]
fn a_run_without_the_browsers_half_is_a_run() {
    let requested = |parent: u64, ms: u64| vec![edge((5, parent), "request", (0, ms)), query((6, 5), (0, ms))];
    let load = [browser((1, 0), "pageload", (0, 900)), browser((2, 1), "browser.request", (0, 50))];
    let mut runs = runs::Runs::new(&trace([&load[..], &requested(2, 10)].concat()));
    // The span that the edge's hangs under never came.
    runs.add(&trace(requested(2, 20)));
    runs.add(&trace(requested(0, 30)));
    let told: Vec<_> = runs.spreads().into_iter().map(|spread| spread.map(|of| (of.runs, of.high / MS))).collect();
    assert_eq!(told, [None, None, Some((3, 30)), Some((3, 30))]);
}
