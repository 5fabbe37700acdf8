//! Which requests are traced, what is recorded of them, and what of it nobody else sees.

use std::rc::Rc;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use opentelemetry::trace::SpanId;
use waylight::{
    body::Body,
    clock,
    config::model::Scheme,
    proxy::context::{Conn, Handshake},
    rules::session::force::Target,
    trace::stage::Stage as Span,
};

use crate::support::edge::{HOST, Origin, SIGN_IN, Stage, attribute, on_worker};

const SITE: &str = crate::support::shop!(
    r#"
[[site.route]]
path = "/checked"
upstream = "app"
trace = { ratio = 1.0, spans_per_minute_max = 100 }
[[site.route]]
path = "/closed"
upstream = "app"
propagation = "reject"
"#
);

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn origin() -> Origin {
    Origin::start(|_| http::Response::new(String::from("hello"))).await
}

fn header<'a>(asked: &'a Request<bytes::Bytes>, name: &str) -> Option<&'a str> {
    asked.headers().get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn a_request_without_a_session_is_not_traced() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let response = stage.ask(Request::get("/products/lamp").header("traceparent", PARENT)).await;
        assert_eq!(response.body(), "hello");
        assert!(stage.spans().is_empty());
        assert_eq!(header(&origin.last(), "traceparent"), Some(PARENT), "passed on untouched");
    });
}

#[test]
fn a_session_is_traced_from_route_to_upstream() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        stage.ask(Request::get("/products/lamp?token=abc").header("cookie", stage.session_cookie())).await;
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        assert_eq!(root.name.as_deref(), Some("GET /products/:slug"));
        assert_eq!(root.parent, SpanId::INVALID);
        for (key, value) in [
            ("http.request.method", "GET"),
            ("http.route", "/products/:slug"),
            ("url.path", "/products/lamp"),
            ("http.response.status_code", "200"),
            ("http.response.body.size", "5"),
            ("client.address", "192.0.2.1"),
            ("waylight.trigger", "session"),
            ("waylight.upstream", "app"),
        ] {
            assert_eq!(attribute(root, key).as_deref(), Some(value), "{key}");
        }
        assert!(!attribute(root, "url.query").unwrap().contains("abc"), "a token is hidden");
        for stage in [Span::Route, Span::UpstreamRequest] {
            let span = spans.iter().find(|span| span.stage == stage).unwrap();
            assert_eq!(span.parent, root.span_id, "{stage:?}");
            assert!(span.start >= root.start && span.end <= root.end, "{stage:?} is nested");
        }
        let client = spans.iter().find(|span| span.stage == Span::UpstreamRequest).unwrap();
        let connect = spans.iter().find(|span| span.stage == Span::UpstreamConnect).unwrap();
        let wait = spans.iter().find(|span| span.stage == Span::UpstreamWait).unwrap();
        assert_eq!((connect.parent, wait.parent), (wait.span_id, client.span_id));
        let expected = format!("00-{}-{}-", root.trace_id, client.span_id);
        assert!(header(&origin.last(), "traceparent").unwrap().starts_with(&expected));
    });
}

#[test]
fn requests_of_one_connection_tell_what_each_of_them_said() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let conn = stage.conn();
        let long = "x".repeat(300);
        for (path, agent, trigger) in [
            ("/products/lamp", Some("one"), "session"),
            ("/products/lamp", Some("one"), "session"),
            ("/products/lamp", Some("two"), "session"),
            ("/checked", Some("two"), "route"),
            ("/checked", Some(&long), "route"),
            ("/checked", None, "route"),
        ] {
            let mut request = Request::get(path).header("host", HOST);
            if trigger == "session" {
                request = request.header("cookie", stage.session_cookie());
            }
            if let Some(agent) = agent {
                request = request.header("user-agent", agent);
            }
            let response = stage.edge.answer(&conn, Box::new(request.body(Body::empty()).unwrap())).await;
            response.into_body().collect().await.unwrap();
            let spans = stage.spans();
            let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
            let told = ["user_agent.original", "waylight.trigger", "server.address"].map(|key| attribute(root, key));
            let agent = agent.map(|agent| agent[..agent.len().min(256)].to_owned());
            assert_eq!(told, [agent, Some(trigger.to_owned()), Some(HOST.to_owned())], "{path}");
            let client = spans.iter().find(|span| span.stage == Span::UpstreamRequest).unwrap();
            assert_eq!(attribute(client, "server.port"), Some(origin.address.port().to_string()));
            assert_eq!(attribute(client, "network.peer.port"), attribute(client, "server.port"));
        }
    });
}

