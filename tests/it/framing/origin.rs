//! Nothing ambiguous reaches an origin: the whole stack, before an origin that records every octet.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::LocalSet,
};

use super::{Case, Place, cases, see};
use crate::support::{
    client::{Client, Protocol},
    edge::Stage,
    plain::connect_to,
};

/// What an origin got, connection by connection.
type Recorded = Rc<RefCell<Vec<Vec<u8>>>>;

async fn origin() -> (SocketAddr, Recorded) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let recorded = Recorded::default();
    let log = Rc::clone(&recorded);
    tokio::task::spawn_local(async move {
        while let Ok((io, _)) = listener.accept().await {
            tokio::task::spawn_local(record(io, Rc::clone(&log)));
        }
    });
    (address, recorded)
}

/// Answers each request that is complete.
async fn record(mut io: TcpStream, log: Recorded) {
    let place = log.borrow().len();
    log.borrow_mut().push(Vec::new());
    let mut answered = 0;
    let mut octets = [0; 4096];
    while let Ok(read) = io.read(&mut octets).await {
        if read == 0 {
            break;
        }
        log.borrow_mut()[place].extend_from_slice(&octets[..read]);
        let (requests, place) = requests(&log.borrow()[place]);
        while place == Place::Between && answered < requests {
            answered += 1;
            io.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    }
}

/// How many requests `octets` are; they must be clear.
fn requests(octets: &[u8]) -> (usize, Place) {
    see(octets).unwrap_or_else(|fault| panic!("{}: {}", fault.reason, String::from_utf8_lossy(octets)))
}

const TOML: &str = r#"
[[site]]
hosts = ["*"]
toolbar = false
[[site.route]]
path = "/*"
upstream = "app"
[upstream.app]
endpoints = ["http://@ORIGIN@"]
"#;

/// Sends a case; what came back, and what the origin got.
async fn send(case: &Case) -> (String, Vec<Vec<u8>>) {
    let (address, recorded) = origin().await;
    let stage = Stage::set(TOML, address);
    let (mut io, drainer) = connect_to(stage.edge.clone());
    io.write_all(case.send.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let wanted = case.answers.len();
    while String::from_utf8_lossy(&answer).matches("HTTP/1.").count() < wanted {
        if io.read_buf(&mut answer).await.unwrap() == 0 {
            break;
        }
    }
    drainer.start();
    io.read_to_end(&mut answer).await.unwrap();
    let recorded = recorded.borrow().clone();
    (String::from_utf8(answer).unwrap(), recorded)
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { tokio::time::timeout(Duration::from_secs(30), test).await.unwrap() });
}

#[test]
fn what_is_refused_reaches_no_origin() {
    run(async {
        for case in cases("refused.toml") {
            let (answer, recorded) = send(&case).await;
            let status = format!("HTTP/1.1 {}", case.answers.last().unwrap());
            assert!(answer.contains(&status), "{}: {answer}", case.name);
            let whole: usize = recorded
                .iter()
                .map(|octets| requests(octets))
                .filter(|(_, place)| *place == Place::Between)
                .map(|(requests, _)| requests)
                .sum();
            // Of a request whose body is refused the origin may have seen the beginning, never the end.
            assert_eq!(
                whole,
                case.answers.iter().filter(|status| **status == 200).count(),
                "{}: {recorded:?}",
                case.name
            );
        }
    });
}

#[test]
fn what_is_clear_reaches_the_origin_as_clear() {
    run(async {
        for case in cases("accepted.toml") {
            let (answer, recorded) = send(&case).await;
            let passed = answer.matches("HTTP/1.1 200").count() + answer.matches("HTTP/1.0 200").count();
            let seen: usize = recorded.iter().map(|octets| requests(octets).0).sum();
            assert_eq!(seen, passed, "{}: {answer}", case.name);
            for octets in &recorded {
                assert_eq!(requests(octets).1, Place::Between, "{}", case.name);
            }
        }
    });
}

/// Asks the whole stack in HTTP/2's terms; the status, and how many requests the origin got.
async fn ask(request: http::request::Builder) -> (u16, usize) {
    let (address, recorded) = origin().await;
    let stage = Stage::set(TOML, address);
    let response = stage.ask(request.version(http::Version::HTTP_2)).await;
    assert_eq!(response.headers().contains_key("allow"), response.status() == 405);
    let origins = recorded.borrow().len();
    (response.status().as_u16(), origins)
}

#[test]
fn what_no_scanner_has_seen_is_refused_too() {
    run(async {
        let post = || http::Request::post("http://shop.test/");
        assert_eq!(ask(post().header("content-length", "0")).await, (200, 1));
        assert_eq!(ask(post().header("expect", "100-Continue")).await, (200, 1));
        assert_eq!(ask(post().header("expect", "100-continue, x")).await, (417, 0));
        assert_eq!(ask(post().header("content-length", "5").header("content-length", "5")).await, (400, 0));
        for length in ["005", "00", "+5", "", "5, 5"] {
            assert_eq!(ask(post().header("content-length", length)).await, (400, 0), "{length}");
        }
        let star = |method| http::Request::builder().method(method).uri("*").header("host", "shop.test");
        assert_eq!(ask(star("OPTIONS")).await, (200, 1));
        assert_eq!(ask(star("GET")).await, (400, 0));
        for method in ["TRACE", "CONNECT"] {
            assert_eq!(ask(post().method(method)).await, (405, 0), "{method}");
        }
    });
}

#[test]
fn http2_on_the_wire_reaches_the_origin_clear_or_not_at_all() {
    run(async {
        let (address, recorded) = origin().await;
        let Client::Http2(mut send) = Client::connect(&Stage::set(TOML, address), Protocol::Http2).await else {
            unreachable!("HTTP/2 was asked for");
        };
        let star = http::Uri::builder().scheme("http").authority("shop.test").path_and_query("*").build().unwrap();
        let to = |method| http::Request::builder().method(method).uri("http://shop.test/");
        for (request, status) in [
            (to("POST").header("content-length", "0").header("content-length", "0"), 400),
            (to("POST").header("content-length", "00"), 400),
            (to("GET").uri(star), 400),
            (to("TRACE"), 405),
            (to("GET").header("expect", "x"), 417),
            (to("GET").uri("http://../"), 400),
            (to("GET").header("cookie", "a=1").header("cookie", "b=2").header("proxy", "x"), 200),
        ] {
            let request = request.body(http_body_util::Empty::new()).unwrap();
            let about = format!("{request:?}");
            send.ready().await.unwrap();
            assert_eq!(send.send_request(request).await.unwrap().status(), status, "{about}");
        }
        let recorded = recorded.borrow();
        let seen = String::from_utf8_lossy(&recorded[0]);
        assert!(recorded.len() == 1 && seen.matches("HTTP/1.1\r\n").count() == 1, "{seen}");
        assert!(seen.contains("\r\ncookie: a=1; b=2\r\n") && !seen.contains("proxy:"), "{seen}");
    });
}
