//! A switch of protocols, with a real connection on both sides.

use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use waylight::{
    body::Body,
    error::ProxyError,
    proxy::{
        context::Conn,
        handler::{Handler as _, Serve},
    },
    service::{Request, Response},
};

use super::{
    harness::{Worker, on_worker, upstream},
    origin::{Origin, Step},
};
use crate::support::plain::connect_to;

const ASK: &str = "GET /chat HTTP/1.1\r\nhost: shop.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello";

/// Hands what comes on a connection to the worker.
#[derive(Clone)]
struct Forwarding(Rc<Worker>);

impl Serve for Forwarding {
    fn serve(&self, conn: &Rc<Conn>, request: Request) -> impl Future<Output = Response> + 'static {
        let (worker, conn) = (Rc::clone(&self.0), Rc::clone(conn));
        async move {
            let cx = worker.context_on(conn, &request);
            let failed = |error: ProxyError| {
                http::Response::builder().status(error.status()).body(Body::empty()).unwrap().into()
            };
            worker.forward.handle(request, &cx).await.unwrap_or_else(failed)
        }
    }
}

#[test]
fn both_sides_speak_freely_after_a_switch() {
    on_worker(async || {
        let script = vec![Step::Head, Step::Write(SWITCH), Step::Octets(4), Step::Write("pong"), Step::End];
        let origin = Origin::new(vec![script]).await;
        let worker = Rc::new(Worker::new(upstream(&[origin.address])));
        let (mut client, _drainer) = connect_to(Forwarding(Rc::clone(&worker)));
        // What is sent along with the request is for the other protocol too.
        client.write_all(format!("{ASK}pi").as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("hello") {
            seen.push(char::from(client.read_u8().await.unwrap()));
        }
        assert!(seen.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{seen}");
        assert!(seen.contains("upgrade: websocket\r\n") && seen.contains("connection: upgrade\r\n"), "{seen}");
        client.write_all(b"ng").await.unwrap();
        let mut pong = [0; 4];
        client.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"pong");
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut pong).await.unwrap(), 0, "the end is passed on");
        let seen = origin.seen().remove(0);
        assert!(seen.contains("connection: upgrade\r\n") && seen.ends_with("ping"), "{seen}");
    });
}

#[test]
fn an_upgrade_that_is_declined_is_an_ordinary_answer() {
    on_worker(async || {
        let decline = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno";
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(decline), Step::End]]).await;
        let worker = Rc::new(Worker::new(upstream(&[origin.address])));
        let (mut client, _drainer) = connect_to(Forwarding(Rc::clone(&worker)));
        client.write_all(ASK.as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("no") {
            seen.push(char::from(client.read_u8().await.unwrap()));
        }
        assert!(seen.starts_with("HTTP/1.1 426"), "{seen}");
        assert_eq!(worker.counters.upstream_connections_idle.value(), 1);
    });
}

#[test]
fn a_switch_before_the_request_has_gone_whole_is_refused() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(SWITCH), Step::End]]).await;
        let worker = Rc::new(Worker::new(upstream(&[origin.address])));
        let (mut client, _drainer) = connect_to(Forwarding(Rc::clone(&worker)));
        let ask = ASK.replace("GET", "POST").replace("upgrade:", "content-length: 8\r\nupgrade:") + "half";
        client.write_all(ask.as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("\r\n\r\n") {
            seen.push(char::from(client.read_u8().await.unwrap()));
        }
        assert!(seen.starts_with("HTTP/1.1 502"), "{seen}");
    });
}
