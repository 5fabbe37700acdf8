//! What comes in from pages, and what is sent out again: spans of browsers, and recorded requests.

use std::sync::Mutex;

use super::*;
use crate::{
    console::api::replay::{Listener, OwnEdge, Reply},
    error::BoxError,
    rules::{
        headers::Scheme as Spoken,
        session::{self, Session, SessionKind, Upload, upload::UPLOAD},
    },
    trace::{
        collector::{Collector, CollectorHandle, CollectorSettings, Outlet},
        encode::Resource,
        outbox::Outbox,
        requests::hints::Hints,
        sink::testing::Kept,
    },
};

/// A desk whose collector runs, and a browser with a traced page.
struct Page {
    desk: Desk,
    kept: Arc<Kept>,
    collector: CollectorHandle,
    session: Session,
}

impl Page {
    async fn new() -> Self {
        let mut desk = Desk::on_site(Scope::Session).await;
        let kept = Arc::new(Kept::default());
        let outlets = vec![Outlet { sink: Arc::clone(&kept) as _, apps: crate::config::model::Forward::Traced }];
        let (_, inbox) = Outbox::new(1, Arc::default());
        let settings = CollectorSettings::new(Resource::new("edge", &std::collections::BTreeMap::new()));
        let collector = Collector::start(settings, inbox, outlets, Arc::default());
        let shelf = Shelf { intake: Some(collector.intake()), ..(*desk.console.shelf).clone() };
        desk.console.shelf = Arc::new(shelf);
        let session = Session {
            id: Id::from_bytes([3; 16]),
            identity: Id::from_bytes([9; 16]),
            host: "app.example".into(),
            expiry: clock::unix_seconds() + 600,
            spans_max: 5,
            requests_max: 10,
            kind: SessionKind::Session,
        };
        Self { desk, kept, collector, session }
    }

    fn visit(&self) -> Visit {
        let mut visit = Visit { door: Door::Site, ..Desk::visit(Some(Role::Guest)) };
        visit.credentials.session = Some(self.session.clone());
        visit
    }

    fn token(&self) -> String {
        let trace = TraceId::from_hex(TRACE).unwrap().to_bytes();
        Upload { session: self.session.id, trace, expiry: clock::unix_seconds() + 60 }.seal(&self.desk.console.keys)
    }

    async fn send(&self, token: &str, body: Vec<u8>) -> (u16, Value) {
        self.tell(token, body, &[]).await
    }

    async fn tell(&self, token: &str, body: Vec<u8>, more: &[(&str, &str)]) -> (u16, Value) {
        let request = Request::post(format!("{BASE}/spans"))
            .header("host", "app.example")
            .header("content-type", "application/json")
            .header(UPLOAD, token);
        let request = more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Bytes::from(body)).unwrap();
        let answer = reading::read(self.desk.console.answer(&request, &self.visit())).await;
        (answer.status().as_u16(), parsed(&answer))
    }

    /// Spans that were handed on, once the collector has ended.
    async fn handed_on(self) -> usize {
        // The console holds the collector's intake, too.
        drop(self.desk);
        self.collector.shutdown(std::time::Duration::from_secs(5)).await;
        self.kept.spans()
    }
}

/// So many spans of a trace.
fn spans(trace: &str, count: u64) -> Vec<u8> {
    let mut message = message((1..=count).map(|id| span((id, 0), "click", (0, 1))).collect());
    let id = TraceId::from_hex(trace).unwrap().to_bytes().to_vec();
    let scopes = message.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans).for_each(|span| span.trace_id.clone_from(&id));
    serde_json::to_vec(&message).unwrap()
}

#[tokio::test]
async fn a_traced_page_sends_its_browsers_spans() {
    let page = Page::new().await;
    let token = page.token();
    let mut headers = http::HeaderMap::new();
    headers.insert(UPLOAD, token.parse().unwrap());
    let uri: Uri = format!("{BASE}/spans").parse().unwrap();
    assert!(page.desk.console.claims(&uri, &headers, &mut page.visit()), "with the token");
    assert!(!page.desk.console.claims(&uri, &http::HeaderMap::new(), &mut page.visit()), "and not without");
    assert!(!page.desk.console.claims(&uri, &headers, &mut Desk::visit(None)), "nor without the cookie");
    assert_eq!(page.send(&token, spans(TRACE, 2)).await, (200, json!({})));
    // A trace that the browser made for a later route.
    assert_eq!(page.send(&token, spans("0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d", 1)).await, (200, json!({})));
    let owner = page.desk.console.shelf.store().ok().unwrap().owners();
    let owner = owner.find(TraceId::from_hex("0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d").unwrap()).unwrap();
    assert_eq!(owner.session, page.session.id, "whose it is is kept with it");
    let (status, said) = page.send(&token, spans(TRACE, 3)).await;
    assert_eq!(status, 429, "the session's spans are used up: {said}");
    assert_eq!(page.handed_on().await, 3);
}

