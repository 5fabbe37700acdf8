//! Every request leaves a record of what happened to it; nothing secret is in it.

use waylight::trace::{requests::row::Moment, stage::Stage as SpanStage};

use crate::support::edge::{HOST, Origin, Stage, attribute, on_worker};

const SITE: &str = crate::support::shop!(
    r#"
[[site.route]]
path = "/fixed"
respond = { status = 200, body = "hello" }
[[site.route]]
path = "/tail/:slug"
upstream = "app"
tail = true
[requests]
keep = ["status>=500"]
keep_spans_per_minute_max = 40
[trace]
redact_headers = ["x-customer"]
"#
);

async fn stage() -> Stage {
    let origin = Origin::start(|asked| {
        let status = if asked.uri().path().ends_with("broken") { 500 } else { 200 };
        let response = http::Response::builder().header("set-cookie", "app=secret-1").header("x-app", "yes");
        response.status(status).body(String::from("a lamp")).unwrap()
    })
    .await;
    Stage::set(SITE, origin.address)
}

#[test]
fn an_untraced_request_is_listed() {
    on_worker(async {
        let mut stage = stage().await;
        let request = http::Request::get("/products/lamp?q=1&token=secret-2")
            .header("cookie", "a=secret-3")
            .header("user-agent", "test")
            .header("sec-fetch-dest", "document");
        stage.ask(request).await;
        let rows = stage.listed();
        let [row] = &*rows else { panic!("{rows:?}") };
        assert_eq!((&*row.method, row.scheme, &*row.host, row.version), ("GET", "http", HOST, "1.1"));
        assert_eq!((&*row.path, &*row.query), ("/products/lamp", "q=1&token=REDACTED"));
        assert_eq!((row.status, row.bytes, &*row.route, &*row.upstream), (200, 6, "/products/:slug", "app"));
        assert_eq!((&*row.client, &*row.destination, &*row.error), ("192.0.2.1", "document", ""));
        let moments: Vec<_> = row.moments.iter().map(|(moment, _)| *moment).collect();
        assert_eq!(moments, [Moment::Routed, Moment::Chosen, Moment::Connected, Moment::Sent, Moment::FirstByte]);
        assert!(row.moments.is_sorted_by_key(|(_, at)| *at) && row.duration >= row.first_byte.unwrap());
        assert_eq!((row.trace, &*row.trigger, &row.headers), (None, "", &None));
        assert!(!format!("{row:?}").contains("secret"));
    });
}

#[test]
fn errors_are_listed_with_their_cause() {
    on_worker(async {
        let mut stage = stage().await;
        stage.ask(http::Request::get("/nowhere")).await;
        stage.ask(http::Request::get("/fixed").header("host", "other.test")).await;
        let seen: Vec<_> = stage.listed().iter().map(|row| (row.status, row.error.to_string())).collect();
        assert_eq!(seen[0].0, 404);
        assert_eq!(seen[1], (421, "destination_not_found".to_owned()));
    });
}

#[test]
fn a_traced_request_has_its_header_sets() {
    on_worker(async {
        let mut stage = stage().await;
        let cookie = stage.session_cookie();
        let request = http::Request::get("/products/lamp")
            .header("cookie", format!("a=secret-1; {cookie}"))
            .header("authorization", "Bearer secret-2")
            .header("x-customer", "secret-3")
            .header("referer", "https://shop.test/?code=secret-4");
        stage.ask(request).await;
        let spans = stage.spans();
        let rows = stage.listed();
        let [row] = &*rows else { panic!("{rows:?}") };
        assert_eq!((row.trace, &*row.trigger), (Some(spans[0].trace_id), "session"));
        assert_eq!(&*row.person, "ada");
        assert!(row.session.is_some() && row.identity.is_some());
        let sets = row.headers.as_deref().unwrap();
        let value = |set: &[(Box<str>, Box<str>)], name: &str| {
            set.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.to_string())
        };
        assert_eq!(value(&sets.received, "authorization").as_deref(), Some("REDACTED"));
        assert_eq!(value(&sets.received, "referer").as_deref(), Some("https://shop.test/?code=REDACTED"));
        assert!(value(&sets.forwarded, "traceparent").is_some());
        assert_eq!(value(&sets.forwarded, "x-request-id"), Some(format!("{:032x}", row.id)));
        assert_eq!(value(&sets.upstream, "x-app").as_deref(), Some("yes"));
        assert_eq!(value(&sets.sent, "set-cookie").as_deref(), Some("REDACTED"));
        let all = format!("{row:?}");
        assert!(!all.contains("secret") && !all.contains(cookie.split_once('=').unwrap().1), "{all}");
    });
}

