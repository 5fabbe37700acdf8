use std::{cell::RefCell, pin::Pin, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response as HttpResponse};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::{
    Protocols,
    tests::{Client, run},
};
use crate::{
    body::Body,
    clock,
    error::BoxError,
    proxy::{context::Conn, handler::Serve},
    service::{Request, Response},
};

/// What the other side saw.
type Log = Rc<RefCell<Vec<String>>>;

/// Answers by path, and writes down what it was asked and what was given up.
#[derive(Clone, Default)]
struct Scripted(Log);

/// Notes that a request was given up, unless it was answered.
struct Waiting {
    log: Log,
    path: Option<String>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.log.borrow_mut().push(format!("given up {path}"));
        }
    }
}

impl Serve for Scripted {
    fn serve(&self, conn: &Rc<Conn>, request: Request) -> impl Future<Output = Response> + 'static {
        let (log, conn) = (Rc::clone(&self.0), Rc::clone(conn));
        async move {
            let path = request.uri().path().to_owned();
            log.borrow_mut().push(format!("{} {path}", request.method()));
            let mut waiting = Waiting { log: Rc::clone(&log), path: Some(path.clone()) };
            let response = answer(&path, &conn, request, &log).await;
            waiting.path = None;
            response
        }
    }
}

async fn answer(path: &str, conn: &Conn, request: Request, log: &Log) -> Response {
    let head = || HttpResponse::builder();
    let parts = |parts: &[&'static str], length| Body::boxed(Parts::of(parts, length));
    let response = match path {
        "/hints" => {
            for status in [100, 103] {
                conn.aside.tell(head().status(status).header("link", "</a.css>").body(()).unwrap());
            }
            head().body(Body::full("hinted")).unwrap()
        }
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            head().body(Body::full("slow")).unwrap()
        }
        "/never" => std::future::pending().await,
        "/204" => head().status(204).header("content-length", "0").body(Body::empty()).unwrap(),
        "/304" => head().status(304).header("content-length", "9").body(Body::empty()).unwrap(),
        "/stream" => head().body(parts(&["one", "two"], None)).unwrap(),
        "/trailed" => {
            let mut body = Parts::of(&["one"], None);
            body.trailers = Some(HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]));
            head().body(Body::boxed(body)).unwrap()
        }
        "/short" => head().header("content-length", "9").body(parts(&["one"], None)).unwrap(),
        "/long" => head().header("content-length", "3").body(parts(&["one", "two"], None)).unwrap(),
        "/broken" => {
            let mut body = Parts::of(&["one"], None);
            body.fails = true;
            head().body(Body::boxed(body)).unwrap()
        }
        "/close" => head().header("connection", "Close").body(Body::full("bye")).unwrap(),
        "/large" => head().body(Body::full(vec![b'x'; 1 << 20])).unwrap(),
        "/unread" => head().status(403).body(Body::full("no")).unwrap(),
        _ => {
            if path == "/late" {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            let body = request.into_body().collect().await;
            let body = body.map_or_else(
                |error| format!("error: {error}"),
                |body| String::from_utf8(body.to_bytes().to_vec()).unwrap(),
            );
            log.borrow_mut().push(format!("content {body}"));
            head().body(Body::full(body + ";")).unwrap()
        }
    };
    response.into()
}

/// A body in parts.
struct Parts {
    parts: Vec<&'static str>,
    length: Option<u64>,
    trailers: Option<HeaderMap>,
    fails: bool,
}

