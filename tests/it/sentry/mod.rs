//! The tunnel for Sentry's browser SDKs: what arrives at a project, what is refused before anything is sent, and what is
//! copied for traced sessions.

mod coded;

use std::{cell::RefCell, io::Write as _, net::SocketAddr, rc::Rc};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::{Notify, mpsc},
    task::spawn_local,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto, pki_types::PrivateKeyDer},
};
use waylight::{
    body::Body, error::BoxError, proxy::snapshot::Snapshot, rules::sentry::Dsn, service::Request as Asking,
};

use crate::support::edge::{HOST, Origin, Stage, config, on_worker};

/// A site whose app is what Sentry is, so that one origin sees everything.
const SITE: &str = r#"
[upstream.app]
endpoints = ["http://@ORIGIN@"]
[[site]]
hosts = ["shop.test"]
[[site.route]]
path = "/*"
upstream = "app"
[trace]
ratio = 1.0
[sentry]
dsn = "http://public@@ORIGIN@/42"
tunnel_path = "/monitoring"
tunnel_dsns = ["http://other@@ORIGIN@/sub/7"]
tunnel_timeout = "50ms"
"#;

const ITEMS: &str = "{\"type\":\"event\"}\n{\"message\":\"\u{e9}\"}\n{\"type\":\"attachment\",\"length\":3}\n\r\n\0\n";

fn dsn(origin: &Origin) -> Dsn {
    dsn_at(origin.address)
}

fn dsn_at(address: SocketAddr) -> Dsn {
    Dsn::parse(&format!("http://public@{address}/42")).unwrap()
}

fn envelope(dsn: &str) -> String {
    format!("{{\"sent_at\":\"2026-11-26T00:00:00Z\",\"dsn\":{dsn:?}}}\n{ITEMS}")
}

async fn sentry() -> Origin {
    Origin::start(|asked| {
        if asked.uri().path() == "/api/7/moved" {
            return http::Response::builder().status(200).body(String::from("followed")).unwrap();
        }
        http::Response::builder()
            .header("content-type", "application/json")
            .header("x-sentry-rate-limits", "60:transaction:key")
            .header("retry-after", "60")
            .header("set-cookie", "sentry=1")
            .header("server", "relay")
            .body(String::from("{}"))
            .unwrap()
    })
    .await
}

async fn post(stage: &Stage, path: &str, body: impl Into<Bytes>) -> http::Response<Bytes> {
    stage.ask_with(Request::post(path), Body::full(body)).await
}

#[test]
fn an_envelope_arrives_as_it_was_sent() {
    on_worker(async {
        let origin = sentry().await;
        let mut stage = Stage::set(SITE, origin.address);
        let own = dsn(&origin);
        let envelope = envelope(own.as_str());
        let length = envelope.len().to_string();
        for path in [own.tunnel_path().as_str(), "/monitoring"] {
            let request = Request::post(format!("{path}?tunnel=1"))
                .header("cookie", "basket=1; sid=2")
                .header("authorization", "Bearer app")
                .header("user-agent", "Shop/1")
                .header("sec-ch-ua", "\"Chromium\"")
                .header("sec-ch-ua-platform", "Linux")
                .header("origin", "http://shop.test")
                .header("referer", "http://shop.test/cart")
                .header("accept-encoding", "br")
                .header("content-type", "text/plain;charset=UTF-8")
                .header("content-length", &length)
                .header("x-forwarded-for", "203.0.113.9")
                .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            let answer = stage.ask_with(request, Body::full(envelope.clone())).await;
            assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, &b"{}"[..]));
            let told: Vec<_> = answer.headers().keys().map(http::HeaderName::as_str).collect();
            assert_eq!(told, ["content-type", "retry-after", "x-sentry-rate-limits"]);
            let asked = origin.last();
            assert_eq!(asked.method(), Method::POST);
            assert_eq!(asked.uri(), "/api/42/envelope/?sentry_version=7&sentry_key=public");
            assert_eq!(asked.body(), &envelope);
            let mut fields: Vec<_> =
                asked.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            fields.sort();
            let expected = [
                &*format!("content-length: {length}"),
                "content-type: application/x-sentry-envelope",
                &*format!("host: {}", origin.address),
                "origin: http://shop.test",
                "referer: http://shop.test/cart",
                "sec-ch-ua-platform: Linux",
                "sec-ch-ua: \"Chromium\"",
                "user-agent: Shop/1",
                "x-sentry-forwarded-for: 192.0.2.1",
            ];
            assert_eq!(fields, expected);
        }
        assert_eq!(stage.counters.sentry_envelopes.value(), 2);
        assert!(stage.spans().is_empty(), "it is not traced, whatever the ratio says");
        let row = &stage.listed()[0];
        assert_eq!((&*row.route, &*row.upstream, row.trace), ("sentry", "sentry", None));
    });
}

