//! From host and path to an answer, through the whole stack: sites, routes, middleware, redirects, fixed answers.

use std::io::Read as _;

use bytes::Bytes;
use http::{Request, Response};
use waylight::trace::stage::Stage as Span;

use crate::support::edge::{Origin, Stage, attribute, on_worker};

const SITES: &str = r#"
[[site]]
hosts = ["shop.test"]
middleware = ["small"]
[[site.route]]
path = "/products/:slug"
methods = ["GET"]
upstream = "app"
[[site.route]]
name = "beta"
path = "/products/:slug"
methods = ["GET"]
headers = { x-beta = true }
upstream = "app"
middleware = ["mark"]
[[site.route]]
path = "/api/*"
upstream = "app"
middleware = ["below", "shared"]
[[site.route]]
path = "/old/*rest"
redirect = { to = "/new/{rest}?{query}", status = 308 }
[[site.route]]
path = "/ping"
respond = { status = 203, body = "pong", headers = { x-a = ["1", "2"] } }
[[site]]
hosts = ["*.shop.test"]
[[site.route]]
path = "/*"
respond = { body = "below" }
[middleware.small]
type = "compress"
bytes_min = 10
[middleware.mark]
type = "headers"
request_set = { x-edge = "beta" }
response_set = { x-frame-options = "DENY" }
[middleware.below]
type = "rewrite"
strip_prefix = "/api"
[middleware.shared]
type = "cors"
origins = ["https://app.test"]
[upstream.app]
endpoints = ["http://@ORIGIN@"]
"#;

const PAGE: &str = "<!doctype html><html><head><title>t</title></head><body>lamps, lamps, lamps, lamps</body></html>";

async fn origin() -> Origin {
    Origin::start(|_| {
        Response::builder().header("content-type", "text/html").header("etag", "\"1\"").body(PAGE.to_owned()).unwrap()
    })
    .await
}

fn header<'r>(response: &'r Response<Bytes>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn gunzip(octets: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(octets).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_host_chooses_the_site_and_the_request_its_route() {
    on_worker(async {
        let origin = origin().await;
        let stage = Stage::set(SITES, origin.address);
        let plain = stage.ask(Request::get("/products/lamp")).await;
        assert_eq!((header(&plain, "x-frame-options"), &**plain.body()), (None, PAGE.as_bytes()));
        let beta = Request::get("/products/lamp").header("x-beta", "").header("connection", "x-edge");
        let beta = stage.ask(beta).await;
        assert_eq!(header(&beta, "x-frame-options"), Some("DENY"));
        assert_eq!(origin.last().headers()["x-edge"], "beta");
        let below = stage.ask(Request::get("/anything").header("host", "eu.shop.test:8080")).await;
        assert_eq!(below.body(), "below");
        let ping = stage.ask(Request::get("/ping")).await;
        assert_eq!((ping.status().as_u16(), &**ping.body()), (203, &b"pong"[..]));
        assert_eq!(ping.headers().get_all("x-a").iter().count(), 2);
        assert_eq!(header(&ping, "content-type"), Some("text/plain; charset=utf-8"));
    });
}

#[test]
fn what_no_route_takes_says_so() {
    on_worker(async {
        let origin = origin().await;
        let stage = Stage::set(SITES, origin.address);
        for (request, status) in [
            (Request::get("/nowhere"), 404),
            (Request::post("/products/lamp"), 405),
            (Request::get("/../products/lamp"), 400),
            (Request::get("/").header("host", "other.test"), 421),
        ] {
            assert_eq!(stage.ask(request).await.status().as_u16(), status);
        }
        let refused = stage.ask(Request::post("/products/lamp")).await;
        assert_eq!(header(&refused, "allow"), Some("GET, HEAD"));
        assert!(origin.asked.borrow().is_empty());
    });
}

#[test]
fn a_redirect_leads_where_the_configuration_says() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITES, origin.address);
        for (path, location) in [("/old/a%20b/c?q=1", "/new/a%20b/c?q=1"), ("/old/%2Fevil.com", "/new//evil.com")] {
            let response = stage.ask(Request::get(path)).await;
            assert_eq!((response.status().as_u16(), header(&response, "location")), (308, Some(location)));
        }
        let response = stage.ask(Request::get("/old/a?token=b").header("cookie", stage.session_cookie())).await;
        assert_eq!(header(&response, "location"), Some("/new/a?token=b"));
        let told: Vec<_> = stage.spans().iter().filter_map(|span| attribute(span, "waylight.redirect.to")).collect();
        assert_eq!(told, ["/new/a?token=REDACTED"], "where a trace is read, the token is not");
        assert!(origin.asked.borrow().is_empty());
    });
}

#[test]
fn paths_are_rewritten_and_resolved_before_the_upstream() {
    on_worker(async {
        let origin = origin().await;
        let stage = Stage::set(SITES, origin.address);
        for (path, seen) in [("/api/v1/x%2Fy?q=%20", "/v1/x%2Fy?q=%20"), ("/a/../api/./v1/", "/v1/"), ("/api", "/")] {
            let response = stage.ask(Request::get(path).header("origin", "https://app.test")).await;
            assert_eq!(header(&response, "access-control-allow-origin"), Some("https://app.test"));
            assert_eq!(origin.last().uri(), seen, "{path}");
        }
    });
}

#[test]
fn a_traced_page_is_compressed_after_it_was_given_its_tags() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITES, origin.address);
        let request = Request::get("/products/lamp")
            .header("cookie", stage.session_cookie())
            .header("accept", "text/html")
            .header("x-beta", "1")
            .header("accept-encoding", "gzip");
        let response = stage.ask(request).await;
        assert_eq!(header(&response, "content-encoding"), Some("gzip"));
        let page = gunzip(response.body());
        assert!(page.contains("<meta name=\"sentry-trace\"") && page.ends_with("</html>"), "{page}");
        let spans = stage.spans();
        let find = |stage| spans.iter().find(|span| span.stage == stage).unwrap();
        let (root, mark) = (find(Span::Request), find(Span::Middleware("headers")));
        assert_eq!(find(Span::Middleware("compress")).parent, root.span_id);
        assert_eq!(attribute(mark, "waylight.middleware.name").as_deref(), Some("mark"));
        assert_eq!(find(Span::UpstreamRequest).parent, mark.span_id);
        let missed = attribute(find(Span::Route), "waylight.route.missed").unwrap();
        assert!(missed.contains("/products/:slug: outranked") && missed.contains("/ping: path"), "{missed}");
    });
}

#[test]
fn an_untraced_page_is_compressed_as_it_is() {
    on_worker(async {
        let origin = origin().await;
        let stage = Stage::set(SITES, origin.address);
        let response = stage.ask(Request::get("/products/lamp").header("accept-encoding", "gzip")).await;
        assert_eq!((header(&response, "etag"), header(&response, "vary")), (Some("W/\"1\""), Some("accept-encoding")));
        assert_eq!(gunzip(response.body()), PAGE);
        assert_eq!(header(&response, "content-length"), None);
    });
}