impl Parts {
    fn of(parts: &[&'static str], length: Option<u64>) -> Self {
        let parts = parts.iter().rev().copied().collect();
        Self { parts, length, trailers: None, fails: false }
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match self.parts.pop() {
            Some(part) => Some(Ok(Frame::data(Bytes::from(part)))),
            None if self.fails => Some(Err("broken".into())),
            None => self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))),
        };
        std::task::Poll::Ready(next)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Client<Scripted> {
    fn scripted() -> Self {
        Self::of(Scripted::default(), Protocols::Http1)
    }

    fn log(&self) -> Vec<String> {
        self.serve.0.borrow().clone()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// What comes back for a request with `Connection: close`.
async fn once(line: &str, fields: &str) -> String {
    let mut client = Client::scripted();
    client.send(&format!("{line}\r\nHost: a\r\n{fields}\r\n")).await;
    client.rest().await
}

#[test]
fn content_is_framed_as_the_request_can_read_it() {
    run(async {
        let close = "Connection: close\r\n";
        let answer = once("GET /stream HTTP/1.1", close).await;
        assert!(
            answer.contains("transfer-encoding: chunked\r\n") && answer.contains("connection: close\r\n"),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{answer}");
        let answer = once("GET /stream HTTP/1.0", "Connection: keep-alive\r\n").await;
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nonetwo"), "{answer}");
        assert!(!answer.contains("transfer-encoding") && answer.contains("connection: close\r\n"), "{answer}");
        let answer = once("HEAD /stream HTTP/1.1", close).await;
        assert!(answer.ends_with("\r\n\r\n") && !answer.contains("transfer-encoding"), "{answer}");
        let answer = once("HEAD /large HTTP/1.1", close).await;
        assert!(answer.ends_with("\r\n\r\n") && answer.contains("content-length: 1048576\r\n"), "{answer}");
        let answer = once("GET /204 HTTP/1.1", close).await;
        assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n") && !answer.contains("content-length"), "{answer}");
        let answer = once("GET /304 HTTP/1.1", close).await;
        assert!(answer.ends_with("\r\n\r\n") && answer.contains("content-length: 9\r\n"), "{answer}");
        let answer = once("OPTIONS * HTTP/1.1", close).await;
        assert!(answer.contains("content-length: 1\r\n") && answer.ends_with("\r\n\r\n;"), "{answer}");
    });
}

#[test]
fn every_response_has_a_date() {
    run(async {
        let answer = once("GET / HTTP/1.1", "Connection: close\r\n").await;
        let date = answer.split("\r\n").find_map(|line| line.strip_prefix("date: ")).unwrap();
        assert!(httpdate::parse_http_date(date).is_ok(), "{date}");
    });
}

#[test]
fn trailers_go_to_those_who_read_them() {
    run(async {
        let answer = once("GET /trailed HTTP/1.1", "TE: trailers\r\nConnection: TE, close\r\n").await;
        assert!(answer.ends_with("3\r\none\r\n0\r\nx-sum: 1\r\n\r\n"), "{answer}");
        let answer = once("GET /trailed HTTP/1.1", "Connection: close\r\n").await;
        assert!(answer.ends_with("3\r\none\r\n0\r\n\r\n"), "{answer}");
    });
}

#[test]
fn a_response_that_is_not_as_long_as_it_says_ends_the_connection() {
    run(async {
        for (path, end) in [("/short", "one"), ("/long", "one"), ("/broken", "3\r\none\r\n")] {
            let mut client = Client::scripted();
            client.send(&(get(path) + &get("/"))).await;
            let answer = client.rest().await;
            assert!(answer.ends_with(&format!("\r\n\r\n{end}")), "{path}: {answer}");
            assert_eq!(client.log(), [format!("GET {path}")]);
        }
    });
}

#[test]
fn the_connection_stays_as_both_sides_wish() {
    run(async {
        let mut client = Client::scripted();
        client.send("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").await;
        let answer = client.until("\r\n\r\n;").await;
        assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("connection: keep-alive\r\n"), "{answer}");
        client.send("GET /b HTTP/1.0\r\n\r\n").await;
        assert!(client.rest().await.contains("connection: close\r\n"));
        let mut client = Client::scripted();
        client.send(&(get("/close") + &get("/a"))).await;
        let answer = client.rest().await;
        assert!(answer.contains("connection: close\r\n") && answer.ends_with("bye"), "{answer}");
        assert_eq!(client.log(), ["GET /close"]);
    });
}

#[test]
fn what_is_said_before_the_final_response_is_passed_on() {
    run(async {
        let mut client = Client::scripted();
        client.send(&get("/hints")).await;
        let answer = client.until("hinted").await;
        let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n";
        assert!(answer.starts_with(hint), "{answer}");
        let answer = once("GET /hints HTTP/1.0", "").await;
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        let mut client = Client::scripted();
        client.send("POST /hints HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
        let answer = client.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 100 Continue\r\n\r\n{hint}")), "{answer}");
    });
}

#[test]
fn a_client_is_told_to_continue_when_its_content_is_read() {
    run(async {
        let head = |path: &str| {
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        };
        let mut client = Client::scripted();
        client.send(&head("/")).await;
        assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hi").await;
        assert!(client.until("hi;").await.starts_with("HTTP/1.1 200"));
        // Who has sent it already need not be told.
        client.send(&(head("/") + "ho")).await;
        assert!(client.until("ho;").await.starts_with("HTTP/1.1 200"));
        // Who did not wait for it any longer has sent it all, so the connection can go on.
        client.send(&head("/late")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.send("ha").await;
        let answer = client.until("ha;").await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("connection: close"), "{answer}");
        // Who gets a final response may send it or not, so what follows could be anything.
        client.send(&head("/unread")).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("connection: close\r\n"), "{answer}");
    });
}

#[test]
fn content_is_read_as_it_is_asked_for_however_it_is_cut() {
    run(async {
        for body in
            ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"]
        {
            let octets = format!("POST /a HTTP/1.1\r\nHost: a\r\n{body}");
            for cut in 1..octets.len() {
                let mut client = Client::scripted();
                client.send(&octets[..cut]).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
                client.send(&(octets[cut..].to_owned() + &get("/b"))).await;
                client.until("\r\n\r\nhello;").await;
                client.until("\r\n\r\n;").await;
                assert_eq!(client.log(), ["POST /a", "content hello", "GET /b", "content "], "cut at {cut}");
            }
        }
    });
}

#[test]
fn content_that_nobody_reads_is_skipped_or_ends_the_connection() {
    run(async {
        let mut client = Client::scripted();
        client.send("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe").await;
        let answer = client.until("no").await;
        assert!(!answer.contains("connection: close"), "{answer}");
        client.send(&("llo".to_owned() + &get("/b"))).await;
        client.until("\r\n\r\n;").await;
        for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
            let mut client = Client::scripted();
            client.send(&format!("POST /unread HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")).await;
            let answer = client.rest().await;
            assert!(answer.contains("connection: close\r\n") && answer.ends_with("no"), "{answer}");
            let start = clock::now();
            client.served.await.unwrap();
            assert_eq!(clock::now().since(start).as_secs(), 2, "given time to take the answer");
        }
    });
}

#[test]
fn so_much_is_read_ahead_and_no_more() {
    run(async {
        let mut client = Client::scripted();
        client.send(&get("/slow")).await;
        let many = get("/a").repeat(2000);
        let (mut read, mut write) = tokio::io::split(client.io);
        let sent = Rc::new(RefCell::new(0));
        let sending = Rc::clone(&sent);
        let sender = tokio::task::spawn_local(async move {
            for piece in many.as_bytes().chunks(1000) {
                write.write_all(piece).await.unwrap();
                *sending.borrow_mut() += piece.len();
            }
            write
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(*sent.borrow() <= (16 + 4) * 1024, "{} octets", sent.borrow());
        let mut answers = Vec::new();
        while answers.windows(5).filter(|window| window == b"\r\n\r\n;").count() < 2000 {
            assert!(read.read_buf(&mut answers).await.unwrap() > 0);
        }
        assert!(String::from_utf8(answers).unwrap().starts_with("HTTP/1.1 200"));
        drop(sender.await.unwrap());
    });
}

#[test]
fn a_slow_reader_gets_everything() {
    run(async {
        let mut client = Client::scripted();
        client.send(&get("/large")).await;
        client.until("\r\n\r\n").await;
        for _ in 0..(1 << 20) / 65536 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            client.io.read_exact(&mut [0; 65536]).await.unwrap();
        }
        client.send(&get("/a")).await;
        client.until("\r\n\r\n;").await;
        assert_eq!(client.counters.requests_timed_out.value(), 0);
    });
}

#[test]
fn a_request_whose_client_left_is_given_up() {
    run(async {
        let asked = [get("/never"), "POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".to_owned()];
        for asked in asked {
            let mut client = Client::scripted();
            client.send(&asked).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(client.io);
            client.served.await.unwrap();
            assert_eq!(client.serve.0.borrow().last().unwrap(), "given up /never", "{asked}");
        }
        let mut client = Client::scripted();
        client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(client.io);
        client.served.await.unwrap();
        assert_eq!(*client.serve.0.borrow(), ["POST /a", "given up /a"]);
    });
}

#[test]
fn the_last_response_of_a_drained_connection_says_so() {
    run(async {
        let mut client = Client::scripted();
        client.send(&(get("/slow") + &get("/a"))).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.drainer.start();
        let answer = client.rest().await;
        assert!(answer.contains("connection: close\r\n") && answer.ends_with("slow"), "{answer}");
        assert_eq!(client.log(), ["GET /slow"]);
    });
}