#[test]
fn each_project_gets_its_own() {
    on_worker(async {
        let origin = sentry().await;
        let stage = Stage::set(SITE, origin.address);
        let other = Dsn::parse(&format!("http://other@{}/sub/7", origin.address)).unwrap();
        assert_eq!(post(&stage, &other.tunnel_path(), envelope(other.as_str())).await.status(), 200);
        assert_eq!(origin.last().uri(), "/sub/api/7/envelope/?sentry_version=7&sentry_key=other");
        // Nothing but a first line is an envelope, too.
        let line = envelope(other.as_str());
        assert_eq!(post(&stage, "/monitoring", line.lines().next().unwrap().to_owned()).await.status(), 200);
    });
}

#[test]
fn what_is_refused_is_not_sent() {
    on_worker(async {
        let origin = sentry().await;
        let stage = Stage::set(SITE, origin.address);
        let own = dsn(&origin);
        let long = format!("{{\"dsn\":{:?},\"x\":\"{}\"}}\n", own.as_str(), "x".repeat(70_000));
        let foreign = [
            format!("http://public@{}/43", origin.address),
            format!("http://publik@{}/42", origin.address),
            format!("https://public@{}/42", origin.address),
            format!("http://public:secret@{}/42", origin.address),
            format!("{}/", own.as_str()),
            String::from("http://public@169.254.169.254/42"),
            String::new(),
        ];
        for dsn in foreign {
            assert_eq!(post(&stage, "/monitoring", envelope(&dsn)).await.status(), 403, "{dsn}");
        }
        for bad in [
            "",
            "\n",
            "{",
            "[]\n",
            "{}\n",
            "null\n{}",
            "{\"dsn\":7}\n",
            "{\"dsn\":null}\n",
            &*long,
            &"x".repeat(200_000),
        ] {
            assert_eq!(post(&stage, "/monitoring", bad.to_owned()).await.status(), 400, "{bad:.80}");
        }
        for method in [Method::GET, Method::PUT, Method::OPTIONS] {
            let answer = stage.ask(Request::builder().method(method).uri(own.tunnel_path())).await;
            assert_eq!(
                (answer.status(), answer.headers()["allow"].to_str().unwrap()),
                (StatusCode::METHOD_NOT_ALLOWED, "POST")
            );
        }
        let coded = |coding| Request::post("/monitoring").header("content-encoding", coding);
        for coding in ["gzip", "deflate", "br", "zstd", "compress", "gzip, br"] {
            let answer = stage.ask_with(coded(coding), Body::full(envelope(own.as_str()))).await;
            assert_eq!(answer.status(), 400, "{coding}");
        }
        assert_eq!(stage.ask_with(coded("gzip"), Body::full(gzip(&long))).await.status(), 400);
        // Twenty octets each, with nothing in them.
        assert_eq!(stage.ask_with(coded("gzip"), Body::full(gzip("").repeat(10_000))).await.status(), 400);
        let large = Request::post("/monitoring").header("content-length", "20971521");
        assert_eq!(stage.ask_with(large, Body::full(vec![b'x'; 20 * 1024 * 1024 + 1])).await.status(), 413);
        assert!(origin.asked.borrow().is_empty());
        assert_eq!((stage.counters.sentry_envelopes_refused.value(), stage.counters.sentry_envelopes.value()), (28, 0));
    });
}