#[test]
fn our_own_pages_are_not_listed_and_what_looks_like_a_token_is_not_kept() {
    on_worker(async {
        let mut stage = stage().await;
        let cookie = stage.session_cookie();
        // Nobody answers at the door of this test, so the client goes away.
        let request = http::Request::get("/_waylight/").header("host", HOST).header("cookie", cookie);
        let request = Box::new(request.body(waylight::body::Body::empty()).unwrap());
        let answer = stage.edge.answer(&stage.conn(), request);
        tokio::time::timeout(std::time::Duration::from_millis(20), answer).await.unwrap_err();
        assert_eq!(stage.listed(), []);
        stage.ask(http::Request::get("/_waylight/in/abcdef?link=abcdef")).await;
        let rows = stage.listed();
        assert_eq!((&*rows[0].path, &*rows[0].query), ("/_waylight/", ""));
    });
}

#[test]
fn what_looks_like_a_token_of_ours_is_in_no_span() {
    on_worker(async {
        let origin = Origin::start(|_| http::Response::new(String::from("a lamp"))).await;
        let mut stage = Stage::set(&format!("{SITE}ratio = 1.0\n"), origin.address);
        stage.ask(http::Request::get("/products/_?a=b&token=abcdef")).await;
        stage.ask(http::Request::get("/_waylight/api/v1/shared/abcdef")).await;
        let spans = stage.spans();
        assert!(spans.iter().any(|span| attribute(span, "url.path").as_deref() == Some("/_waylight/")), "{spans:?}");
        assert!(!format!("{spans:?}").contains("abcdef"), "{spans:?}");
    });
}

#[test]
fn tail_mode_keeps_what_a_rule_holds_for() {
    on_worker(async {
        let mut stage = stage().await;
        stage.ask(http::Request::get("/tail/good")).await;
        assert_eq!(stage.spans().len(), 0);
        stage.ask(http::Request::get("/tail/broken")).await;
        let spans = stage.spans();
        assert!(spans.iter().any(|span| span.stage == SpanStage::UpstreamRequest), "in full: {spans:?}");
        let rows = stage.listed();
        let seen: Vec<_> = rows.iter().map(|row| (row.trace, &*row.trigger, row.headers.is_some())).collect();
        assert_eq!(seen, [(None, "", false), (Some(spans[0].trace_id), "tail", true)]);
        assert_eq!((stage.counters.requests_kept.value(), stage.counters.requests_not_kept.value()), (1, 1));
    });
}

#[test]
fn tail_mode_has_a_budget_that_only_what_is_kept_spends() {
    on_worker(async {
        let stage = stage().await;
        for _ in 0..40 {
            stage.ask(http::Request::get("/tail/good")).await;
        }
        assert_eq!(stage.counters.traces_refused_budget.value(), 0);
        for _ in 0..40 {
            stage.ask(http::Request::get("/tail/broken")).await;
        }
        let kept = stage.counters.requests_kept.value();
        assert!((2..40).contains(&kept), "{kept}");
        assert_eq!(stage.counters.traces_refused_budget.value(), 40 - kept);
    });
}
