//! A client that speaks HTTP to the whole stack, over a connection in memory.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use waylight::proxy::{
    conn::{self, Holding, Protocols, Settings, Terms},
    drain,
};

use crate::support::edge::{HOST, Stage, config};

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A client on a connection of its own.
pub(crate) enum Client {
    Http1(hyper::client::conn::http1::SendRequest<Empty<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Empty<Bytes>>),
}

/// A connection to the stage, which serves it.
pub(crate) fn connection(stage: &Stage) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let config = config("[[site]]\nhosts = [\"*\"]\n");
    let (drainer, drain) = drain::drain();
    let terms = Terms {
        settings: Holding::new(Settings { limits: config.limits, timeouts: config.timeouts }),
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
    ours
}

impl Client {
    /// A client on a connection that the stage serves.
    pub(crate) async fn connect(stage: &Stage, protocol: Protocol) -> Self {
        let io = TokioIo::new(connection(stage));
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

    /// The body of a response that must be 200.
    pub(crate) async fn ask(&mut self, path: &str) -> Bytes {
        let response = self.open(path, "").await;
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap().to_bytes()
    }

    /// A response, as soon as its head is there. Whoever drops the future, or the response, has the client leave.
    pub(crate) async fn open(&mut self, path: &str, cookie: &str) -> http::Response<Incoming> {
        let mut request = http::Request::get(path);
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
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
        response.unwrap()
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
