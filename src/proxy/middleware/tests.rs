use std::{rc::Rc, sync::Arc, task::Poll};

use http::{HeaderValue, StatusCode};
use opentelemetry::trace::TraceFlags;
use tower::{Layer as _, Service};

use super::*;
use crate::{
    body::Body,
    clock,
    config::model::{Cors, HeadersMiddleware, Redirect, Rewrite, Toggle},
    error::{BoxError, ErrorType, ProxyError},
    proxy::{context::Context, handler::Handler, testing},
    rules::route::{Param, ParamKind},
    service::Response,
    trace::{
        counters::Counters,
        ids,
        outbox::{Inbox, Outbox},
        record::SpanRecord,
        recording::Begin,
        scope::Span,
        stage::Stage,
    },
};

/// Answers with the target and the headers that reached it; fails at `/fail`; has a span of its own.
struct Origin;

impl Handler for Origin {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        drop(cx.span(Stage::UpstreamRequest));
        if request.uri().path() == "/fail" {
            return Err(ProxyError::upstream(ErrorType::ConnectionRefused));
        }
        let mut response = Response::new(Body::full("hello"));
        let target = HeaderValue::from_str(&request.uri().to_string()).unwrap();
        response.headers_mut().insert("x-target", target);
        for (name, value) in request.headers() {
            let echoed: http::HeaderName = format!("x-echo-{name}").parse().unwrap();
            response.headers_mut().append(echoed, value.clone());
        }
        Ok(response)
    }
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Box::new(request.body(Body::empty()).unwrap())
}

fn built(middleware: model::Middleware) -> ChainLayer {
    let names = vec!["it".to_owned()];
    chain(&BTreeMap::from([("it".to_owned(), middleware)]), &names, Part::InsideInject).unwrap()
}

async fn run(layer: &ChainLayer, request: Request) -> Outcome {
    let cx = testing::context(&request);
    cx.host.set("shop.example".into()).unwrap();
    *cx.params.borrow_mut() = vec![
        Param { name: "slug".into(), value: "a/b c".into(), kind: ParamKind::Segment },
        Param { name: "rest".into(), value: "/evil.com".into(), kind: ParamKind::Rest },
    ];
    layer.layer(Origin).handle(request, &cx).await
}

