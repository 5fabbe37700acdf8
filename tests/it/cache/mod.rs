//! The cache in the whole pipeline, with a real origin: what traced and untraced visitors share, what spans and Logs tell,
//! and what purging and explaining answer.

mod binary;
mod crowd;
mod house;
mod large;
mod memory;
mod stage;
mod tiers;

use std::{cell::Cell, rc::Rc};

use waylight::{
    proxy::cache::Answers,
    rules::{
        cache::{How, Purge},
        session::SessionKind,
    },
    trace::record::SpanRecord,
};

use crate::support::edge::{Asked, HOST, Origin, Stage, attribute, on_worker};

const SITE: &str = r#"
[[site]]
hosts = ["*"]

[[site.route]]
path = "/plain"
upstream = "app"

[[site.route]]
path = "/*"
upstream = "app"
cache = { stale_while_revalidate = "1h" }

[upstream.app]
endpoints = ["http://@ORIGIN@"]
"#;

fn page(fields: &[(&str, &str)], body: &str) -> http::Response<String> {
    let mut builder = http::Response::builder().header("content-type", "text/html");
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(body.to_owned()).unwrap()
}

fn text(response: &http::Response<bytes::Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn word(response: &http::Response<bytes::Bytes>) -> String {
    response.headers().get("cache-status").map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

fn span<'s>(spans: &'s [SpanRecord], name: &str) -> &'s SpanRecord {
    spans.iter().find(|span| span.stage.name() == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

const HTML: &str = "<!doctype html><html><head><title>a</title></head><body>hello</body></html>";

#[test]
fn traced_and_untraced_visitors_share_one_clean_object() {
    on_worker(async {
        let origin = Origin::start(|asked: &Asked| {
            let cookie = asked.headers().get("cookie").map_or("", |cookie| cookie.to_str().unwrap());
            page(&[("cache-control", "max-age=60"), ("vary", "cookie"), ("x-saw", &format!("[{cookie}]"))], HTML)
        })
        .await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        let navigate = || {
            http::Request::get("/page?token=secret")
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-dest", "document")
        };
        let traced = stage.ask(navigate().header("cookie", format!("theme=dark; {cookie}"))).await;
        assert!(
            text(&traced).contains("<meta name=\"sentry-trace\"")
                || text(&traced).contains("<meta name=\"traceparent\"")
        );
        let spans = stage.spans();
        let lookup = span(&spans, "Cache lookup");
        assert_eq!(attribute(lookup, "cache.reason").as_deref(), Some("nothing-stored"));
        let store = span(&spans, "Cache store");
        assert_eq!(attribute(store, "cache.explanation").unwrap(), "stored, and fresh for 60 s by max-age");
        let plain = stage.ask(navigate().header("cookie", "theme=dark")).await;
        assert_eq!(text(&plain), HTML, "nothing of the traced visitor is in it");
        assert!(word(&plain).starts_with("waylight; hit"), "{}", word(&plain));
        assert_eq!(plain.headers()["x-saw"], "[theme=dark]");
        assert_eq!(origin.asked.borrow().len(), 1);
        let again = stage.ask(navigate().header("cookie", format!("{cookie}; theme=dark"))).await;
        assert!(word(&again).starts_with("waylight; hit"));
        assert_ne!(text(&again), text(&traced), "tags are put in for each request anew");
        let spans = stage.spans();
        let lookup = span(&spans, "Cache lookup");
        assert_eq!(lookup.links.len(), 1, "it names the trace that filled it");
        assert_eq!((lookup.links[0].trace_id, lookup.links[0].span_id), (store.trace_id, store.span_id));
        assert_eq!(attribute(lookup, "cache.tier").as_deref(), Some("memory"));
        assert_eq!(attribute(lookup, "cache.key").unwrap(), format!("http://{HOST}/page?token=REDACTED"));
    });
}

/// What the edge writes itself is in no key, and need not be: nobody else's word of it reaches the upstream.
#[test]
fn what_the_edge_writes_cannot_poison() {
    on_worker(async {
        let origin = Origin::start(|asked: &Asked| {
            let told: Vec<_> = asked.headers().iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            page(&[("cache-control", "max-age=60")], &told.join(" "))
        })
        .await;
        let stage = Stage::set(SITE, origin.address);
        for (number, (name, value)) in [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-port", "31337"),
            ("x-forwarded-proto", "evil"),
            ("x-forwarded-for", "203.0.113.66, evil"),
            ("x-real-ip", "203.0.113.66"),
            ("forwarded", "host=evil.example;proto=evil"),
            ("connection", "x-evil"),
            ("te", "evil"),
            ("proxy-authorization", "evil"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            let attack = stage.ask(http::Request::get(&path).header(name, value).header("x-evil", "1")).await;
            assert!(word(&attack).contains("fwd=uri-miss"), "{name}: {}", word(&attack));
            let victim = stage.ask(http::Request::get(&path)).await;
            assert!(word(&victim).starts_with("waylight; hit"), "{name}: {}", word(&victim));
            let told = text(&victim).replace("x-evil=\"1\"", "");
            for trace in ["evil", "31337", "203.0.113.66"] {
                assert!(!told.contains(trace), "{name}: {told}");
            }
        }
    });
}

#[test]
fn who_runs_a_page_without_cache_does_so_for_himself() {
    on_worker(async {
        let origin = Origin::start(|_: &Asked| page(&[("cache-control", "max-age=60")], "one")).await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.cookie_of(1, HOST, SessionKind::Fresh);
        let asked = || origin.asked.borrow().len();
        stage.ask(http::Request::get("/a")).await;
        stage.ask(http::Request::get("/a")).await;
        assert_eq!(asked(), 1);
        stage.ask(http::Request::get("/a").header("cookie", &cookie)).await;
        assert_eq!(asked(), 2);
        stage.ask(http::Request::get("/a")).await;
        assert_eq!(asked(), 2, "everybody else is answered from the cache");
        stage.listed();
        stage.ask(http::Request::get("/plain").header("cookie", &cookie)).await;
        let rows = stage.listed();
        let sets = rows[0].headers.as_deref().unwrap();
        let has = |set: &[(Box<str>, Box<str>)]| set.iter().any(|(name, _)| &**name == "cache-control");
        assert!(!has(&sets.received), "he did not send it: {sets:?}");
        assert!(has(&sets.forwarded), "{sets:?}");
    });
}

#[test]
fn the_logs_tell_what_the_cache_did_and_why() {
    on_worker(async {
        let origin = Origin::start(|asked: &Asked| {
            let said = if asked.uri().path() == "/shared" { "max-age=60" } else { "private" };
            page(&[("cache-control", said)], "one")
        })
        .await;
        let mut stage = Stage::set(SITE, origin.address);
        stage.ask(http::Request::get("/a")).await;
        stage.ask(http::Request::get("/a").header("x-original-url", "/admin")).await;
        stage.ask(http::Request::get("/plain")).await;
        stage.ask(http::Request::get("/shared")).await;
        stage.ask(http::Request::get("/shared")).await;
        let rows = stage.listed();
        let told: Vec<_> = rows.iter().map(|row| (&*row.cache.status, &*row.cache.reason)).collect();
        let miss = "nothing is stored under this key; the answer was not stored: the response says private";
        let bypass =
            "x-original-url may change the answer and is not part of the key, so the request passes the cache by";
        let stored = "nothing is stored under this key; the answer was stored, and fresh for 60 s by max-age";
        let hit = "the stored response is 0 s old and fresh for another 60 s; it is in memory";
        assert_eq!(told, [("miss", miss), ("bypass", bypass), ("", ""), ("miss", stored), ("hit", hit)]);
    });
}

#[test]
fn a_route_without_a_cache_is_as_before() {
    on_worker(async {
        let origin = Origin::start(|_: &Asked| page(&[("cache-control", "max-age=60")], "one")).await;
        let stage = Stage::set(SITE, origin.address);
        for _ in 0..2 {
            let plain = stage.ask(http::Request::get("/plain")).await;
            assert_eq!((word(&plain), text(&plain)), (String::new(), "one".to_owned()));
        }
        assert_eq!(origin.asked.borrow().len(), 2);
    });
}

#[test]
fn a_refresh_in_the_background_has_a_trace_of_its_own() {
    on_worker(async {
        let count = Rc::new(Cell::new(0));
        let origin = Origin::start(move |_: &Asked| {
            count.set(count.get() + 1);
            page(&[("cache-control", "max-age=0"), ("etag", "\"a\"")], if count.get() == 1 { "one" } else { "two" })
        })
        .await;
        let mut stage = Stage::set(SITE, origin.address);
        stage.ask(http::Request::get("/a")).await;
        let cookie = stage.session_cookie();
        let stale = stage.ask(http::Request::get("/a").header("cookie", cookie)).await;
        assert!(word(&stale).ends_with("detail=stale-while-revalidate"), "{}", word(&stale));
        // Behind the tags of a traced page.
        assert!(text(&stale).ends_with("one"), "{}", text(&stale));
        let mut spans = Vec::new();
        while !spans.iter().any(|span: &SpanRecord| span.stage.name() == "Revalidate") {
            tokio::task::yield_now().await;
            spans.extend(stage.spans());
        }
        let revalidate = span(&spans, "Revalidate");
        let lookup = span(&spans, "Cache lookup");
        assert_ne!(revalidate.trace_id, lookup.trace_id);
        let root =
            spans.iter().find(|span| span.trace_id == revalidate.trace_id && span.stage.name() == "HTTP").unwrap();
        assert_eq!(root.links[0].trace_id, lookup.trace_id);
        assert_eq!(root.name.as_deref(), Some("Refresh /*"));
        let next = stage.ask(http::Request::get("/a")).await;
        assert_eq!(text(&next), "two");
    });
}

#[test]
fn the_cache_explains_a_url_and_forgets_it() {
    on_worker(async {
        let origin = Origin::start(|asked: &Asked| {
            let control = if asked.uri().path() == "/b" { "no-store" } else { "max-age=60" };
            page(&[("cache-control", control), ("vary", "accept-encoding")], "one")
        })
        .await;
        let stage = Stage::set(SITE, origin.address);
        stage.ask(http::Request::get("/a")).await;
        stage.ask(http::Request::get("/b")).await;
        let cache = &stage.services.cache;
        let url = format!("http://{HOST}/a");
        let explained = cache.explain(&url, &http::HeaderMap::new());
        assert_eq!(explained.stored.len(), 1);
        assert_eq!((explained.stored[0].answers, explained.stored[0].verdict.word()), (Answers::Yes, "fresh"));
        assert_eq!(explained.stored[0].variant, ["accept-encoding:"]);
        let gzip = http::HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, "gzip".parse().unwrap())]);
        let other = cache.explain(&url, &gzip);
        assert_eq!(
            other.stored[0].verdict.to_string(),
            "what is stored was answered to another value of accept-encoding"
        );
        let refused = cache.explain(&format!("http://{HOST}/b"), &gzip).refused.unwrap().0;
        assert_eq!(refused.to_string(), "the response says no-store");
        assert_eq!(cache.purge(&Purge::Url(url.clone()), How::Hard), 1);
        assert!(cache.explain(&url, &gzip).stored.is_empty());
    });
}

#[test]
fn a_wait_for_another_requests_answer_is_a_span_of_its_own() {
    on_worker(async {
        let origin = Origin::start(|_: &Asked| page(&[("cache-control", "max-age=60")], HTML)).await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        let ask = || stage.ask(http::Request::get("/page").header("cookie", &cookie));
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!(origin.asked.borrow().len(), 1);
        assert!(word(&second).contains("; collapsed"), "{} {}", word(&first), word(&second));
        let spans = stage.spans();
        let wait = span(&spans, "Wait for another request");
        let root = spans.iter().find(|span| span.span_id == wait.parent).unwrap();
        assert_eq!((root.stage.name(), root.trace_id), ("HTTP", wait.trace_id));
        assert!(root.start <= wait.start && wait.end <= root.end);
        let (filler, told) = (span(&spans, "Cache store"), &wait.links[0]);
        assert_eq!((told.trace_id, told.span_id), (filler.trace_id, filler.span_id), "it names whose answer it took");
    });
}
