use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::LocalSet,
};

use super::*;
use crate::{
    body::{Body, End, Watch},
    clock,
    config::model::Scheme,
    error::BoxError,
    proxy::drain::{Drainer, drain},
    service::{Request, Response},
};

/// Answers with what it was asked: number, refusal, path and body.
#[derive(Clone)]
pub(super) struct Echo;

impl Serve for Echo {
    fn serve(&self, conn: &Rc<Conn>, request: Request) -> impl Future<Output = Response> + 'static {
        let conn = Rc::clone(conn);
        async move {
            let number = conn.requests.get();
            let (head, body) = request.into_parts();
            if head.uri.path() == "/slow" {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            if head.uri.path() == "/upgrade" {
                return http::Response::builder()
                    .status(101)
                    .header("connection", "upgrade")
                    .header("upgrade", "echo")
                    .body(Body::empty())
                    .unwrap()
                    .into();
            }
            if let Some(octets) = head.uri.path().strip_prefix("/endless/") {
                let part = vec![b'x'; octets.parse().unwrap()].into();
                return Response::new(Body::boxed(Endless(part)).watched(Rc::new(Ended(conn))));
            }
            if head.uri.path() == "/large" {
                return Response::new(Body::full(vec![b'x'; 1 << 20]));
            }
            let body = body.collect().await;
            if let Some(refusal) = conn.refusal.get().filter(|refusal| refusal.request == number) {
                let text = format!("refused {}", refusal.reason);
                return http::Response::builder().status(refusal.status).body(Body::full(text)).unwrap().into();
            }
            let body = String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap();
            Response::new(Body::full(format!("{number} {} {body};", head.uri.path())))
        }
    }
}

/// Content without an end, in such parts.
struct Endless(bytes::Bytes);

impl http_body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>> {
        Poll::Ready(Some(Ok(http_body::Frame::data(self.0.clone()))))
    }
}

/// Notes at its connection that a body ended.
struct Ended(Rc<Conn>);

impl Watch for Ended {
    fn data(&self, _: usize) {}

    fn end(&self, end: End) {
        assert_eq!(end, End::Dropped);
        self.0.requests.set(1000);
    }
}

fn settings() -> Settings {
    let limits = Limits {
        connections_max: 10,
        requests_max: 10,
        streams_max: 10,
        header_bytes_max: 8192,
        headers_max: 50,
        uri_bytes_max: 4096,
        request_body_bytes_max: 1 << 20,
        sessions_max: 10,
    };
    let seconds = Duration::from_secs;
    let timeouts = Timeouts {
        header: seconds(10),
        body: seconds(20),
        write: seconds(15),
        idle: seconds(60),
        drain_delay: seconds(0),
        drain: seconds(30),
    };
    Settings { limits, timeouts }
}

/// A client, and what happens on the other side, where `serve` answers.
pub(super) struct Client<S = Echo> {
    pub(super) io: DuplexStream,
    pub(super) drainer: Drainer,
    conn: Rc<Conn>,
    pub(super) serve: S,
    pub(super) counters: Arc<Counters>,
    pub(super) served: tokio::task::JoinHandle<()>,
}

impl Client {
    fn new(protocols: Protocols) -> Self {
        Self::of(Echo, protocols)
    }
}

impl<S: Serve> Client<S> {
    pub(super) fn of(serve: S, protocols: Protocols) -> Self {
        clock::follow_tokio();
        let (io, other) = tokio::io::duplex(16 * 1024);
        let (drainer, drain) = drain();
        let (peer, local) = (([192, 0, 2, 1], 40000).into(), ([127, 0, 0, 1], 80).into());
        let conn = Rc::new(Conn::new(peer, local, Scheme::Http, clock::now(), None));
        let counters = Arc::new(Counters::default());
        let terms = Terms {
            settings: Holding::new(settings()),
            protocols,
            drain,
            place: None,
            counters: Arc::clone(&counters),
        };
        let served = tokio::task::spawn_local(serve_connection(other, Rc::clone(&conn), serve.clone(), terms));
        Self { io, drainer, conn, serve, counters, served }
    }

    pub(super) async fn send(&mut self, octets: &str) {
        self.io.write_all(octets.as_bytes()).await.unwrap();
    }

    /// Reads until `end` has come.
    pub(super) async fn until(&mut self, end: &str) -> String {
        let mut octets = Vec::new();
        while !octets.ends_with(end.as_bytes()) {
            let octet = self.io.read_u8().await;
            octets.push(octet.unwrap_or_else(|_| panic!("no {end:?} in {:?}", String::from_utf8_lossy(&octets))));
        }
        String::from_utf8(octets).unwrap()
    }

