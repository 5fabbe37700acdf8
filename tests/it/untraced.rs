//! An untraced request allocates nothing for tracing: counted for the same request with tracing left out of the
//! configuration, and with everything of it configured but nothing selecting this request.

use std::rc::Rc;

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use waylight::{
    config::model::{Limits, Timeouts},
    proxy::{
        conn::{self, Protocols, Settings, Terms},
        drain,
    },
};

use crate::support::{
    Allocations, allocations,
    edge::{HOST, Origin, Stage, on_worker},
};

const WITHOUT: &str = r#"
[[site]]
hosts = ["shop.test"]
toolbar = false
inject = "off"
[[site.route]]
path = "/fixed"
respond = { status = 200, body = "hello" }
[[site.route]]
path = "/products/:slug"
upstream = "app"
[upstream.app]
endpoints = ["http://@ORIGIN@"]
"#;

const WITH: &str = r#"
[[site]]
hosts = ["shop.test"]
[[site.route]]
path = "/fixed"
respond = { status = 200, body = "hello" }
[[site.route]]
path = "/products/:slug"
upstream = "app"
[[site.route]]
path = "/checked"
upstream = "app"
trace = { ratio = 1.0 }
[upstream.app]
endpoints = ["http://@ORIGIN@"]
[trace]
ratio = 0.0
redact_query = ["secret"]
[[export]]
name = "collector"
endpoint = "http://127.0.0.1:4318/v1/traces"
"#;

#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    Http1,
    Http2,
}

#[test]
fn an_untraced_request_allocates_nothing_for_tracing() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for path in ["/fixed", "/products/lamp"] {
            let without = cost(WITHOUT, protocol, path);
            let with = cost(WITH, protocol, path);
            assert!(without.count > 0, "something is counted");
            assert_eq!(without, with, "{path}");
        }
    }
}

/// What twenty requests allocate, once everything that is kept has been made.
fn cost(toml: &str, protocol: Protocol, path: &str) -> Allocations {
    let cost = Rc::new(std::cell::Cell::new(Allocations::default()));
    let told = Rc::clone(&cost);
    let (toml, path) = (toml.to_owned(), path.to_owned());
    on_worker(async move {
        let origin = Origin::start(|_| http::Response::new(String::from("hello"))).await;
        let stage = Stage::set(&toml, origin.address);
        let mut client = Client::connect(&stage, protocol).await;
        for _ in 0..20 {
            client.ask(&path).await;
        }
        // The origin remembers what it was asked; that must not grow while something is counted.
        origin.asked.borrow_mut().reserve(100);
        let before = allocations();
        for _ in 0..20 {
            client.ask(&path).await;
        }
        told.set(allocations().since(before));
    });
    cost.get()
}

enum Client {
    Http1(hyper::client::conn::http1::SendRequest<Empty<bytes::Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Empty<bytes::Bytes>>),
}

impl Client {
    /// A client, and a connection of the stage's that serves it.
    async fn connect(stage: &Stage, protocol: Protocol) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (drainer, drain) = drain::drain();
        let terms = Terms {
            settings: Rc::new(Settings { limits: limits(), timeouts: timeouts() }),
            protocols: Protocols::Either,
            drain,
            place: None,
            counters: std::sync::Arc::clone(&stage.counters),
        };
        let served = conn::serve_connection(theirs, stage.conn(), stage.edge.clone(), terms);
        tokio::task::spawn_local(async move {
            served.await;
            drop(drainer);
        });
        let io = TokioIo::new(ours);
        match protocol {
            Protocol::Http1 => {
                let (send, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
                tokio::task::spawn_local(connection);
                Self::Http1(send)
            }
            Protocol::Http2 => {
                let (send, connection) = hyper::client::conn::http2::handshake(Local, io).await.unwrap();
                tokio::task::spawn_local(connection);
                Self::Http2(send)
            }
        }
    }

    async fn ask(&mut self, path: &str) {
        let request = http::Request::get(path);
        let response = match self {
            Self::Http1(send) => {
                send.ready().await.unwrap();
                send.send_request(request.header("host", HOST).body(Empty::new()).unwrap()).await
            }
            Self::Http2(send) => {
                send.ready().await.unwrap();
                let uri = format!("http://{HOST}{path}");
                send.send_request(request.uri(uri).body(Empty::new()).unwrap()).await
            }
        };
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
}

/// Runs hyper's tasks on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}

fn limits() -> Limits {
    crate::support::edge::config(WITHOUT).limits
}

fn timeouts() -> Timeouts {
    crate::support::edge::config(WITHOUT).timeouts
}