#[tokio::test]
async fn a_page_tells_which_trace_its_address_stands_for() {
    let page = Page::new().await;
    let sessions = Arc::clone(&page.desk.console.sessions);
    let address = "http://app.example/products/7";
    let headers = http::HeaderMap::from_iter([(header::REFERER, HeaderValue::from_static(address))]);
    let hash = Hints::read(&headers).referer;
    let shown = || sessions.page(page.session.id, hash).map(|trace| trace.to_string());
    let (own, others) = ("0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d", "0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e");
    sessions.owns(Id::from_bytes([5; 16]), TraceId::from_hex(others).unwrap());
    let token = page.token();
    for (what, told, expected) in [
        ("another session's", vec![("referer", address), ("waylight-page", others)], None),
        ("no trace", vec![("referer", address), ("waylight-page", "0")], None),
        ("no address", vec![("waylight-page", own)], None),
        ("its own", vec![("referer", address), ("waylight-page", own)], Some(own.to_owned())),
    ] {
        assert_eq!(page.tell(&token, spans(TRACE, 0), &told).await, (200, json!({})), "{what}");
        assert_eq!(shown(), expected, "{what}");
    }
    let told = [("referer", address), ("waylight-page", TRACE)];
    assert_eq!(page.tell("", spans(TRACE, 0), &told).await.0, 403);
    assert_eq!(shown().as_deref(), Some(own), "without the page's token nothing is believed");
}

#[tokio::test]
async fn nothing_else_is_taken() {
    let page = Page::new().await;
    let keys = &page.desk.console.keys;
    let good = Upload { session: page.session.id, trace: [7; 16], expiry: clock::unix_seconds() + 60 };
    let others = Upload { session: Id::from_bytes([4; 16]), ..good };
    for (what, token) in [
        ("another session's", others.seal(keys)),
        ("an old one", Upload { expiry: 1, ..good }.seal(keys)),
        ("a session's", page.session.seal(keys)),
        ("none", String::new()),
        ("another key's", good.seal(&Keys::new(&["another secret of some length"]).unwrap())),
    ] {
        assert_eq!(page.send(&token, spans(TRACE, 1)).await.0, 403, "{what}");
    }
    let token = page.token();
    let other = "0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e";
    page.desk.console.sessions.owns(Id::from_bytes([5; 16]), TraceId::from_hex(other).unwrap());
    let (status, said) = page.send(&token, spans(other, 1)).await;
    assert_eq!((status, &said["partialSuccess"]["rejectedSpans"]), (200, &json!("1")), "another session's trace");
    for (body, status) in
        [(b"".to_vec(), 400), (b"[".to_vec(), 400), (b"{\"resourceSpans\":3}".to_vec(), 400), (vec![b' '; 70_000], 413)]
    {
        assert_eq!(page.send(&token, body).await.0, status);
    }
    let gzip = Request::post(format!("{BASE}/spans"))
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .header(UPLOAD, &token);
    let answer = page.desk.console.answer(&gzip.body(Bytes::new()).unwrap(), &page.visit()).await;
    assert_eq!(answer.response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut foreign = Request::post(format!("{BASE}/spans")).header(UPLOAD, &token).body(Bytes::new()).unwrap();
    foreign.headers_mut().insert("origin", HeaderValue::from_static("http://evil.example"));
    assert_eq!(page.desk.console.answer(&foreign, &page.visit()).await.response.status(), StatusCode::FORBIDDEN);
    assert_eq!(page.handed_on().await, 0);
}

#[tokio::test]
async fn a_session_sends_so_often_in_a_minute() {
    let page = Page::new().await;
    page.desk.console.shelf.limits.send_modify(|limits| limits.uploads_per_minute_max = 1);
    let token = page.token();
    let mut seen = Vec::new();
    // The minute may turn in between.
    for _ in 0..4 {
        seen.push(page.send(&token, spans(TRACE, 1)).await.0);
    }
    assert_eq!(seen[0], 200);
    assert!(seen.contains(&429), "{seen:?}");
}

/// An edge that remembers what it was sent.
#[derive(Default)]
struct Recorder(Mutex<Vec<Request<()>>>);

impl OwnEdge for Arc<Recorder> {
    fn listener(&self, scheme: Spoken) -> Option<Listener> {
        Some(Listener { origin: format!("{}://127.0.0.1:1", scheme.as_str()), scheme })
    }

    fn send(&self, _: Listener, request: Request<()>) -> BoxFuture<'static, Result<Reply, BoxError>> {
        self.0.lock().unwrap().push(request);
        let trace = Some(TraceId::from_hex(TRACE).unwrap());
        Box::pin(async move { Ok(Reply { status: StatusCode::OK, trace }) })
    }
}