#[test]
fn other_paths_are_the_apps() {
    on_worker(async {
        let origin = sentry().await;
        let own = dsn(&origin);
        let routed = format!("[[site.route]]\npath = \"{}\"\nupstream = \"app\"\n[trace]", own.tunnel_path());
        let off = SITE.replace("tunnel_path = \"/monitoring\"\n", "").replace("tunnel_dsns", "tunnel = false #");
        for (toml, path) in [
            (SITE.to_owned(), "/monitoring/"),
            (SITE.replace("/monitoring", "/other"), "/monitoring"),
            (SITE.replace("[trace]", &routed), &own.tunnel_path()),
            (off, &own.tunnel_path()),
        ] {
            let stage = Stage::set(&toml, origin.address);
            post(&stage, path, envelope(own.as_str())).await;
            let asked = origin.last();
            assert_eq!((asked.uri().path(), asked.headers()["host"].to_str().unwrap()), (path, HOST));
        }
    });
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A body whose length is not known beforehand.
struct Pieces(mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// `octets`, so many at once.
fn pieces(octets: &[u8], size: usize) -> Body {
    let (sender, receiver) = mpsc::channel(octets.len().max(1));
    for piece in octets.chunks(size) {
        sender.try_send(Bytes::copy_from_slice(piece)).unwrap();
    }
    Body::boxed(Pieces(receiver))
}

/// A project that takes connections, and does with each as it is told.
async fn scripted(answer: Option<&'static str>) -> (SocketAddr, Rc<RefCell<Vec<u8>>>, Rc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, told) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Notify::new()));
    let (log, tell) = (Rc::clone(&seen), Rc::clone(&told));
    spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (log, tell) = (Rc::clone(&log), Rc::clone(&tell));
            spawn_local(async move {
                let mut octets = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut octets).await {
                    log.borrow_mut().extend_from_slice(&octets[..count]);
                    tell.notify_one();
                    if let Some(answer) = answer.filter(|_| log.borrow().ends_with(b"\n")) {
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    (address, seen, told)
}

#[test]
fn redirects_are_not_followed() {
    on_worker(async {
        let moved = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
        let (address, seen, _) = scripted(Some(moved)).await;
        let stage = Stage::set(SITE, address);
        let answer = post(&stage, "/monitoring", envelope(dsn_at(address).as_str())).await;
        assert_eq!((answer.status(), answer.headers().len()), (StatusCode::TEMPORARY_REDIRECT, 0));
        assert_eq!(memchr::memmem::find_iter(&seen.borrow(), b"POST ").count(), 1);
    });
}

#[test]
fn a_project_that_hangs_is_given_up() {
    on_worker(async {
        let (address, _, _) = scripted(None).await;
        let stage = Stage::set(SITE, address);
        assert_eq!(post(&stage, "/monitoring", envelope(dsn_at(address).as_str())).await.status(), 504);
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let stage_of_nobody = Stage::set(SITE, nobody);
        assert_eq!(post(&stage_of_nobody, "/monitoring", envelope(dsn_at(nobody).as_str())).await.status(), 502);
        assert_eq!(
            stage.counters.sentry_envelopes_failed.value() + stage_of_nobody.counters.sentry_envelopes_failed.value(),
            2
        );
    });
}

#[test]
fn tls_is_checked_by_the_authorities_that_are_configured() {
    on_worker(async {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(std::sync::Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut octets = [0; 4096];
                if let Ok(1..) = stream.read(&mut octets).await {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap_or_default();
                }
            }
        });
        let dsn = format!("https://public@localhost:{port}/42");
        let site = SITE.replace("http://public@@ORIGIN@/42", &dsn).replace("50ms", "5s");
        for (more, status) in [(String::new(), 502), (format!("tunnel_ca_file = {file:?}\n"), 200)] {
            let stage = Stage::set(&(site.clone() + &more), ([127, 0, 0, 1], 1).into());
            assert_eq!(post(&stage, "/monitoring", envelope(&dsn)).await.status(), status, "{more}");
        }
    });
}

#[test]
fn octets_go_on_while_others_are_still_to_come() {
    on_worker(async {
        let (address, seen, told) = scripted(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
        let toml = SITE.replace("tunnel_timeout = \"50ms\"", "tunnel_bytes_max = \"64KiB\"");
        let stage = Rc::new(Stage::set(&toml, address));
        let (sender, receiver) = mpsc::channel(1);
        let text = envelope(dsn_at(address).as_str());
        let asking = Rc::clone(&stage);
        let answer = spawn_local(async move {
            asking.ask_with(Request::post("/monitoring"), Body::boxed(Pieces(receiver))).await.status()
        });
        let (first, second) = text.split_at(text.find("attachment").unwrap());
        sender.send(first.to_owned().into()).await.unwrap();
        while memchr::memmem::find(&seen.borrow(), "\u{e9}".as_bytes()).is_none() {
            told.notified().await;
        }
        sender.send(second.to_owned().into()).await.unwrap();
        drop(sender);
        assert_eq!(answer.await.unwrap(), 200);
        // What is not told beforehand is bounded, too.
        let large = pieces(&[text.as_bytes(), &[b'x'; 70_000]].concat(), 1_000);
        assert_eq!(stage.ask_with(Request::post("/monitoring"), large).await.status(), 413);
    });
}

#[test]
fn envelopes_are_limited_in_number() {
    on_worker(async {
        let origin = sentry().await;
        let stage = Stage::set(&format!("{SITE}tunnel_requests_per_minute_max = 2\n"), origin.address);
        let mut refused = None;
        // The minute may turn in between.
        for _ in 0..5 {
            let answer = post(&stage, "/monitoring", envelope(dsn(&origin).as_str())).await;
            refused = Some(answer).filter(|answer| answer.status() == 429).or(refused);
        }
        let after: u64 = refused.unwrap().headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&after), "{after}");
        assert!(origin.asked.borrow().len() >= 2);

        let (address, _, told) = scripted(None).await;
        let toml = SITE.replace("50ms", "1m") + "tunnel_requests_max = 1\n";
        let stage = Rc::new(Stage::set(&toml, address));
        let text = envelope(dsn_at(address).as_str());
        let (asking, body) = (Rc::clone(&stage), Body::full(text.clone()));
        let hanging = spawn_local(async move { asking.ask_with(Request::post("/monitoring"), body).await });
        told.notified().await;
        let answer = post(&stage, "/monitoring", text.clone()).await;
        assert_eq!(
            (answer.status(), &answer.headers()["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
        );
        hanging.abort();
        assert!(hanging.await.is_err());
        let place = stage.services.sentry.permits.take(1);
        assert!(place.is_some(), "a place is given back when its client goes away");
    });
}

#[test]
fn a_place_is_kept_until_the_answer_was_taken() {
    on_worker(async {
        let origin = sentry().await;
        let stage = Stage::set(&format!("{SITE}tunnel_requests_max = 1\n"), origin.address);
        let body = Body::full(envelope(dsn(&origin).as_str()));
        let request: Asking = Box::new(Request::post("/monitoring").header("host", HOST).body(body).unwrap());
        let answer = stage.edge.answer(&stage.conn(), request).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(post(&stage, "/monitoring", envelope(dsn(&origin).as_str())).await.status(), 429);
        answer.into_body().collect().await.unwrap();
        assert_eq!(post(&stage, "/monitoring", envelope(dsn(&origin).as_str())).await.status(), 200);
    });
}

#[test]
fn a_reload_moves_it() {
    on_worker(async {
        let (before, after) = (sentry().await, sentry().await);
        let stage = Stage::set(SITE, before.address);
        assert_eq!(post(&stage, "/monitoring", envelope(dsn(&before).as_str())).await.status(), 200);
        let replace = |toml: &str| {
            let wished = config(&toml.replace("@ORIGIN@", &after.address.to_string()));
            let snapshot = Snapshot::build(wished, None, stage.keys.clone(), stage.services.clone()).unwrap();
            stage.edge.replace(&snapshot).unwrap();
        };
        replace(&SITE.replace("/monitoring", "/moved"));
        assert_eq!(post(&stage, "/moved", envelope(dsn(&before).as_str())).await.status(), 403, "another project's");
        assert_eq!(post(&stage, "/moved", envelope(dsn(&after).as_str())).await.status(), 200);
        assert_eq!((before.asked.borrow().len(), after.asked.borrow().len()), (1, 1));
        replace(&SITE[..SITE.find("[sentry]").unwrap()]);
        post(&stage, "/moved", envelope(dsn(&after).as_str())).await;
        assert_eq!(after.last().uri(), "/moved", "without a project the path is the app's");
        let faulty = SITE.replace("@ORIGIN@", "127.0.0.1:1") + "tunnel_ca_file = \"missing.pem\"\n";
        let https = faulty.replace("dsn = \"http:", "dsn = \"https:");
        assert!(Snapshot::build(config(&https), None, stage.keys.clone(), stage.services.clone()).is_err());
    });
}

#[test]
fn addresses_of_clients_are_told_as_far_as_they_may_be_kept() {
    on_worker(async {
        let origin = sentry().await;
        for (setting, expected) in [("truncated", Some("203.0.113.0")), ("off", None), ("full", Some("203.0.113.9"))] {
            let toml = format!(
                "{SITE}[access]\ntrusted_proxies = [\"192.0.2.1\"]\n[privacy]\nclient_address = \"{setting}\"\n"
            );
            let stage = Stage::set(&toml, origin.address);
            let request = Request::post("/monitoring").header("x-forwarded-for", "203.0.113.9");
            stage.ask_with(request, Body::full(envelope(dsn(&origin).as_str()))).await;
            let told = origin.last();
            let told = told.headers().get("x-sentry-forwarded-for").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(told.as_deref(), expected);
        }
    });
}
