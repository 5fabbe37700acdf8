mod described;
mod judged;
mod places;
mod sent;
mod told;
mod wire;

use std::net::IpAddr;

use http::Uri;
use opentelemetry::trace::TraceId;
use serde_json::json;

use super::{routes::ROUTES, testing as reading, *};
use crate::{
    clock,
    config::model::{Access, Config, Scheme},
    console::{
        Door, Parts,
        audit::{self, Audit},
        export::testing::{message, span, string},
    },
    rules::{
        access::{Action, Role, Scope, Way, may},
        headers::forwarded::PeerTrust,
        session::{Credentials, Id, Share},
        token::{Keys, Purpose},
    },
    trace::{
        requests::row::{CacheOutcome, HeaderSets, Moment, RequestRow},
        sessions::{Ephemeral, Sessions},
        sink::{Batch, Source},
        store::testing::spans,
    },
};

const TRACE: &str = "07070707070707070707070707070707";
const ROW: &str = "000000000000000000000000000000ab";

struct Desk {
    console: Console,
}

impl Desk {
    /// A console with one traced request in its store.
    async fn new() -> Self {
        Self::on_site(Scope::All).await
    }

    /// The same, where people reach so much on a site's own origin.
    async fn on_site(on_site: Scope) -> Self {
        let keys = Arc::new(Keys::new(&["a secret of some length"]).unwrap());
        let sessions = Arc::new(Sessions::new(100, Box::new(Ephemeral), []));
        let (upstream, listen) = ("http://127.0.0.1:1".parse().unwrap(), ([127, 0, 0, 1], 0).into());
        let Config { access, privacy, .. } = Config::minimal(&upstream, listen).unwrap();
        let audit = Arc::new(Audit::new(Box::new(audit::Ephemeral::default()), Arc::default()));
        let parts = Parts { keys, sessions, audit, counters: Arc::default(), shelf: Shelf::bare() };
        let desk = Self { console: Console::new(parts, Access { on_site, ..access }, privacy) };
        let store = desk.console.shelf.store().ok().unwrap();
        let mut query = span((2, 1), "</script>SELECT", (10, 40));
        query.attributes = vec![string("http.request.header.cookie", "a=b")];
        let spans = message(vec![span((1, 0), "GET /", (0, 100)), query]);
        store.write(Batch::of(Source::App, &spans)).await.unwrap();
        store.write_requests(vec![row()]).await.unwrap();
        desk
    }

    fn visit(role: Option<Role>) -> Visit {
        let now = clock::unix_seconds();
        let identity = role.map(|role| Identity {
            id: Id::from_bytes([9; 16]),
            name: "Ada".into(),
            role,
            way: Way::Link,
            host: "app.example".into(),
            issued: now,
            expiry: now + 600,
        });
        Visit {
            host: "app.example".into(),
            scheme: Scheme::Http,
            client: IpAddr::from([192, 0, 2, 1]),
            peer_trust: PeerTrust::Unknown,
            door: Door::Admin,
            credentials: Credentials { identity, ..Credentials::default() },
        }
    }