#[tokio::test]
async fn a_recorded_request_is_sent_again_as_the_person_who_asks() {
    let desk = Desk::new().await;
    let edge = Arc::new(Recorder::default());
    assert!(desk.console.shelf.edge.set(Arc::new(Arc::clone(&edge))).is_ok());
    let answer = desk.post("/replays", &json!({ "request_id": ROW, "runs": 3, "cache": "bypass" })).await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let told = parsed(&answer);
    assert_eq!(told["runs"], json!(vec![json!({ "trace_id": TRACE, "status": 200 }); 3]));
    let sent = std::mem::take(&mut *edge.0.lock().unwrap());
    assert_eq!(sent.len(), 3);
    for request in &sent {
        assert_eq!((request.method(), request.uri().path()), (&Method::GET, "/cart"));
        let host = request.headers()["host"].to_str().unwrap();
        let credentials =
            session::read(request.headers(), Spoken::Http, &desk.console.keys, host, clock::unix_seconds());
        let https = session::read(request.headers(), Spoken::Https, &desk.console.keys, host, clock::unix_seconds());
        let session = credentials.session.or(https.session).unwrap();
        assert_eq!((session.kind, session.id.to_string().into()), (SessionKind::Fresh, told["session_id"].clone()));
        assert!(!request.headers().contains_key("accept-encoding"), "nothing else of the first one");
    }
    assert_eq!(parsed(&desk.get("/audit?limit=1").await)["items"][0]["deed"], "replay");
    let put = |row: RequestRow| async { desk.console.shelf.store().ok().unwrap().write_requests(vec![row]).await };
    for (row, status) in [
        (RequestRow { method: "POST".into(), ..row() }, 422),
        (RequestRow { path: "/_waylight/".into(), ..row() }, 422),
        (RequestRow { query: "token=REDACTED".into(), ..row() }, 422),
        (RequestRow { path: format!("/{}", "x".repeat(255)).into(), ..row() }, 422),
        (RequestRow { method: "HEAD".into(), ..row() }, 200),
    ] {
        put(row.clone()).await.unwrap();
        assert_eq!(desk.post("/replays", &json!({ "request_id": ROW })).await.status(), status, "{row:?}");
    }
    for wish in [json!({ "request_id": "x" }), json!({ "request_id": ROW, "runs": 21 }), json!({})] {
        assert_eq!(desk.post("/replays", &wish).await.status(), StatusCode::BAD_REQUEST);
    }
    desk.console.shelf.limits.send_modify(|limits| limits.replays_per_minute_max = 2);
    let wish = json!({ "request_id": ROW, "runs": 3 });
    assert_eq!(desk.post("/replays", &wish).await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_page_is_run_several_times_without_caches_or_not_loaded_at_all() {
    let desk = Desk::new().await;
    let many = parsed(&desk.post("/page-trace", &json!({ "path": "/", "runs": 5, "cache": "bypass" })).await);
    assert_eq!((&many["runs"], &many["session"]["kind"]), (&json!(5), &json!("page")));
    let expiry = many["session"]["expires_at"].as_u64().unwrap() - clock::unix_seconds();
    assert!((290..=300).contains(&expiry), "{expiry}");
    let armed = parsed(&desk.post("/page-trace", &json!({ "arm": "interaction" })).await);
    assert_eq!((&armed["path"], &armed["session"]["kind"]), (&Value::Null, &json!("page")));
    let upload = Upload::open(armed["browser"]["upload"].as_str().unwrap(), &desk.console.keys, 0).unwrap();
    assert_eq!(TraceId::from_bytes(upload.trace).to_string(), armed["browser"]["trace"]);
    assert_eq!(json!(upload.session.to_string()), armed["session"]["id"]);
    assert_eq!(desk.console.sessions.owner(TraceId::from_bytes(upload.trace)), Some(upload.session));
    assert_eq!(many["browser"], Value::Null, "a page that is loaded is told by the edge");
    for wish in [json!({}), json!({ "path": "/", "runs": 0 }), json!({ "path": "/", "cache": "off" })] {
        assert_eq!(desk.post("/page-trace", &wish).await.status(), StatusCode::BAD_REQUEST);
    }
}
