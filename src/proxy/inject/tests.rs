use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::Pin,
    task::{self, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use tower::Layer as _;

use super::*;
use crate::{
    config::model::PageToolbar,
    error::{BoxError, ErrorType},
    proxy::testing,
    rules::{
        access::{Role, Way},
        page::Coding,
        session::{Credentials, Id, Identity, Session, SessionKind, Upload},
        token::Keys,
        toolbar::SiteFacts,
    },
    trace::{
        counters::Counters,
        outbox::Inbox,
        outbox::Outbox,
        quota::Quota,
        record::SpanRecord,
        sessions::{Ephemeral, Sessions},
    },
};

const PAGE: &str = "<!doctype html><html><head><title>a</title></head><body>text</body></html>";

/// Answers with the response that it holds, and keeps the request's headers.
struct Origin {
    response: Cell<Option<Response>>,
    asked: Rc<RefCell<HeaderMap>>,
}

impl Handler for Origin {
    async fn handle(&self, request: Request, _: &Rc<Context>) -> Outcome {
        *self.asked.borrow_mut() = request.headers().clone();
        Ok(self.response.take().unwrap())
    }
}

struct Visit {
    response: Response,
    asked: HeaderMap,
    cx: Rc<Context>,
    inbox: Inbox,
}

fn layer(mode: model::Inject) -> InjectLayer {
    InjectLayer {
        mode,
        error_pages: Toggle::Off,
        policy: Policy::Restart,
        sentry: Arc::new(Settings::default()),
        toolbar: None,
    }
}

fn request(fields: &[(&'static str, &'static str)]) -> Request {
    let mut request = Request::new(http::Request::new(Body::empty()));
    request.headers_mut().insert("sec-fetch-dest", "document".parse().unwrap());
    for (name, value) in fields {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

fn response(body: impl Into<Bytes>, fields: &[(&'static str, &'static str)]) -> Response {
    let mut response = Response::new(Body::full(body));
    response.headers_mut().insert(header::CONTENT_TYPE, "text/html".parse().unwrap());
    for (name, value) in fields {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    response
}

async fn visit_as(layer: InjectLayer, request: Request, response: Response, traced: Toggle) -> Visit {
    let cx = testing::context(&request);
    visit_in(cx, layer, request, response, traced).await
}

async fn visit_in(cx: Rc<Context>, layer: InjectLayer, request: Request, response: Response, traced: Toggle) -> Visit {
    let inbox = if traced.is_on() { testing::trace(&cx) } else { Outbox::new(1, Arc::new(Counters::default())).1 };
    let asked = Rc::default();
    let origin = Origin { response: Cell::new(Some(response)), asked: Rc::clone(&asked) };
    let response = layer.layer(origin).handle(request, &cx).await.unwrap();
    let asked = asked.take();
    Visit { response, asked, cx, inbox }
}

async fn visit(request: Request, response: Response) -> Visit {
    visit_as(layer(model::Inject::Traced), request, response, Toggle::On).await
}

impl Visit {
    /// The whole page, and the span of its editing.
    async fn end(mut self) -> (String, Option<SpanRecord>) {
        let page = self.response.into_body().collect().await.unwrap().to_bytes();
        self.cx.abandoned();
        let spans = self.inbox.try_recv().unwrap_or_default();
        let inject = spans.into_iter().find(|span| span.stage == Stage::Inject);
        (String::from_utf8_lossy(&page).into_owned(), inject)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }
}

fn text(span: &SpanRecord, key: &str) -> String {
    span.attributes.shown(key).unwrap_or_default()
}

#[tokio::test]
async fn a_traced_page_names_the_root_span() {
    let visit = visit(request(&[]), response(PAGE, &[])).await;
    let tags = visit.cx.tags().unwrap();
    let cx = Rc::clone(&visit.cx);
    let (page, span) = visit.end().await;
    let expect = format!(
        r#"<head><meta name="sentry-trace" content="{}"/><meta name="traceparent" content="{}"/>"#,
        tags.sentry_trace, tags.traceparent
    );
    assert_eq!(page, PAGE.replace("<head>", &expect));
    let span = span.unwrap();
    assert_eq!(text(&span, "waylight.inject.result"), "injected");
    assert_eq!(text(&span, "waylight.inject.place"), "head");
    assert_eq!(text(&span, "waylight.inject.offset"), PAGE.find("<title>").unwrap().to_string());
    assert_eq!((cx.counters.pages_injected.value(), cx.counters.pages_not_injected.value()), (1, 0));
}

#[tokio::test]
async fn the_headers_fit_the_page() {
    let asked =
        [("if-none-match", "\"a\""), ("range", "bytes=0-9"), ("accept-encoding", "gzip"), ("if-range", "\"a\"")];
    let fields = [
        ("content-length", "9"),
        ("etag", "\"a\""),
        ("last-modified", "x"),
        ("accept-ranges", "bytes"),
        ("digest", "x"),
        ("repr-digest", "x"),
        ("cache-control", "public, max-age=9"),
        ("vary", "accept"),
    ];
    let visit = visit(request(&asked), response(PAGE, &fields)).await;
    let kept: Vec<&str> = visit.asked.keys().map(HeaderName::as_str).collect();
    assert_eq!(kept, ["sec-fetch-dest", "accept-encoding"]);
    let names: Vec<&str> = visit.response.headers().keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["content-type", "cache-control", "vary"]);
    assert_eq!(visit.header("cache-control"), Some("private, no-cache"));
}

/// Nothing happens to this response, nor to its request.
async fn stays(layer: InjectLayer, request: Request, response: Response, traced: Toggle) {
    let (headers, body) = (response.headers().clone(), format!("{:?}", response.body()));
    let visit = visit_as(layer, request, response, traced).await;
    assert_eq!(visit.response.headers(), &headers);
    assert_eq!(format!("{:?}", visit.response.body()), body);
    let counters = Arc::clone(&visit.cx.counters);
    assert!(visit.end().await.1.is_none());
    assert_eq!((counters.pages_injected.value(), counters.pages_not_injected.value()), (0, 0));
}

#[tokio::test]
async fn what_is_no_page_is_left_alone() {
    let status = |status| {
        let mut response = response(PAGE, &[("etag", "\"a\"")]);
        *response.status_mut() = status;
        response
    };
    let method = |method| {
        let mut request = request(&[]);
        *request.method_mut() = method;
        request
    };
    let traced = || layer(model::Inject::Traced);
    for status in [201, 206, 301, 304, 404, 500].map(|code| status(StatusCode::from_u16(code).unwrap())) {
        stays(traced(), request(&[]), status, Toggle::On).await;
    }
    for method in [Method::HEAD, Method::POST].map(method) {
        stays(traced(), method, response(PAGE, &[]), Toggle::On).await;
    }
    stays(traced(), request(&[("sec-fetch-dest", "empty")]), response(PAGE, &[]), Toggle::On).await;
    stays(traced(), request(&[("user-agent", "Googlebot")]), response(PAGE, &[]), Toggle::On).await;
    stays(traced(), request(&[]), response(PAGE, &[("content-disposition", "attachment")]), Toggle::On).await;
    stays(traced(), request(&[]), response("", &[]), Toggle::On).await;
    stays(traced(), request(&[]), response(PAGE, &[]), Toggle::Off).await;
    stays(layer(model::Inject::Off), request(&[]), response(PAGE, &[]), Toggle::On).await;
    let mut image = response("<head>", &[]);
    image.headers_mut().insert(header::CONTENT_TYPE, "image/png".parse().unwrap());
    stays(traced(), request(&[]), image, Toggle::On).await;
}

#[tokio::test]
async fn error_pages_are_pages_where_that_is_wished_or_they_are_ours() {
    let failed = || {
        let mut response = response(PAGE, &[]);
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    };
    let errors = InjectLayer { error_pages: Toggle::On, ..layer(model::Inject::Traced) };
    let (page, _) = visit_as(errors, request(&[]), failed(), Toggle::On).await.end().await;
    assert!(page.contains("sentry-trace"));

    let request = request(&[]);
    let cx = testing::context(&request);
    let _inbox = testing::trace(&cx);
    cx.error.set(Some(ErrorType::ConnectionRefused));
    let origin = Origin { response: Cell::new(Some(failed())), asked: Rc::default() };
    let response = layer(model::Inject::Traced).layer(origin).handle(request, &cx).await.unwrap();
    assert!(
        String::from_utf8_lossy(&response.into_body().collect().await.unwrap().to_bytes()).contains("sentry-trace")
    );
}

#[tokio::test]
async fn a_body_that_must_stay_is_announced() {
    for (fields, reason) in
        [(("cache-control", "no-transform"), "no_transform"), (("content-encoding", "deflate"), "unknown_coding")]
    {
        let visit = visit(request(&[]), response(PAGE, &[fields, ("content-length", "74")])).await;
        let tags = visit.cx.tags().unwrap();
        assert_eq!(visit.header("server-timing").unwrap(), format!("sentry-trace;desc=\"{}\"", tags.sentry_trace));
        assert_eq!(visit.header("content-length"), Some("74"));
        assert!(visit.header("cache-control").unwrap().starts_with("private, no-cache"));
        assert_eq!(visit.cx.counters.pages_not_injected.value(), 1);
        let (page, span) = visit.end().await;
        assert_eq!((page.as_str(), text(&span.unwrap(), "waylight.inject.reason").as_str()), (PAGE, reason));
    }
}

#[tokio::test]
async fn pages_that_are_not_traced_leave_the_decision_open() {
    let deferred = || layer(model::Inject::Deferred);
    let private = response(PAGE, &[("cache-control", "private")]);
    let visit = visit_as(deferred(), request(&[]), private, Toggle::Off).await;
    let (page, span) = visit.end().await;
    assert!(span.is_none());
    let value = page.split("name=\"sentry-trace\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(value.len(), 32 + 1 + 16, "no flag: {value}");
    stays(deferred(), request(&[]), response(PAGE, &[]), Toggle::Off).await;
    stays(deferred(), request(&[]), response(PAGE, &[("cache-control", "max-age=9")]), Toggle::Off).await;
}

/// A body whose chunks come when the test lets them.
#[derive(Clone, Default)]
struct Gate(Rc<RefCell<VecDeque<Option<Bytes>>>>);

impl http_body::Body for Gate {
    type Data = Bytes;
    type Error = BoxError;
    fn poll_frame(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.0.borrow_mut().pop_front() {
            None => Poll::Pending,
            Some(None) => Poll::Ready(None),
            Some(Some(chunk)) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
        }
    }
}

/// Everything that can be read now, and whether that was the end.
fn read(body: &mut Body) -> Result<(String, bool), BoxError> {
    let mut out = Vec::new();
    loop {
        match Pin::new(&mut *body).poll_frame(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Pending => return Ok((String::from_utf8(out)?, false)),
            Poll::Ready(None) => return Ok((String::from_utf8(out)?, true)),
            Poll::Ready(Some(frame)) => {
                let data = frame?.into_data().unwrap();
                assert!(data.len() <= 64 * 1024, "a piece is bounded");
                out.extend_from_slice(&data);
            }
        }
    }
}

/// Compresses chunk by chunk, each flushed.
fn compress(coding: Coding, chunks: &[&[u8]]) -> Vec<Bytes> {
    fn all<W: std::io::Write>(mut writer: W, chunks: &[&[u8]], take: impl Fn(&mut W) -> Vec<u8>) -> (W, Vec<Bytes>) {
        let mut out = Vec::new();
        for chunk in chunks {
            writer.write_all(chunk).unwrap();
            writer.flush().unwrap();
            out.push(take(&mut writer).into());
        }
        (writer, out)
    }
    let (rest, mut out) = match coding {
        Coding::Deflate => unreachable!("pages are left as they are in it"),
        Coding::Gzip => {
            let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            let (encoder, out) = all(encoder, chunks, |encoder| std::mem::take(encoder.get_mut()));
            (encoder.finish().unwrap(), out)
        }
        Coding::Brotli => {
            let encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
            let (encoder, out) = all(encoder, chunks, |encoder| std::mem::take(encoder.get_mut()));
            (encoder.into_inner(), out)
        }
        Coding::Zstd => {
            let encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
            let (encoder, out) = all(encoder, chunks, |encoder| std::mem::take(encoder.get_mut()));
            (encoder.finish().unwrap(), out)
        }
    };
    out.push(rest.into());
    out
}

#[tokio::test]
async fn each_chunk_of_a_compressed_page_is_there_before_the_next() {
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        let gate = Gate::default();
        let mut response = response("", &[("content-encoding", coding.name())]);
        response.headers_mut().insert(header::CONTENT_TYPE, "text/html; charset=utf-8".parse().unwrap());
        *response.body_mut() = Body::boxed(gate.clone());
        let chunks = ["<head><title>a</title>", "<script></scr", "ipt>", "</head><p>a", "<p>b"];
        let compressed = compress(coding, &chunks.map(str::as_bytes));
        // The head goes out with the first piece.
        gate.0.borrow_mut().push_back(Some(compressed[0].clone()));
        let mut visit = visit(request(&[]), response).await;
        assert_eq!(visit.header("content-encoding"), None);
        let body = visit.response.body_mut();
        let mut page = String::new();
        for (number, (plain, chunk)) in chunks.iter().zip(&compressed).enumerate() {
            gate.0.borrow_mut().extend((number > 0).then(|| Some(chunk.clone())));
            let (part, _) = read(body).unwrap();
            assert!(part.ends_with(plain.trim_start_matches("<head>")), "{coding:?}: {part:?} of {plain:?}");
            page.push_str(&part);
        }
        gate.0.borrow_mut().extend([compressed.last().cloned(), None]);
        assert_eq!(read(body).unwrap(), (String::new(), true));
        assert!(page.contains("<head><meta name=\"sentry-trace\""));
    }
}

#[tokio::test]
async fn a_page_that_unpacks_to_much_comes_in_pieces() {
    let head = "<head></head>";
    let zeros = vec![b' '; 8 << 20];
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        let bomb = compress(coding, &[head.as_bytes(), &zeros]).concat();
        let page = response(bomb, &[("content-encoding", coding.name())]);
        let mut visit = visit(request(&[]), page).await;
        let (page, over) = read(visit.response.body_mut()).unwrap();
        assert!(over && page.len() > zeros.len() + head.len(), "{coding:?}");
    }
}

/// What comes of a page until it ends early.
async fn until_failure(body: Body) -> (String, BoxError) {
    let mut body = body;
    let mut out = Vec::new();
    loop {
        match body.frame().await.expect("it fails") {
            Ok(frame) => out.extend_from_slice(&frame.into_data().unwrap()),
            Err(error) => return (String::from_utf8(out).unwrap(), error),
        }
    }
}

#[tokio::test]
async fn a_page_that_is_not_encoded_as_it_says_passes_as_it_came() {
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        let fields = [("content-encoding", coding.name()), ("content-length", "74")];
        let cut = compress(coding, &[PAGE.as_bytes()]).concat()[..4].to_vec();
        for octets in [PAGE.as_bytes().to_vec(), cut] {
            let visit = visit(request(&[]), response(octets.clone(), &fields)).await;
            assert_eq!(visit.header("content-encoding"), Some(coding.name()));
            assert_eq!(visit.header("content-length"), Some("74"));
            assert!(visit.header("server-timing").unwrap().starts_with("sentry-trace;desc="));
            assert_eq!(visit.cx.counters.pages_not_injected.value(), 1);
            let (page, span) = visit.end().await;
            assert_eq!(page, String::from_utf8_lossy(&octets));
            assert_eq!(text(&span.unwrap(), "waylight.inject.reason"), "not_decodable");
        }
    }
}

#[tokio::test]
async fn a_page_that_is_cut_off_comes_as_far_as_it_can_be_decoded() {
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        let chunks = compress(coding, &[b"<head><title>a", b"</title></head><p>text"]);
        let cut = chunks[..2].to_vec();
        let broken = [&chunks[..2], &[Bytes::from_static(&[0xFF; 64])]].concat();
        for pieces in [cut, broken] {
            let gate = Gate::default();
            gate.0.borrow_mut().extend(pieces.into_iter().map(Some).chain([None]));
            let mut page = response("", &[("content-encoding", coding.name())]);
            *page.body_mut() = Body::boxed(gate);
            let visit = visit(request(&[]), page).await;
            let (text, error) = until_failure(visit.response.into_body()).await;
            assert!(text.contains("<meta name=\"sentry-trace\"") && text.contains("<title>a"), "{coding:?}: {text}");
            assert!(text.ends_with("<p>text"), "{coding:?}: {text}");
            let error = error.downcast_ref::<crate::error::ProxyError>().unwrap();
            assert_eq!(error.kind, ErrorType::HttpResponseContentCoding);
            assert_eq!(visit.cx.error.get(), Some(ErrorType::HttpResponseContentCoding));
        }
    }
}