    pub(super) async fn rest(&mut self) -> String {
        let mut octets = Vec::new();
        self.io.read_to_end(&mut octets).await.unwrap();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// How long until the other side closes, and what it says before.
    async fn closed_after(&mut self) -> (u64, String) {
        let start = clock::now();
        let rest = self.rest().await;
        (clock::now().since(start).as_secs(), rest)
    }
}

/// Runs a test on paused time.
pub(super) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn requests_are_answered_in_order() {
    run(async {
        let mut client = Client::new(Protocols::Either);
        client.send(&format!("{GET}{GET}POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi{GET}")).await;
        client.until("1 /a ;").await;
        client.until("2 /a ;").await;
        client.until("3 /b hi;").await;
        client.until("4 /a ;").await;
        assert_eq!(client.conn.requests.get(), 4);
    });
}

#[test]
fn a_refusal_is_answered_after_earlier_requests_and_closes() {
    run(async {
        let mut client = Client::new(Protocols::Either);
        client.send(&format!("{GET}GET /b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{GET}")).await;
        client.until("1 /a ;").await;
        let answer = client.until("refused more than one Host").await;
        assert!(answer.contains("HTTP/1.1 400") && answer.contains("connection: close"), "{answer}");
        drop(client.io.shutdown().await);
        assert_eq!(client.rest().await, "");
        assert_eq!(client.conn.requests.get(), 2);
    });
}

#[test]
fn a_malformed_body_is_refused_where_it_stands() {
    run(async {
        let mut client = Client::new(Protocols::Either);
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhix\r\n").await;
        client.io.shutdown().await.unwrap();
        let answer = client.rest().await;
        assert!(answer.contains("HTTP/1.1 400") && answer.contains("refused a chunk"), "{answer}");
    });
}

#[test]
fn a_silent_client_is_closed_without_a_word() {
    run(async {
        for protocols in [Protocols::Http1, Protocols::Http2, Protocols::Either] {
            assert_eq!(Client::new(protocols).closed_after().await, (10, String::new()));
        }
    });
}

#[test]
fn the_header_timeout_starts_at_accept() {
    run(async {
        for begun in ["G", "PRI * HTTP/2.0\r\n", GET.trim_end()] {
            let mut client = Client::new(Protocols::Either);
            tokio::time::sleep(Duration::from_secs(4)).await;
            client.send(begun).await;
            let start = clock::now();
            let answer = client.until("refused the client did not complete the head").await;
            assert_eq!(clock::now().since(start).as_secs(), 6, "{begun}");
            assert!(answer.contains("HTTP/1.1 408"), "{answer}");
            assert_eq!(client.counters.requests_timed_out.value(), 1);
        }
        let mut client = Client::new(Protocols::Http2);
        client.send("PRI * ").await;
        assert_eq!(client.closed_after().await, (10, String::new()));
    });
}

#[test]
fn each_later_head_has_its_own_timeout() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        client.send(GET).await;
        client.until(";").await;
        tokio::time::sleep(Duration::from_secs(40)).await;
        client.send("GET /a").await;
        let start = clock::now();
        client.until("refused the client did not complete the head").await;
        assert_eq!(clock::now().since(start).as_secs(), 10);
    });
}

#[test]
fn an_idle_connection_is_closed() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            client.send(GET).await;
            client.until(";").await;
        }
        assert_eq!(client.closed_after().await, (60, String::new()));
    });
}

#[test]
fn a_client_silent_within_its_body_is_refused() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe").await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        client.send("l").await;
        let start = clock::now();
        let answer = client.until("refused the client sent nothing more of the body").await;
        assert!(answer.contains("HTTP/1.1 408"), "{answer}");
        assert_eq!(clock::now().since(start).as_secs(), 20);
        assert_eq!(client.rest().await, "");
        client.served.await.unwrap();
        assert_eq!(clock::now().since(start).as_secs(), 22, "given time to take the answer");
    });
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let start = clock::now();
        client.served.await.unwrap();
        assert_eq!(clock::now().since(start).as_secs(), 15);
    });
}

#[test]
fn a_slow_answer_is_no_timeout_of_the_client() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.until("1 /slow ;").await;
    });
}

#[test]
fn drain_closes_idle_connections_at_once() {
    run(async {
        for parked in [0, 5] {
            let mut client = Client::new(Protocols::Http1);
            client.send(GET).await;
            client.until(";").await;
            tokio::time::sleep(Duration::from_secs(parked)).await;
            client.drainer.start();
            assert_eq!(client.closed_after().await, (0, String::new()));
        }
        let mut client = Client::new(Protocols::Either);
        client.drainer.start();
        assert_eq!(client.closed_after().await, (0, String::new()));
    });
}