#[test]
fn a_traced_request_has_one_name_and_one_context_at_the_upstream() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let request = Request::get("/products/lamp")
            .header("cookie", stage.session_cookie())
            .header("x-request-id", "mine")
            .header("x-request-id", "mine too")
            .header("traceparent", PARENT)
            .header("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1");
        stage.ask(request).await;
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        let client = spans.iter().find(|span| span.stage == Span::UpstreamRequest).unwrap();
        let asked = origin.last();
        let all = |name: &str| {
            asked.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(all("x-request-id"), [attribute(root, "waylight.request_id").unwrap()]);
        let [parent] = &*all("traceparent") else { panic!("{asked:?}") };
        assert!(parent.contains(&client.span_id.to_string()), "{parent}");
        let [sentry] = &*all("sentry-trace") else { panic!("{asked:?}") };
        assert!(sentry.contains(&client.span_id.to_string()), "{sentry}");
    });
}

#[test]
fn the_first_request_of_a_connection_tells_of_its_handshake() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::on(Scheme::Https, SITE, origin.address);
        let (start, server_name) = (clock::now(), Some(HOST.into()));
        let (version, cipher) = ("1.3", "TLS_AES_128_GCM_SHA256");
        let handshake = Handshake { start, end: clock::now(), version, cipher, server_name, resumed: false };
        let (peer, local) = (([192, 0, 2, 1], 40_000).into(), ([127, 0, 0, 1], 8443).into());
        let conn = Rc::new(Conn::new(peer, local, Scheme::Https, start, Some(handshake)));
        for number in [1, 2] {
            conn.requests.set(number);
            let request = Request::get("/products/lamp").header("host", HOST).header("cookie", stage.session_cookie());
            let response = stage.edge.answer(&conn, Box::new(request.body(Body::empty()).unwrap())).await;
            response.into_body().collect().await.unwrap();
            let spans = stage.spans();
            let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
            for (key, value) in [
                ("server.port", "8443"),
                ("client.address", "192.0.2.1"),
                ("network.peer.port", "40000"),
                ("network.protocol.version", "1.1"),
                ("tls.protocol.version", version),
                ("tls.cipher", cipher),
                ("tls.resumed", "false"),
            ] {
                assert_eq!(attribute(root, key).as_deref(), Some(value), "{key}");
            }
            let handshake = spans.iter().find(|span| span.stage == Span::TlsHandshake);
            assert_eq!(handshake.is_some(), number == 1, "a later request did not wait for it");
            if let Some(span) = handshake {
                assert_eq!(attribute(span, "tls.client.server_name").as_deref(), Some(HOST));
                assert_eq!(span.parent, root.span_id);
                assert!(span.start >= root.start && span.end <= root.end);
            }
        }
    });
}

#[test]
fn what_is_ours_never_reaches_the_upstream() {
    on_worker(async {
        let origin = origin().await;
        let stage = Stage::set(SITE, origin.address);
        let cookies = format!("a=1; {}; b=2", stage.session_cookie());
        stage.ask(Request::get("/products/lamp").header("cookie", cookies).header("waylight-trace", "forged")).await;
        assert_eq!(header(&origin.last(), "cookie"), Some("a=1; b=2"));
        assert_eq!(header(&origin.last(), "waylight-trace"), None);
    });
}

#[test]
fn nobody_turns_tracing_on_for_himself() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let valid = stage.session_cookie();
        let elsewhere = stage.cookie(1, "other.test");
        // A signature may end in an A by itself.
        let other = if valid.ends_with('A') { 'B' } else { 'A' };
        let forged = format!("{}{other}", &valid[..valid.len() - 1]);
        for cookie in [forged, elsewhere, format!("{valid}; {valid}"), valid.replace("waylight=", "__Host-waylight=")] {
            stage.ask(Request::get("/products/lamp").header("cookie", &cookie)).await;
            assert!(stage.spans().is_empty(), "{cookie}");
        }
    });
}

#[test]
fn on_https_only_the_host_cookie_counts() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::on(Scheme::Https, SITE, origin.address);
        let cookie = stage.session_cookie();
        assert!(cookie.starts_with("__Host-waylight="));
        stage.ask(Request::get("/products/lamp").header("cookie", cookie.replace("__Host-", ""))).await;
        assert!(stage.spans().is_empty());
        stage.ask(Request::get("/products/lamp").header("cookie", cookie)).await;
        assert!(!stage.spans().is_empty());
    });
}

#[test]
fn a_revoked_session_is_not_traced() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        stage.ask(Request::get("/products/lamp").header("cookie", &cookie)).await;
        let spans = stage.spans();
        let session = attribute(spans.iter().find(|span| span.stage == Span::Request).unwrap(), "session.id").unwrap();
        let session = waylight::rules::session::Id::parse(&session).unwrap();
        stage.services.sessions.revoke(session, u64::MAX, 0).unwrap();
        stage.ask(Request::get("/products/lamp").header("cookie", &cookie)).await;
        assert!(stage.spans().is_empty());
    });
}

#[test]
fn a_page_of_the_session_continues_its_trace_and_another_session_does_not() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let (ada, bob) = (stage.cookie(1, HOST), stage.cookie(2, HOST));
        stage.ask(Request::get("/products/lamp").header("cookie", &ada).header("traceparent", PARENT)).await;
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        assert_eq!(root.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(root.parent.to_string(), "b7ad6b7169203331");
        stage.ask(Request::get("/products/lamp").header("cookie", &bob).header("traceparent", PARENT)).await;
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        assert_ne!(root.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(root.links[0].trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    });
}