#[tokio::test]
async fn a_compressed_page_may_come_octet_by_octet() {
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        let whole = compress(coding, &[PAGE.as_bytes()]).concat();
        // Octet by octet, and in several members.
        let gate = Gate::default();
        gate.0.borrow_mut().extend(whole.chunks(1).map(|octet| Some(Bytes::copy_from_slice(octet))));
        if coding != Coding::Brotli {
            gate.0.borrow_mut().extend(compress(coding, &[b"<p>more"]).into_iter().map(Some));
        }
        gate.0.borrow_mut().push_back(None);
        let mut page = response("", &[("content-encoding", coding.name())]);
        *page.body_mut() = Body::boxed(gate);
        let (page, over) = read(visit(request(&[]), page).await.response.body_mut()).unwrap();
        assert!(over && page.contains("text</body>"), "{page}");
        assert_eq!(page.ends_with("<p>more"), coding != Coding::Brotli);
    }
}

/// A site's toolbar, and somebody of this role who asks for one of its pages.
fn toolbar() -> Rc<Toolbar> {
    Rc::new(Toolbar {
        settings: PageToolbar::default(),
        script: "/_waylight/assets/ab/toolbar/toolbar.js".into(),
        site: SiteFacts::new(["/products/:slug", "/*"].into_iter(), &[]),
        keys: Arc::new(Keys::new(&["a secret of some length"]).unwrap()),
        sessions: Arc::new(Sessions::new(9, Box::new(Ephemeral), [])),
        quota: Arc::new(Quota::unlimited()),
    })
}