async fn traced(layer: &ChainLayer, request: Request) -> (Outcome, Vec<SpanRecord>) {
    let counters = Arc::new(Counters::default());
    let (outbox, mut inbox): (Outbox, Inbox) = Outbox::new(8, Arc::clone(&counters));
    let begin = Begin { trace_id: ids::trace_id(), flags: TraceFlags::SAMPLED, outbox, meter: None, spans_max: 100 };
    let root = Span::root(begin, None, clock::now());
    let cx = testing::context(&request);
    drop(cx.enter(&root));
    let mut outcome = layer.layer(Origin).handle(request, &cx).await;
    if let Ok(response) = &mut outcome {
        // The spans end with the body.
        let body = http_body_util::BodyExt::collect(std::mem::take(response.body_mut())).await.unwrap().to_bytes();
        *response.body_mut() = Body::full(body);
    }
    drop((cx, root));
    let spans = inbox.try_recv().unwrap();
    (outcome, spans)
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn pairs(pairs: &[(&'static str, &'static str)]) -> Vec<(http::HeaderName, HeaderValue)> {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

#[tokio::test]
async fn headers_are_removed_then_set_then_added() {
    let layer = built(model::Middleware::Headers(HeadersMiddleware {
        request_remove: vec!["x-secret".parse().unwrap()],
        request_set: pairs(&[("x-a", "new"), ("x-a", "too")]),
        request_add: pairs(&[("x-b", "2")]),
        response_remove: vec!["x-target".parse().unwrap()],
        response_set: pairs(&[("x-frame", "deny")]),
        response_add: pairs(&[("x-frame", "more")]),
    }));
    let request = request("GET", "/", &[("x-secret", "1"), ("x_secret", "1"), ("x-a", "old"), ("x-b", "1")]);
    let response = run(&layer, request).await.unwrap();
    let all = |name| response.headers().get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(all("x-echo-x-a"), ["new", "too"]);
    assert_eq!(all("x-echo-x-b"), ["1", "2"]);
    assert_eq!(all("x-frame"), ["deny", "more"]);
    assert_eq!((header(&response, "x-target"), header(&response, "x-echo-x-secret")), (None, None));
    assert_eq!(header(&response, "x-echo-x_secret"), None, "many apps cannot tell it from the one that was removed");
    let (_, spans) = traced(&layer, self::request("GET", "/", &[])).await;
    let span = spans.iter().find(|span| span.stage == Stage::Middleware("headers")).unwrap();
    assert_eq!(span.attributes.text("waylight.headers.request"), Some("removed x-secret; set x-a, x-a; added x-b"));
    let response = span.attributes.text("waylight.headers.response");
    assert_eq!(response, Some("removed x-target; set x-frame; added x-frame"), "by their names only");
}

#[tokio::test]
async fn redirects_lead_where_the_configuration_says_and_nowhere_else() {
    for (to, uri, location) in [
        ("/new/{slug}", "/old", "/new/a%2Fb%20c"),
        ("https://{host}{path}?{query}", "/a?b=1", "https://shop.example/a?b=1"),
        ("/{rest}", "/old", "/evil.com"),
        ("/{path}", "//evil.com/%2e%2e", "/evil.com/%2e%2e"),
    ] {
        let redirect = Redirect { to: to.to_owned(), status: StatusCode::PERMANENT_REDIRECT };
        let response = run(&built(model::Middleware::Redirect(redirect)), request("GET", uri, &[])).await.unwrap();
        assert_eq!(response.status(), 308);
        assert_eq!(header(&response, "location"), Some(location));
        assert_eq!(header(&response, "x-target"), None);
    }
}

#[tokio::test]
async fn rewrites_keep_the_query() {
    for (rewrite, uri, target) in [
        (Rewrite::StripPrefix("/api".into()), "/api/x?q=1", "/x?q=1"),
        (Rewrite::StripPrefix("/api".into()), "/apis", "/apis"),
        (Rewrite::AddPrefix("/v2".into()), "/x?q", "/v2/x?q"),
        (Rewrite::To("/index/{slug}".into()), "/x?q", "/index/a%2Fb%20c?q"),
        (Rewrite::To("/index?p={slug}".into()), "/x?q", "/index?p=a%2Fb%20c"),
    ] {
        let response = run(&built(model::Middleware::Rewrite(rewrite)), request("GET", uri, &[])).await.unwrap();
        assert_eq!(header(&response, "x-target"), Some(target));
    }
}

fn cors() -> model::Middleware {
    model::Middleware::Cors(Cors {
        origins: vec!["https://app.example".into()],
        methods: vec![http::Method::PUT],
        headers: vec![http::header::AUTHORIZATION],
        credentials: Toggle::On,
        max_age: Some(std::time::Duration::from_secs(60)),
    })
}

#[tokio::test]
async fn an_unmodified_tower_http_layer_runs_in_its_own_span_and_what_is_inside_hangs_under_it() {
    let mut layer = built(cors());
    layer.push("inner", headers::Headers(HeadersMiddleware::default()));
    let (outcome, spans) = traced(&layer, request("GET", "/x", &[("origin", "https://app.example")])).await;
    let response = outcome.unwrap();
    assert_eq!(header(&response, "access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(header(&response, "access-control-allow-credentials"), Some("true"));
    assert_eq!(header(&response, "x-target"), Some("/x"));
    let find = |stage| spans.iter().find(|span| span.stage == stage).unwrap();
    let (cors, inner) = (find(Stage::Middleware("cors")), find(Stage::Middleware("headers")));
    assert_eq!(cors.parent, find(Stage::Request).span_id);
    assert_eq!(inner.parent, cors.span_id);
    assert_eq!(find(Stage::UpstreamRequest).parent, inner.span_id);
    assert_eq!(cors.attributes.text("waylight.middleware.name"), Some("it"));
}

#[tokio::test]
async fn a_preflight_is_answered_without_asking_further() {
    let headers = &[("origin", "https://app.example"), ("access-control-request-method", "PUT")];
    let response = run(&built(cors()), request("OPTIONS", "/", headers)).await.unwrap();
    assert_eq!(header(&response, "access-control-allow-methods"), Some("PUT"));
    assert_eq!(header(&response, "access-control-max-age"), Some("60"));
    assert_eq!(header(&response, "x-target"), None);
}

#[tokio::test]
async fn an_error_passes_through_a_layer_as_it_was() {
    let (outcome, spans) = traced(&built(cors()), request("GET", "/fail", &[])).await;
    assert_eq!(outcome.unwrap_err().kind, ErrorType::ConnectionRefused);
    let cors = spans.iter().find(|span| span.stage == Stage::Middleware("cors")).unwrap();
    assert!(cors.error.is_some());
}

/// A layer that fails by itself, or passes on a request of its own making.
#[derive(Clone)]
struct Odd<S>(S);

impl<S: Service<http::Request<Body>, Response = http::Response<Body>>> Service<http::Request<Body>> for Odd<S>
where
    S::Error: Into<BoxError>,
    S::Future: 'static,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = crate::service::LocalBoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() == "/own" {
            let answer = self.0.call(http::Request::new(Body::empty()));
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        Box::pin(async { Err("the layer gave up".into()) })
    }
}

#[tokio::test]
async fn a_layer_that_fails_or_loses_its_place_is_an_error_of_ours() {
    let odd = tower::layer::layer_fn(Odd);
    let mut layer = ChainLayer::default();
    layer.push("odd", FromLayer::new("odd", &odd));
    for path in ["/", "/own"] {
        let error = run(&layer, request("GET", path, &[])).await.unwrap_err();
        assert_eq!(error.kind, ErrorType::ProxyInternalError, "{path}");
        assert_eq!(error.status(), 500);
    }
}

#[tokio::test]
async fn many_requests_are_inside_one_layer_at_once() {
    let layer = built(cors());
    let requests = (0..50).map(|n| run(&layer, request("GET", &format!("/{n}"), &[])));
    // All futures are begun before the first one ends.
    let mut answers: Vec<_> = requests.map(Box::pin).collect();
    for (n, answer) in answers.iter_mut().enumerate().rev() {
        let response = answer.await.unwrap();
        assert_eq!(header(&response, "x-target"), Some(&*format!("/{n}")));
    }
}

#[test]
fn compression_stands_outside_injection_and_the_rest_inside() {
    let compress = model::Compress { codings: vec![], bytes_min: 0, level: model::CompressLevel::Default };
    let all =
        BTreeMap::from([("small".to_owned(), model::Middleware::Compress(compress)), ("shared".to_owned(), cors())]);
    let names = ["shared".to_owned(), "small".to_owned()];
    let outside = chain(&all, &names, Part::OutsideInject).unwrap();
    assert_eq!(format!("{outside:?}"), "[\"small\"]");
    assert_eq!(format!("{:?}", chain(&all, &names, Part::InsideInject).unwrap()), "[\"shared\"]");
    assert!(chain(&all, &["gone".to_owned()], Part::InsideInject).is_err());
}
