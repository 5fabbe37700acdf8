//! A connection's other side without a pipeline: answers 200, or what a refused request is refused with.

use std::{rc::Rc, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    task::LocalSet,
};
use waylight::{
    body::Body,
    clock,
    config::model::{Limits, Scheme, Timeouts},
    proxy::{
        conn::{Holding, Protocols, Settings, Terms, serve_connection},
        context::Conn,
        drain::{Drainer, drain},
        handler::Serve,
    },
    service::{Request, Response},
    trace::counters::Counters,
};

/// Answers every request as soon as it has come whole.
#[derive(Clone)]
pub(crate) struct Plain;

impl Serve for Plain {
    fn serve(&self, conn: &Rc<Conn>, request: Request) -> impl Future<Output = Response> + 'static {
        let conn = Rc::clone(conn);
        async move {
            let number = conn.requests.get();
            let read = request.into_body().collect().await;
            let refusal = conn.refusal.get().filter(|refusal| refusal.request == number);
            let status = refusal.map_or(if read.is_ok() { 200 } else { 500 }, |refusal| refusal.status);
            let body = Body::full(if conn.tls.is_some() { "tls" } else { "plain" });
            http::Response::builder().status(status).body(body).unwrap().into()
        }
    }
}

/// Bounds and timeouts of tests.
pub(crate) fn settings() -> Settings {
    let limits = Limits {
        connections_max: 100,
        requests_max: 100,
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

/// A connection to [`Plain`], in memory. It lives as long as the [`Drainer`].
pub(crate) fn connect() -> (DuplexStream, Drainer) {
    connect_to(Plain)
}

/// A connection to `serve`, in memory.
pub(crate) fn connect_to(serve: impl Serve) -> (DuplexStream, Drainer) {
    let (io, other) = tokio::io::duplex(64 * 1024);
    (io, serve_on(other, serve))
}

/// Has what comes over `io` answered by `serve`, as long as the [`Drainer`] lives.
pub(crate) fn serve_on(io: impl AsyncRead + AsyncWrite + Unpin + 'static, serve: impl Serve) -> Drainer {
    let (drainer, drain) = drain();
    let (peer, local) = (([192, 0, 2, 1], 40000).into(), ([127, 0, 0, 1], 80).into());
    let conn = Rc::new(Conn::new(peer, local, Scheme::Http, clock::now(), None));
    let terms = Terms {
        settings: Holding::new(settings()),
        protocols: Protocols::Either,
        drain,
        place: None,
        counters: Arc::new(Counters::default()),
    };
    tokio::task::spawn_local(serve_connection(io, conn, serve, terms));
    drainer
}

/// Runs a test on paused time.
pub(crate) fn on_paused_time<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        clock::follow_tokio();
        test.await
    })
}