async fn visit_by(role: Role, mut request: Request, response: Response, traced: Toggle) -> Visit {
    request.headers_mut().insert(header::HOST, "Shop.test:8080".parse().unwrap());
    let layer = InjectLayer { toolbar: Some(toolbar()), ..layer(model::Inject::Traced) };
    let cx = testing::context(&request);
    cx.host.set("shop.test".into()).unwrap();
    let identity = Identity {
        id: Id::from_bytes([1; 16]),
        name: "Ada".into(),
        role,
        way: Way::Link,
        host: "shop.test".into(),
        issued: 0,
        expiry: u64::MAX,
    };
    cx.identify(Credentials { identity: Some(identity), ..Credentials::default() });
    visit_in(cx, layer, request, response, traced).await
}

const SCRIPT: &str =
    "<script async fetchpriority=\"low\" src=\"/_waylight/assets/ab/toolbar/toolbar.js\" data-waylight='{";

#[tokio::test]
async fn who_is_signed_in_gets_the_toolbar_traced_or_not() {
    let fields = [("etag", "\"a\""), ("cache-control", "max-age=9"), ("content-length", "74")];
    let asked = [("if-none-match", "\"a\"")];
    let visit = visit_by(Role::Tracer, request(&asked), response(PAGE, &fields), Toggle::Off).await;
    assert_eq!(visit.header("cache-control"), Some("private, no-cache"));
    assert_eq!((visit.header("etag"), visit.header("content-length")), (None, None));
    assert!(!visit.asked.contains_key("if-none-match"));
    let cx = Rc::clone(&visit.cx);
    let (page, span) = visit.end().await;
    let (before, behind) = page.split_once(SCRIPT).unwrap();
    let (state, behind) = behind.split_once("}'></script>").unwrap();
    assert_eq!([before, behind].concat(), PAGE);
    assert!(before.ends_with("<head>") && span.is_none());
    assert!(state.contains("\"token\":\"") && !state.contains("\"trace\""), "{state}");
    assert_eq!(cx.counters.pages_injected.value(), 1);

    let (page, span) = visit_by(Role::Viewer, request(&asked), response(PAGE, &fields), Toggle::On).await.end().await;
    let span = span.unwrap();
    let (_, behind) = page.split_once(SCRIPT).unwrap();
    assert!(behind.contains("\"trace\":\"") && !behind.contains("\"token\""), "a viewer traces nothing: {behind}");
    assert!(behind.contains("</script><meta name=\"sentry-trace\""), "{behind}");
    for (key, expect) in [
        ("waylight.inject.toolbar", "injected"),
        ("waylight.inject.request_headers_removed", "if-none-match"),
        ("waylight.inject.headers_removed", "content-length, etag"),
        ("waylight.inject.headers_changed", "cache-control"),
    ] {
        let mut words: Vec<String> = text(&span, key).split(", ").map(str::to_owned).collect();
        words.sort();
        assert_eq!(words.join(", "), expect, "{key}");
    }
}