#[test]
fn drain_answers_what_has_begun() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.drainer.start();
        let answer = client.rest().await;
        assert!(answer.contains("connection: close") && answer.ends_with("1 /slow ;"), "{answer}");

        let mut client = Client::new(Protocols::Http1);
        client.send(GET).await;
        client.until(";").await;
        client.send("GET /b HTTP/1.1\r\n").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.drainer.start();
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.send("Host: a\r\n\r\n").await;
        let answer = client.rest().await;
        assert!(answer.contains("connection: close") && answer.ends_with("2 /b ;"), "{answer}");
    });
}

#[test]
fn a_refused_change_of_protocols_is_an_ordinary_request() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        client.send(&format!("GET /slow HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{GET}")).await;
        client.until("1 /slow ;").await;
        client.until("2 /a ;").await;
    });
}

#[test]
fn a_change_of_protocols_ends_http() {
    run(async {
        let mut client = Client::new(Protocols::Http1);
        client.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nraw").await;
        let answer = client.until("\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        client.served.await.unwrap();
    });
}

async fn http2(client: DuplexStream) -> hyper::client::conn::http2::SendRequest<Body> {
    http2_with_window(client, 1 << 20).await
}

async fn http2_with_window(client: DuplexStream, octets: u32) -> hyper::client::conn::http2::SendRequest<Body> {
    #[derive(Clone)]
    struct Local;
    impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
        fn execute(&self, future: F) {
            tokio::task::spawn_local(future);
        }
    }
    let io = hyper_util::rt::TokioIo::new(client);
    let mut builder = hyper::client::conn::http2::Builder::new(Local);
    let (sender, connection) = builder.initial_stream_window_size(octets).handshake(io).await.unwrap();
    tokio::task::spawn_local(async move { drop(connection.await) });
    sender
}

fn get(path: &str) -> http::Request<Body> {
    http::Request::get(format!("http://a{path}")).body(Body::empty()).unwrap()
}

#[test]
fn http2_is_known_by_its_preface() {
    run(async {
        for protocols in [Protocols::Either, Protocols::Http2] {
            let Client { io, served, .. } = Client::new(protocols);
            let mut sender = http2(io).await;
            for number in 1..3 {
                let response = sender.send_request(get("/a")).await.unwrap();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body, format!("{number} /a ;"));
            }
            let start = clock::now();
            served.await.unwrap();
            assert_eq!(clock::now().since(start).as_secs(), 60, "closed when idle");
        }
    });
}

#[test]
fn http2_drains() {
    run(async {
        let Client { io, served, drainer, .. } = Client::new(Protocols::Http2);
        let mut sender = http2(io).await;
        let slow = tokio::task::spawn_local(sender.send_request(get("/slow")));
        tokio::time::sleep(Duration::from_secs(1)).await;
        drainer.start();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(sender.send_request(get("/a")).await.is_err(), "GOAWAY");
        let body = slow.await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "1 /slow ;");
        served.await.unwrap();
    });
}

#[test]
fn a_client_that_takes_nothing_of_a_stream_does_not_hold_it() {
    run(async {
        let Client { io, conn, counters, .. } = Client::new(Protocols::Http2);
        let mut sender = http2_with_window(io, 10_000).await;
        let start = clock::now();
        let mut stalled = sender.send_request(get("/endless/1000")).await.unwrap();
        // As long as it takes something it is served.
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            for _ in 0..20 {
                stalled.body_mut().frame().await.unwrap().unwrap();
            }
        }
        assert_eq!((conn.requests.get(), clock::now().since(start).as_secs()), (1, 50));
        tokio::time::sleep(Duration::from_secs(16)).await;
        assert_eq!(conn.requests.get(), 1000, "its body was let go");
        assert_eq!(counters.requests_timed_out.value(), 1);
        // The connection is as good as before.
        let other = sender.send_request(get("/a")).await.unwrap();
        assert_eq!(other.into_body().collect().await.unwrap().to_bytes(), "1001 /a ;");
    });
}

#[test]
fn a_client_that_takes_a_long_frame_slowly_is_served_and_forgotten() {
    run(async {
        let Client { io, counters, .. } = Client::new(Protocols::Http2);
        let mut sender = http2_with_window(io, 10_000).await;
        drop(sender.send_request(get("/a")).await.unwrap().into_body().collect().await);
        let held = Arc::strong_count(&counters);
        let mut slow = sender.send_request(get("/endless/65536")).await.unwrap();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let mut taken = 0;
            while taken < 20_000 {
                taken += slow.body_mut().frame().await.unwrap().unwrap().into_data().unwrap().len();
            }
        }
        assert_eq!(counters.requests_timed_out.value(), 0);
        drop(slow);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&counters), held, "nobody looks after it any more");
    });
}