    async fn send(&self, role: Option<Role>, request: Request<Bytes>) -> Response<Bytes> {
        reading::read(self.console.answer(&request, &Self::visit(role))).await
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        self.send(Some(Role::Admin), Request::get(format!("{BASE}{path}")).body(Bytes::new()).unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Response<Bytes> {
        self.send(Some(Role::Admin), write(Method::POST, path, body)).await
    }
}

#[tokio::test]
async fn every_answer_says_that_it_is_the_apis() {
    let desk = Desk::new().await;
    for path in ["/me", "/nothing", "/requests/nothing", "/spans"] {
        let answer = desk.get(path).await;
        assert_eq!(answer.headers()[ANSWER_HEADER], "1", "{path}: {}", answer.status());
    }
}

fn write(method: Method, path: &str, body: &Value) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(format!("{BASE}{path}"))
        .header("host", "app.example")
        .header("content-type", "application/json")
        .header(WRITE_HEADER, "1")
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

fn row() -> RequestRow {
    let fields = |list: &[(&str, &str)]| list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    RequestRow {
        start: clock::now().unix_nanos(),
        duration: 100_000_000,
        path: "/cart".into(),
        trace: Some(TraceId::from_hex(TRACE).unwrap()),
        moments: vec![(Moment::Routed, 1_000), (Moment::FirstByte, 60_000_000)],
        cache: CacheOutcome { status: "miss".into(), reason: "nothing is stored".into() },
        headers: Some(Box::new(HeaderSets { received: fields(&[("accept", "*/*")]), ..HeaderSets::default() })),
        ..crate::trace::store::testing::row(0xab)
    }
}

fn parsed(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_else(|error| panic!("{error}: {response:?}"))
}

/// A path with its parameters filled in.
fn filled(desk: &Desk, path: &str) -> String {
    let share = Share {
        trace: TraceId::from_hex(TRACE).unwrap().to_bytes(),
        sharer: Id::from_bytes([9; 16]),
        name: "Ada".into(),
        issued: clock::unix_seconds(),
        expiry: clock::unix_seconds() + 60,
        hide: 0,
    };
    path.replace("{id}", ROW)
        .replace("{trace}", TRACE)
        .replace("{span}", "0000000000000002")
        .replace("{token}", &share.seal(&desk.console.keys))
}

#[tokio::test]
async fn every_address_asks_who_it_is() {
    for route in ROUTES {
        for role in [None, Some(Role::Guest), Some(Role::Viewer), Some(Role::Tracer), Some(Role::Admin)] {
            let desk = Desk::new().await;
            let path = filled(&desk, route.path);
            let request = write(route.method.clone(), &path, &json!({}));
            // Not read to its end: a stream has none.
            let answer = desk.console.answer(&request, &Desk::visit(role)).await.response;
            let status = answer.status();
            let case = format!("{} {} as {role:?}: {status}", route.method, route.path);
            match (route.action, role) {
                // Its token is in a header, and is missing.
                (None, _) if route.path == "/spans" => assert_eq!(status, StatusCode::FORBIDDEN, "{case}"),
                (None, _) => assert_eq!(status, StatusCode::OK, "{case}"),
                (Some(_), None) => assert_eq!(status, StatusCode::UNAUTHORIZED, "{case}"),
                (Some(action), Some(role)) if !may(role, action) => assert_eq!(status, StatusCode::FORBIDDEN, "{case}"),
                _ => assert!(![401, 403, 405].contains(&status.as_u16()) || route.path == "/sessions/{id}", "{case}"),
            }
            assert_eq!(answer.headers()["cache-control"], "no-store", "{case}");
            assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        }
    }
}

/// Takes from a write what it needs.
type Spoil<'a> = &'a dyn Fn(&mut Request<Bytes>);

#[tokio::test]
async fn writes_need_the_header_and_the_origin() {
    let desk = Desk::new().await;
    for route in ROUTES.iter().filter(|route| route.method != Method::GET) {
        let path = filled(&desk, route.path);
        let bare = |request: &mut Request<Bytes>| drop(request.headers_mut().remove(WRITE_HEADER));
        let wrong = |request: &mut Request<Bytes>| {
            drop(request.headers_mut().insert(WRITE_HEADER, HeaderValue::from_static("0")))
        };
        let foreign = |request: &mut Request<Bytes>| {
            request.headers_mut().insert("origin", HeaderValue::from_static("http://evil.example"));
        };
        let cross = |request: &mut Request<Bytes>| {
            request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        };
        let spoils: [Spoil<'_>; 4] = [&bare, &wrong, &foreign, &cross];
        for spoil in spoils {
            let mut request = write(route.method.clone(), &path, &json!({}));
            spoil(&mut request);
            let answer = desk.send(Some(Role::Admin), request).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{} {}", route.method, route.path);
        }
    }
    assert!(desk.console.shelf.store().ok().unwrap().request(0xab).await.unwrap().is_some(), "nothing was done");
}

#[tokio::test]
async fn requests_are_listed_and_told() {
    let desk = Desk::new().await;
    let listed = parsed(&desk.get("/requests?q=cart&traced=1&limit=10").await);
    let item = &listed["items"][0];
    assert_eq!((&item["id"], &item["trace_id"], &item["path"]), (&json!(ROW), &json!(TRACE), &json!("/cart")));
    assert_eq!(item["phases"], json!([["route", 0, 1], ["wait", 1, 59_999], ["respond", 60_000, 40_000]]));
    assert_eq!(listed["next"], Value::Null);
    let none = parsed(&desk.get("/requests?q=nowhere").await);
    assert_eq!(none["items"], json!([]));
    assert_eq!(none["excluded_by"]["find"], 1);
    let bins = parsed(&desk.get("/requests/histogram?bins=3").await);
    assert_eq!(bins["all"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(), 1);
    let told = parsed(&desk.get(&format!("/requests/{ROW}")).await);
    assert_eq!(told["headers"]["received"], json!([["accept", "*/*"]]));
    assert_eq!(told["why_not_cached"], "The cache had no answer: nothing is stored.");
    assert_eq!(desk.get("/requests/000000000000000000000000000000ac").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_as_a_problem() {
    let desk = Desk::new().await;
    for (path, status, parameter) in [
        ("/requests?colour=red", 400, "colour"),
        ("/requests?limit=501", 400, "limit"),
        ("/requests?limit=1&limit=2", 400, "limit"),
        ("/requests?before=AAAA", 400, "before"),
        ("/requests?before=%00", 400, "before"),
        ("/requests?q=status:9x9", 400, "q"),
        ("/requests?from=-1", 400, "from"),
        ("/requests?from=5&to=5", 400, "from"),
        ("/requests?browser=you", 400, "browser"),
        ("/requests?session=1", 400, "session"),
        ("/requests?trace=00000000000000000000000000000000", 400, "trace"),
        ("/requests/histogram?bins=0", 400, "bins"),
        ("/requests/xyz", 400, "id"),
        ("/traces/0/status", 400, "trace"),
        ("/traces/00000000000000000000000000000001?format=pdf", 400, "format"),
        ("/traces/00000000000000000000000000000001", 404, ""),
        ("/traces/07070707070707070707070707070707/spans", 400, "q"),
        ("/traces/07070707070707070707070707070707/spans/zz", 400, "span"),
        ("/traces/07070707070707070707070707070707/spans/00000000000000ff", 404, ""),
        ("/audit?limit=0", 400, "limit"),
        ("/me?x=1", 400, "x"),
        ("/nowhere", 404, ""),
        ("/shared/AAAA", 404, ""),
    ] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}: {answer:?}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let problem = parsed(&answer);
        assert_eq!(problem["status"], status, "{path}");
        if !parameter.is_empty() {
            assert_eq!(problem["parameter"], parameter, "{path}");
        }
    }
    let answer = desk.send(Some(Role::Admin), write(Method::PUT, "/sessions", &json!({}))).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["allow"]), (405, &HeaderValue::from_static("GET, POST")));
}

#[tokio::test]
async fn a_trace_is_told_in_columns_and_taken_out() {
    let desk = Desk::new().await;
    let trace = parsed(&desk.get(&format!("/traces/{TRACE}")).await);
    assert_eq!(trace["spans"]["id"], json!(["0000000000000001", "0000000000000002"]));
    assert_eq!(trace["state"], "done");
    let span = parsed(&desk.get(&format!("/traces/{TRACE}/spans/0000000000000002")).await);
    assert_eq!((&span["name"], &span["resource"]["service.name"]), (&json!("</script>SELECT"), &json!("shop")));
    for (q, found) in [("http.request.header.cookie:A=B", 1), ("cookie:a=b", 0), ("a=b", 1), ("nowhere", 0)] {
        let spans = parsed(&desk.get(&format!("/traces/{TRACE}/spans?q={q}")).await);
        assert_eq!(spans["spans"].as_array().unwrap().len(), found, "{q}: {spans}");
        assert_eq!(spans["more"], false);
    }
    for (format, kind) in [
        ("otlp", "application/json"),
        ("har", "application/json"),
        ("chrome", "application/json"),
        ("html", "text/html; charset=utf-8"),
    ] {
        let file = desk.get(&format!("/traces/{TRACE}?format={format}")).await;
        assert_eq!(file.headers()["content-type"], kind);
        assert!(file.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; "), "{format}");
        assert!(file.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    }
    let audit = parsed(&desk.get("/audit?limit=10").await);
    assert_eq!(audit["items"].as_array().unwrap().len(), 4, "each of them is written down");
    assert_eq!(audit["items"][0]["deed"], "export");
}

#[tokio::test]
async fn stored_responses_are_purged_by_who_may() {
    let desk = Desk::new().await;
    let wish = json!({ "prefix": "https://Shop.example:443/a", "soft": true });
    let purged = desk.post("/cache/purge", &wish).await;
    assert_eq!((purged.status(), parsed(&purged)), (StatusCode::OK, json!({ "purged": 2 })));
    let audit = parsed(&desk.get("/audit?limit=1").await);
    assert_eq!(
        (&audit["items"][0]["deed"], &audit["items"][0]["subject"]),
        (&json!("purge"), &json!("https://shop.example/a* (soft)"))
    );
    for bad in
        [json!({}), json!({ "url": "shop.example/a" }), json!({ "tag": " " }), json!({ "all": true, "tag": "a" })]
    {
        assert_eq!(desk.post("/cache/purge", &bad).await.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let request = write(Method::POST, "/cache/purge", &json!({ "all": true }));
    assert_eq!(desk.send(Some(Role::Tracer), request).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_exported_can_be_imported() {
    let (from, to) = (Desk::new().await, Desk::new().await);
    let file = from.get(&format!("/traces/{TRACE}?format=otlp")).await.into_body();
    let erased = to.post("/erase", &json!({ "person": "nobody" })).await;
    assert_eq!(erased.status(), StatusCode::OK);
    let other = String::from_utf8(file.to_vec()).unwrap().replace(TRACE, "08080808080808080808080808080808");
    let request = Request::post(format!("{BASE}/traces/import"))
        .header("host", "app.example")
        .header(WRITE_HEADER, "1")
        .body(Bytes::from(other))
        .unwrap();
    let taken = to.send(Some(Role::Admin), request).await;
    assert_eq!(taken.status(), StatusCode::CREATED, "{taken:?}");
    assert_eq!(parsed(&taken)["spans"], 2);
    let span = parsed(&to.get("/traces/08080808080808080808080808080808/spans/0000000000000002").await);
    assert_eq!(span["resource"]["waylight.imported_by"], "Ada");
    for bad in ["", "{}", "[]", "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"07\"}]}]}]}"] {
        let request = Request::post(format!("{BASE}/traces/import")).header(WRITE_HEADER, "1");
        let answer = to.send(Some(Role::Admin), request.body(Bytes::from(bad)).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_just_erased_can_be_imported() {
    let desk = Desk::new().await;
    let file = desk.get(&format!("/traces/{TRACE}?format=otlp")).await.into_body();
    let session = Id::from_bytes([6; 16]);
    let store = desk.console.shelf.store().ok().unwrap();
    store.write_requests(vec![RequestRow { session: Some(session), ..row() }]).await.unwrap();
    let erased = parsed(&desk.post("/erase", &json!({ "session": session.to_string() })).await);
    assert_eq!((&erased["requests"], &erased["spans"]), (&json!(1), &json!(2)));
    let request = Request::post(format!("{BASE}/traces/import")).header("host", "app.example");
    let request = request.header(WRITE_HEADER, "1").body(file).unwrap();
    assert_eq!(desk.send(Some(Role::Admin), request).await.status(), StatusCode::CREATED);
    let spans = store.trace(TraceId::from_hex(TRACE).unwrap()).await.unwrap();
    assert_eq!(spans.len(), 1, "what is said to be taken is");
}

#[tokio::test]
async fn what_an_import_takes_in_memory_is_bounded_and_told_in_short() {
    let desk = Desk::new().await;
    desk.console.shelf.limits.send_modify(|limits| limits.import_bytes_max = 10_000);
    let send = |json: String| {
        let request = Request::post(format!("{BASE}/traces/import")).header(WRITE_HEADER, "1");
        desk.send(Some(Role::Admin), request.body(Bytes::from(json)).unwrap())
    };
    let file = |resource: &str, spans: &str| {
        format!(r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
    };
    let empty = vec!["{}"; 3_000].join(",");
    let large = format!(r#"{{"attributes":[{{"key":"{}"}}]}}"#, "k".repeat(4_000));
    let span = |at: usize| format!(r#"{{"traceId":"{:032x}","spanId":"{:016x}"}}"#, at + 1, at + 1);
    let spans = |count| (0..count).map(span).collect::<Vec<_>>().join(",");
    for (resource, spans) in [("{}", empty), (&*large, spans(50))] {
        assert_eq!(send(file(resource, &spans)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(send(file("{}", &spans(50))).await.status(), StatusCode::CREATED);
    let said = parsed(&desk.get("/audit?limit=1").await)["items"][0]["subject"].as_str().unwrap().to_owned();
    assert!(said.ends_with(" and 46 more"), "{said}");
}

#[tokio::test]
async fn a_shared_trace_hides_what_was_chosen_and_ends_with_its_maker() {
    let desk = Desk::new().await;
    let share = format!("/traces/{TRACE}/share");
    let preview = parsed(&desk.post(&share, &json!({ "redact": ["cookies", "headers"] })).await);
    assert_eq!((&preview["holds"]["cookies"], &preview["shows"]["cookies"]), (&json!(1), &json!(0)));
    let link = parsed(&desk.post(&share, &json!({ "redact": ["cookies"], "give": "link", "ttl": 60 })).await);
    let path = link["path"].as_str().unwrap().to_owned();
    let uri: Uri = path.parse().unwrap();
    assert!(desk.console.claims(&uri, &http::HeaderMap::new(), &mut Desk::visit(None)));
    let open = || Request::get(format!("{path}?format=otlp")).body(Bytes::new()).unwrap();
    let shown = desk.send(None, open()).await;
    assert_eq!(shown.status(), StatusCode::OK);
    let text = String::from_utf8(shown.body().to_vec()).unwrap();
    assert!(text.contains("SELECT") && !text.contains("a=b"), "{text}");
    // Nobody makes another link of it, and no other token is one.
    let last = if path.ends_with('x') { 'y' } else { 'x' };
    let forged = format!("{}{last}", &path[..path.len() - 1]);
    assert!(!desk.console.claims(&forged.parse().unwrap(), &http::HeaderMap::new(), &mut Desk::visit(None)));
    for purpose in Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Share) {
        let token = desk.console.keys.seal(purpose, &[0xff; 41]);
        assert_eq!(desk.get(&format!("/shared/{token}")).await.status(), StatusCode::NOT_FOUND, "{purpose:?}");
    }
    desk.console.sessions.revoke_id(Id::from_bytes([9; 16]), clock::unix_seconds()).unwrap();
    assert_eq!(desk.send(None, open()).await.status(), StatusCode::NOT_FOUND);
    // Nor is there one of a person who was revoked, whichever sign-in made it.
    let other = Desk::new().await;
    let made = |desk: &Desk| filled(desk, "/shared/{token}");
    assert_eq!(other.get(&made(&other)).await.status(), StatusCode::OK);
    let before = made(&other);
    other.console.revoke(&Desk::visit(Some(Role::Admin)), &crate::console::Revoked::Person("Ada".into())).unwrap();
    assert_eq!(other.get(&before).await.status(), StatusCode::NOT_FOUND);
    for (wish, parameter) in
        [(json!({ "redact": ["all"] }), "redact"), (json!({ "ttl": 1 }), "ttl"), (json!({ "x": 1 }), "body")]
    {
        let answer = desk.post(&share, &wish).await;
        assert_eq!((answer.status().as_u16(), &parsed(&answer)["parameter"]), (400, &json!(parameter)));
    }
}

#[tokio::test]
async fn sessions_are_started_and_stopped() {
    let desk = Desk::new().await;
    let started = desk.post("/session", &json!({ "action": "start" })).await;
    assert!(started.headers().contains_key("set-cookie"));
    let id = parsed(&started)["session"]["id"].as_str().unwrap().to_owned();
    let listed = parsed(&desk.get("/sessions").await);
    assert_eq!((&listed["live"][0]["id"], &listed["live"][0]["mine"]), (&json!(id), &json!(true)));
    let ended = desk.send(Some(Role::Admin), write(Method::DELETE, &format!("/sessions/{id}"), &json!({}))).await;
    assert_eq!(parsed(&ended)["revoked"], id);
    assert_eq!(parsed(&desk.get("/sessions").await)["live"], json!([]));
    let page = parsed(&desk.post("/page-trace", &json!({ "path": "/a b" })).await);
    assert_eq!((&page["path"], &page["session"]["kind"]), (&json!("/a%20b"), &json!("page")));
    for (path, wish) in [("/page-trace", json!({ "path": "//evil.example" })), ("/session", json!({ "action": "fly" }))]
    {
        assert_eq!(desk.post(path, &wish).await.status(), StatusCode::BAD_REQUEST);
    }
    let other = write(Method::PATCH, &format!("/sessions/{ROW}"), &json!({ "action": "stop" }));
    assert_eq!(desk.send(Some(Role::Admin), other).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_house_tells_of_itself_without_secrets() {
    let desk = Desk::new().await;
    let me = parsed(&desk.get("/me").await);
    assert_eq!((&me["name"], &me["role"], &me["session"]), (&json!("Ada"), &json!("admin"), &Value::Null));
    assert_eq!(me["may"].as_array().unwrap().len(), Action::ALL.len());
    assert_eq!(parsed(&desk.get("/quota").await)["limit"], 1_000);
    let settings = parsed(&desk.get("/settings").await);
    assert_eq!((&settings["store"]["kind"], &settings["config"]), (&json!("memory"), &json!("workers = 2")));
    let erased = parsed(&desk.post("/erase", &json!({ "session": ROW })).await);
    assert_eq!(erased["requests"], 0);
    assert_eq!(desk.post("/erase", &json!({ "session": ROW, "person": "x" })).await.status(), StatusCode::BAD_REQUEST);
    let form = Request::post(format!("{BASE}/erase")).header(WRITE_HEADER, "1").body(Bytes::new()).unwrap();
    assert_eq!(desk.send(Some(Role::Admin), form).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_to_the_store_is_erased_too() {
    let desk = Desk::new().await;
    let store = desk.console.shelf.store().ok().unwrap();
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let row = RequestRow { id: 77, person: "Grace".into(), trace: None, ..row() };
        store.write_requests(vec![row]).await.unwrap();
    };
    let wish = json!({ "person": "Grace" });
    let (erased, ()) = tokio::join!(desk.post("/erase", &wish), late);
    assert_eq!(parsed(&erased)["requests"], 1);
    assert_eq!(store.request(77).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_trace_without_requests_is_erased_with_its_session() {
    let desk = Desk::new().await;
    let trace = TraceId::from(0x9999_u128);
    assert!(desk.console.sessions.owns(Id::parse(ROW).unwrap(), trace), "a page began it by itself");
    let store = desk.console.shelf.store().ok().unwrap();
    store.write(spans([0x9999])).await.unwrap();
    let erased = parsed(&desk.post("/erase", &json!({ "session": ROW })).await);
    assert_eq!((&erased["traces"], &erased["spans"]), (&json!(1), &json!(1)));
    store.write(spans([0x9999])).await.unwrap();
    assert!(store.trace(trace).await.unwrap().is_empty(), "nor does it come back");
}

#[tokio::test]
async fn a_trace_link_is_made_listed_and_ended() {
    let desk = Desk::new().await;
    let wish = json!({ "path": "/cart", "seconds": 60, "requests_max": 5, "site": "http://app.example" });
    let made = desk.post("/trace-links", &wish).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let url = parsed(&made)["url"].as_str().unwrap().to_owned();
    let token = url.strip_prefix("http://app.example/_waylight/trace?token=").unwrap();
    let listed = parsed(&desk.get("/trace-links").await)["items"].clone();
    let link = &listed[0];
    assert_eq!((&link["person"], &link["path"], &link["mine"]), (&json!("Ada"), &json!("/cart"), &json!(true)));
    assert_eq!((&link["seconds"], &link["requests_max"]), (&json!(60), &json!(5)));
    assert!(!listed.to_string().contains(token), "the token is told once");
    let open = desk.console.visit_link(token, "app.example").unwrap();
    let path = format!("/trace-links/{}", link["id"].as_str().unwrap());
    let end = || desk.send(Some(Role::Tracer), write(Method::DELETE, &path, &json!({})));
    assert_eq!(end().await.status(), StatusCode::OK);
    assert!(desk.console.sessions.is_used(open.nonce), "nobody uses it any more");
    assert_eq!(end().await.status(), StatusCode::NOT_FOUND);
    assert_eq!(parsed(&desk.get("/trace-links").await)["items"], json!([]));
    for (wish, parameter) in [(json!({ "path": "/" }), "site"), (json!({ "x": 1 }), "body")] {
        let answer = desk.post("/trace-links", &wish).await;
        assert_eq!((answer.status().as_u16(), &parsed(&answer)["parameter"]), (400, &json!(parameter)));
    }
    let away = json!({ "path": "//evil.example", "site": "http://app.example" });
    assert_eq!(desk.post("/trace-links", &away).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn people_are_revoked_and_sign_out() {
    let desk = Desk::new().await;
    assert_eq!(parsed(&desk.post("/revoke", &json!({ "person": "Bob" })).await)["revoked"], "Bob");
    assert!(desk.console.sessions.is_person_revoked("Bob", clock::unix_seconds()));
    assert_eq!(parsed(&desk.post("/revoke", &json!({ "identity": ROW })).await)["revoked"], ROW);
    assert!(desk.console.sessions.is_revoked(Id::parse(ROW).unwrap()));
    for bad in
        [json!({}), json!({ "person": " " }), json!({ "identity": "x" }), json!({ "person": "a", "identity": ROW })]
    {
        assert_eq!(desk.post("/revoke", &bad).await.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let out = desk.send(Some(Role::Viewer), write(Method::POST, "/sign-out", &json!({}))).await;
    assert!(out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"), "{out:?}");
    assert!(desk.console.sessions.is_revoked(Id::from_bytes([9; 16])));
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page() {
    let desk = Desk::new().await;
    for name in ["a", "b", "c"] {
        desk.post("/revoke", &json!({ "person": name })).await;
    }
    let (mut subjects, mut before) = (Vec::new(), String::new());
    loop {
        let page = parsed(&desk.get(&format!("/audit?limit=2&before={before}")).await);
        subjects.extend(page["items"].as_array().unwrap().iter().map(|entry| entry["subject"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        before = next.to_owned();
    }
    assert_eq!(subjects, [json!("person c"), json!("person b"), json!("person a")]);
    let answer = desk.get("/audit?before=x").await;
    assert_eq!(parsed(&answer)["parameter"], "before");
}