#[tokio::test]
async fn who_is_not_and_what_fills_no_window_gets_none() {
    let same = async |role, request, response: Response| {
        let (headers, body) = (response.headers().clone(), format!("{:?}", response.body()));
        let visit = visit_by(role, request, response, Toggle::Off).await;
        assert_eq!((visit.response.headers(), format!("{:?}", visit.response.body())), (&headers, body));
    };
    let cached = || response(PAGE, &[("etag", "\"a\""), ("content-security-policy", "script-src 'none'")]);
    same(Role::Guest, request(&[]), cached()).await;
    for dest in ["iframe", "frame", "empty", "script"] {
        same(Role::Admin, request(&[("sec-fetch-dest", dest)]), cached()).await;
    }
    same(Role::Admin, request(&[("user-agent", "Googlebot")]), cached()).await;
    same(Role::Admin, request(&[]), response(PAGE, &[("waylight-toolbar", "off"), ("etag", "\"a\"")])).await;
    same(Role::Admin, request(&[]), response(PAGE, &[("content-security-policy", "sandbox"), ("etag", "\"a\"")])).await;
    same(Role::Admin, request(&[]), response(PAGE, &[("cache-control", "no-transform"), ("etag", "\"a\"")])).await;
    let toolbar_off = InjectLayer { toolbar: Some(toolbar()), ..layer(model::Inject::Traced) };
    stays(toolbar_off, request(&[]), cached(), Toggle::Off).await;
}