#[test]
fn a_route_that_rejects_context_neither_continues_nor_passes_it_on() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        stage.ask(Request::get("/closed").header("traceparent", PARENT).header("baggage", "a=1")).await;
        assert_eq!(header(&origin.last(), "traceparent"), None);
        assert_eq!(header(&origin.last(), "baggage"), None);
        let cookie = stage.session_cookie();
        stage.ask(Request::get("/closed").header("traceparent", PARENT).header("cookie", cookie)).await;
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        assert_ne!(root.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(root.links.is_empty());
    });
}

#[test]
fn a_route_s_own_rule_traces_anybody_within_its_budget() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        stage.ask(Request::get("/checked")).await;
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        assert_eq!(attribute(root, "waylight.trigger").as_deref(), Some("route"));
        let route = spans.iter().find(|span| span.stage == Span::Route).unwrap();
        assert_eq!(route.parent, root.span_id);
        for _ in 0..60 {
            stage.ask(Request::get("/checked")).await;
        }
        assert!(stage.spans().len() <= 108, "a budget of a hundred, and what one request may overdraw");
        assert!(stage.counters.traces_refused_budget.value() > 0);
    });
}

#[test]
fn a_client_that_goes_away_ends_its_trace_once() {
    on_worker(async {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stage = Stage::set(SITE, silent.local_addr().unwrap());
        let request = Request::get("/products/lamp").header("host", HOST).header("cookie", stage.session_cookie());
        let request = Box::new(request.body(Body::empty()).unwrap());
        let answer = stage.edge.answer(&stage.conn(), request);
        let (accepted, ()) = tokio::join!(silent.accept(), async {
            // The request is on its way when its client goes.
            let answer = tokio::task::spawn_local(answer);
            while stage.counters.upstream_connections_opened.value() == 0 {
                tokio::task::yield_now().await;
            }
            answer.abort();
            assert!(answer.await.unwrap_err().is_cancelled());
        });
        drop(accepted);
        while stage.counters.requests_active.value() > 0 {
            tokio::task::yield_now().await;
        }
        let spans = stage.spans();
        let roots: Vec<_> = spans.iter().filter(|span| span.stage == Span::Request).collect();
        assert_eq!(roots.len(), 1);
        assert_eq!(attribute(roots[0], "error.type").as_deref(), Some("client_disconnected"));
        assert_eq!(stage.counters.requests_aborted.value(), 1);
    });
}

#[test]
fn an_upstream_that_refuses_is_a_502_with_its_word() {
    on_worker(async {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let mut stage = Stage::set(SITE, address);
        let response = stage.ask(Request::get("/products/lamp").header("cookie", stage.session_cookie())).await;
        assert_eq!(response.status(), 502);
        assert_eq!(response.headers()["proxy-status"], "waylight; error=connection_refused");
        let spans = stage.spans();
        let root = spans.iter().find(|span| span.stage == Span::Request).unwrap();
        assert_eq!(attribute(root, "error.type").as_deref(), Some("connection_refused"));
        assert!(root.error.is_some());
    });
}

#[test]
fn a_signed_header_traces_the_request_it_was_made_for_once() {
    on_worker(async {
        let origin = origin().await;
        let mut stage = Stage::set(SITE, origin.address);
        let target = Target { host: HOST, method: &Method::GET, path: "/products/lamp" };
        let value = waylight::app::state::force_header(&stage.keys, target, 60).unwrap();
        for (path, traced) in
            [("/products/chair", false), ("/products/lamp?colour=red", true), ("/products/lamp", false)]
        {
            let answer = stage.ask(Request::get(path).header("waylight-trace", &value)).await;
            assert_eq!(!stage.spans().is_empty(), traced, "{path}");
            let told = ["traceresponse", "cache-control"].map(|name| answer.headers().contains_key(name));
            assert_eq!(told, [traced; 2], "whose trace is told is no answer for others: {path}");
            assert_eq!(header(&origin.last(), "waylight-trace"), None);
        }
    });
}

/// Of people who are signed in nothing is recorded there; of others a ratio may have chosen the request.
#[test]
fn a_sign_in_is_a_span_where_a_ratio_chose_the_request() {
    for (ratio, recorded) in [("0.0", 0), ("1.0", 1)] {
        on_worker(async move {
            let mut stage = Stage::set(&format!("[trace]\nratio = {ratio}\n{SITE}"), origin().await.address);
            let request = Request::get(SIGN_IN);
            // Nobody answers here, and the visitor leaves.
            tokio::select! {
                biased;
                _ = stage.ask(request) => panic!("an answer"),
                () = tokio::task::yield_now() => {}
            }
            let spans = stage.spans();
            assert_eq!(spans.iter().filter(|span| span.stage == Span::Reserved).count(), recorded, "{spans:#?}");
        });
    }
}
