//! Tags in pages, through the whole stack: what they name, and what stands around them.

use http::Request;
use waylight::trace::stage::Stage as Span;

use crate::support::edge::{Origin, Stage, attribute, on_worker};

const SITE: &str = r#"
[sentry]
dsn = "https://public@o42.ingest.sentry.io/7"
[[site]]
hosts = ["shop.test"]
[[site.route]]
path = "/pages/:name"
upstream = "app"
[[site.route]]
path = "/small/*"
upstream = "app"
middleware = ["small"]
[[site.route]]
path = "/off/*"
upstream = "app"
inject = "off"
[[site.route]]
path = "/gone"
upstream = "gone"
[middleware.small]
type = "compress"
bytes_min = 0
[upstream.app]
endpoints = ["http://@ORIGIN@"]
[upstream.gone]
endpoints = ["http://127.0.0.1:1"]
"#;

const PAGE: &str = "<!doctype html><html><head><title>a</title></head><body>text</body></html>";

async fn origin() -> Origin {
    Origin::start(|_| {
        let response =
            http::Response::builder().header("content-type", "text/html; charset=utf-8").header("etag", "\"a\"");
        response.body(PAGE.to_owned()).unwrap()
    })
    .await
}

fn navigation(path: &str) -> http::request::Builder {
    Request::get(path).header("sec-fetch-dest", "document")
}

fn content<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    page.split(&format!("<meta name=\"{name}\" content=\"")).nth(1)?.split('"').next()
}

#[test]
fn a_traced_page_names_the_edges_span() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let asked = navigation("/pages/a").header("cookie", stage.session_cookie()).header("if-none-match", "\"a\"");
        let response = stage.ask(asked).await;
        let page = String::from_utf8(response.body().to_vec()).unwrap();
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        let inject = spans.iter().find(|span| span.stage == Span::Inject).unwrap();
        assert_eq!(content(&page, "sentry-trace"), Some(&*format!("{}-{}-1", root.trace_id, root.span_id)));
        assert_eq!(content(&page, "traceparent"), Some(&*format!("00-{}-{}-03", root.trace_id, root.span_id)));
        let baggage = content(&page, "baggage").unwrap();
        for member in
            ["sentry-sampled=true", "sentry-public_key=public", "sentry-org_id=42", &format!("{}", root.trace_id)]
        {
            assert!(baggage.contains(member), "{baggage}");
        }
        assert!(baggage.split(',').all(|member| member.starts_with("sentry-")), "{baggage}");
        let tags = page.len() - PAGE.len();
        assert_eq!(page.replace(&page[27..27 + tags], ""), PAGE, "nothing else changed");
        assert_eq!(attribute(inject, "waylight.inject.bytes"), Some(tags.to_string()));
        assert_eq!(inject.parent, root.span_id);
        assert!(inject.start >= root.start && inject.end <= root.end);
        assert_eq!(response.headers()["cache-control"], "private, no-cache");
        assert_eq!(response.headers().get("etag"), None);
        assert_eq!(origin.last().headers().get("if-none-match"), None);
    });
}

#[test]
fn what_need_not_be_edited_stays() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        for asked in [
            navigation("/pages/a"),
            navigation("/off/a").header("cookie", &cookie),
            Request::get("/pages/a").header("sec-fetch-dest", "empty").header("cookie", &cookie),
        ] {
            let response = stage.ask(asked.header("if-none-match", "\"a\"")).await;
            assert_eq!(response.body(), PAGE);
            assert_eq!(response.headers()["etag"], "\"a\"");
            assert_eq!(response.headers()["content-length"], PAGE.len().to_string());
            assert_eq!(origin.last().headers()["if-none-match"], "\"a\"");
            assert!(stage.spans().iter().all(|span| span.stage != Span::Inject));
        }
    });
}

#[test]
fn a_file_that_does_not_say_whose_it_is_tells_its_own_trace_to_its_browser_alone() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        let file = || Request::get("/off/a.png").header("sec-fetch-dest", "image");
        let response = stage.ask(file().header("cookie", &cookie)).await;
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        let told = format!("edge;desc=\"{}-{}\"", root.trace_id, root.span_id);
        assert_eq!(response.headers()["server-timing"], told.as_str());
        assert_eq!(
            (&response.headers()["cache-control"], &response.headers()["etag"]),
            (&"private".parse().unwrap(), &"\"a\"".parse().unwrap())
        );
        // What says itself where it belongs is told nothing, nor is a script's request or anybody else's.
        let context = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
        for other in [
            file().header("cookie", &cookie).header("traceparent", context),
            Request::get("/off/a").header("sec-fetch-dest", "empty").header("cookie", &cookie),
            file(),
        ] {
            let response = stage.ask(other).await;
            assert!(
                !response.headers().contains_key("server-timing") && !response.headers().contains_key("cache-control")
            );
        }
    });
}

#[test]
fn compression_stands_outside() {
    on_worker(async {
        let origin = origin().await;
        let stage = Stage::set(SITE, origin.address);
        let asked = navigation("/small/a").header("cookie", stage.session_cookie()).header("accept-encoding", "zstd");
        let response = stage.ask(asked).await;
        assert_eq!(response.headers()["content-encoding"], "zstd");
        let page = zstd::decode_all(&response.body()[..]).unwrap();
        assert!(content(&String::from_utf8(page).unwrap(), "sentry-trace").is_some());
    });
}

#[test]
fn our_own_error_pages_are_pages() {
    on_worker(async {
        let origin = origin().await;
        let stage = Stage::set(SITE, origin.address);
        let asked = navigation("/gone").header("accept", "text/html").header("cookie", stage.session_cookie());
        let response = stage.ask(asked).await;
        assert_eq!(response.status(), 502);
        let page = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(content(&page, "sentry-trace").is_some(), "{page}");
    });
}

#[test]
fn so_are_those_of_requests_that_no_route_takes() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        let asked = navigation("/nowhere").header("accept", "text/html").header("cookie", &cookie);
        let response = stage.ask(asked).await;
        assert_eq!(response.status(), 404);
        let page = String::from_utf8(response.body().to_vec()).unwrap();
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        assert_eq!(content(&page, "sentry-trace"), Some(&*format!("{}-{}-1", root.trace_id, root.span_id)), "{page}");
        assert_eq!(response.headers()["cache-control"], "private, no-cache, no-store");
        assert!(page.contains("src=\"/_waylight/toolbar.js\""), "who is signed in has the toolbar here, too: {page}");

        let untraced = stage.ask(navigation("/nowhere").header("accept", "text/html")).await;
        let page = str::from_utf8(untraced.body()).unwrap();
        assert!(content(page, "sentry-trace").is_none() && !page.contains("toolbar.js"), "{page}");
        let asked = Request::get("/nowhere").header("accept", "application/json").header("cookie", &cookie);
        let program = stage.ask(asked).await;
        assert_eq!(program.headers()["content-type"], "application/problem+json");
        assert_eq!(program.headers()["cache-control"], "no-store");

        let silent = SITE.replace("hosts = [\"shop.test\"]", "hosts = [\"shop.test\"]\ninject = \"off\"");
        let stage = Stage::set(&silent, origin.address);
        let asked = navigation("/nowhere").header("accept", "text/html").header("cookie", stage.session_cookie());
        let page = String::from_utf8(stage.ask(asked).await.body().to_vec()).unwrap();
        assert!(content(&page, "sentry-trace").is_none() && !page.contains("toolbar.js"), "{page}");
    });
}