#[tokio::test]
async fn a_nonce_is_not_told_by_the_ids_around_it() {
    let fields = [("content-security-policy", "script-src 'strict-dynamic' 'sha256-abc='")];
    let mut policies = Vec::new();
    for _ in 0..2 {
        fastrand::seed(7);
        let visit = visit_by(Role::Admin, request(&[]), response(PAGE, &fields), Toggle::Off).await;
        policies.push(visit.header("content-security-policy").unwrap().to_owned());
    }
    assert!(policies[0].contains("'nonce-") && policies[0] != policies[1], "{policies:?}");
}

#[tokio::test]
async fn what_a_policy_needs_is_changed_and_told() {
    let policy = "default-src 'self'; script-src 'strict-dynamic' 'nonce-abc'; connect-src 'none'";
    let fields = [("content-security-policy", policy)];
    let visit = visit_by(Role::Admin, request(&[]), response(PAGE, &fields), Toggle::On).await;
    let connect = "http://shop.test:8080/_waylight/api/v1/";
    assert_eq!(visit.header("content-security-policy"), Some(&*policy.replace("'none'", connect)));
    let (page, span) = visit.end().await;
    assert!(page.contains("toolbar.js\" nonce=\"abc\" data-waylight"), "{page}");
    let span = span.unwrap();
    assert_eq!(text(&span, "waylight.inject.csp"), format!("content-security-policy: connect-src + {connect}"));
    assert_eq!(text(&span, "waylight.inject.nonce"), "reused");
    assert!(text(&span, "waylight.inject.headers_changed").contains("content-security-policy"));

    let fields = [("content-security-policy", "sandbox allow-scripts")];
    let visit = visit_by(Role::Admin, request(&[]), response(PAGE, &fields), Toggle::On).await;
    assert_eq!(visit.header("content-security-policy"), Some("sandbox allow-scripts"));
    let (page, span) = visit.end().await;
    assert!(page.contains("sentry-trace") && !page.contains("<script"), "tags are no scripts");
    assert_eq!(text(&span.unwrap(), "waylight.inject.toolbar"), "sandboxed");
}

#[tokio::test]
async fn a_page_of_a_traced_session_has_the_agent_and_hangs_under_its_browser() {
    let session = Session {
        id: Id::from_bytes([2; 16]),
        identity: Id::from_bytes([1; 16]),
        host: "shop.test".into(),
        expiry: u64::MAX,
        spans_max: 9,
        requests_max: 9,
        kind: SessionKind::Session,
    };
    let told = async |settings: PageToolbar, owner: Id, policy: &'static str| {
        let mut toolbar = Rc::unwrap_or_clone(toolbar());
        toolbar.settings = settings;
        let (keys, sessions) = (Arc::clone(&toolbar.keys), Arc::clone(&toolbar.sessions));
        let layer = InjectLayer { toolbar: Some(Rc::new(toolbar)), ..layer(model::Inject::Traced) };
        let request = request(&[("host", "shop.test")]);
        let cx = testing::context(&request);
        cx.host.set("shop.test".into()).unwrap();
        cx.route.set("/products/:slug".into()).unwrap();
        let identity = Identity {
            id: session.identity,
            name: "Ada".into(),
            role: Role::Tracer,
            way: Way::Link,
            host: "shop.test".into(),
            issued: 0,
            expiry: u64::MAX,
        };
        cx.identify(Credentials { identity: Some(identity), session: Some(session.clone()), refused: None });
        let mut inbox = testing::trace(&cx);
        let id = cx.scope().trace_id().unwrap();
        sessions.owns(owner, id);
        let answer = response(PAGE, &[("content-security-policy", policy)]);
        let origin = Origin { response: Cell::new(Some(answer)), asked: Rc::default() };
        let response = layer.layer(origin).handle(request, &cx).await.unwrap();
        let page = response.into_body().collect().await.unwrap().to_bytes();
        let (page, edge) = (String::from_utf8_lossy(&page).into_owned(), cx.tags().unwrap().traceparent);
        cx.abandoned();
        let spans = inbox.try_recv().unwrap();
        let root = spans.into_iter().find(|span| span.stage == Stage::Request).unwrap();
        let known = sessions.page(session.id, cx.hints().url);
        let state = page.split_once("toolbar/agent/patch.js\" data-waylight='").map(|(_, behind)| behind.to_owned());
        let state = state.map(|behind| behind.split_once("'></script><meta").unwrap().0.to_owned());
        let upload = state.as_ref().map(|state| {
            let token = state.split_once("\"upload\":\"").unwrap().1.split_once('"').unwrap().0;
            Upload::open(token, &keys, 0).unwrap()
        });
        (state, root, edge, upload, known.map(|page| page == id), id)
    };
    let (state, root, edge, upload, is_known, id) = told(PageToolbar::default(), session.id, "script-src 'self'").await;
    let state = state.unwrap();
    for part in [
        format!("{{\"trace\":\"{id}\",\"edge\":\"{}\"", &edge[36..52]),
        format!("\"doc\":\"{}\"", root.parent),
        "\"route\":\"/products/:slug\",\"routes\":[\"/products/:slug\",\"/*\"],\"to\":[]}".to_owned(),
    ] {
        assert!(state.contains(&part), "{part} in {state}");
    }
    assert_eq!(upload, Some(Upload { session: session.id, trace: id.to_bytes(), expiry: u64::MAX }));
    assert_eq!(is_known, Some(true), "what the page loads belongs to its trace");

    let off = PageToolbar { browser_spans: Toggle::Off, ..PageToolbar::default() };
    let reuse = PageToolbar { csp: model::CspMode::ReuseOnly, ..PageToolbar::default() };
    for (settings, owner, policy) in [
        (off, session.id, "script-src 'self'"),
        (PageToolbar::default(), Id::from_bytes([9; 16]), "script-src 'self'"),
        (reuse, session.id, "script-src 'self'; connect-src 'none'"),
    ] {
        let (state, root, _, _, is_known, _) = told(settings, owner, policy).await;
        assert_eq!((state, root.parent, is_known), (None, opentelemetry::trace::SpanId::INVALID, None), "{policy}");
    }
}

/// An end that comes behind the last piece costs a write of its own.
#[tokio::test]
async fn the_end_comes_with_the_last_piece() {
    let mut body = visit(request(&[]), response(PAGE, &[])).await.response.into_body();
    let mut pieces = Vec::new();
    while !body.is_end_stream() {
        pieces.push(body.frame().await.expect("a piece").unwrap());
    }
    assert!(pieces.last().unwrap().data_ref().unwrap().ends_with(b"</html>"));
    assert!(body.frame().await.is_none());
}
