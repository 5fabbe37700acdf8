//! The innermost stages with nothing around them: an upstream as configured, and requests handed to it.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::{runtime::Handle, task::LocalSet};
use waylight::{
    body::Body,
    clock,
    config::model::{Endpoint, Scheme, Toggle, Upstream, UpstreamHost, UpstreamTls},
    error::ProxyError,
    proxy::{
        context::{Conn, Context, Keeping},
        handler::Handler as _,
        upstreams::{Forward, UpstreamServices, Upstreams},
    },
    service::{Outcome, Request, Response},
    trace::{
        counters::Counters,
        requests::log::{RequestLog, RequestOutbox},
    },
};

/// Runs a test as a worker runs its tasks: on one thread, with tasks that stay on it.
pub(super) fn on_worker(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(LocalSet::new().run_until(test()));
}

/// An upstream with short bounds, so that tests of them are short.
pub(super) fn upstream(endpoints: &[SocketAddr]) -> Upstream {
    let endpoint =
        |address: &SocketAddr| Endpoint { scheme: Scheme::Http, host: address.ip().to_string(), port: address.port() };
    Upstream {
        name: "app".into(),
        endpoints: endpoints.iter().map(endpoint).collect(),
        host: UpstreamHost::Preserve,
        tls: UpstreamTls::default(),
        timeout_connect: Duration::from_secs(10),
        timeout_first_byte: Duration::from_secs(10),
        timeout_idle: Duration::from_secs(10),
        pool_idle_max: 4,
        pool_timeout_idle: Duration::from_secs(60),
        dns_refresh: Duration::from_secs(30),
        attempts_max: 3,
        start: None,
    }
}

/// One worker with one upstream.
pub(super) struct Worker {
    pub(super) forward: Forward,
    pub(super) counters: Arc<Counters>,
    pub(super) services: UpstreamServices,
    upstreams: Upstreams,
}

impl Worker {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self::sharing(upstream, services())
    }

    /// A worker that shares processes and names with others.
    pub(super) fn sharing(upstream: Upstream, services: UpstreamServices) -> Self {
        let counters = Arc::new(Counters::default());
        let wished = BTreeMap::from([("app".to_owned(), upstream)]);
        let upstreams = Upstreams::build(&wished, None, &services, &counters).unwrap();
        Self { forward: upstreams.handler("app").unwrap(), counters, services, upstreams }
    }

    /// The same worker after a reload.
    pub(super) fn reloaded(&self, upstream: Upstream) -> Self {
        let wished = BTreeMap::from([("app".to_owned(), upstream)]);
        let upstreams = Upstreams::build(&wished, Some(&self.upstreams), &self.services, &self.counters).unwrap();
        let forward = upstreams.handler("app").unwrap();
        Self { forward, counters: Arc::clone(&self.counters), services: self.services.clone(), upstreams }
    }

    pub(super) fn context(&self, request: &Request) -> Rc<Context> {
        let (peer, local) = (([192, 0, 2, 1], 40000).into(), ([127, 0, 0, 1], 80).into());
        let conn = Rc::new(Conn::new(peer, local, Scheme::Https, clock::now(), None));
        conn.requests.set(1);
        self.context_on(conn, request)
    }

    /// The context of a request that came on `conn`.
    pub(super) fn context_on(&self, conn: Rc<Conn>, request: &Request) -> Rc<Context> {
        let log = Rc::new(RequestLog::new(RequestOutbox::new(1, Arc::clone(&self.counters)).0));
        let keeping = Keeping {
            access_log: None,
            header_sets: Toggle::On,
            request_id_header: None,
            redaction: Arc::default(),
            log,
        };
        Rc::new(Context::new(conn, request, Arc::clone(&self.counters), Rc::new(keeping)))
    }

    pub(super) async fn send(&self, request: Request) -> Outcome {
        let cx = self.context(&request);
        self.forward.handle(request, &cx).await
    }

    /// The body of what answers `GET /`.
    pub(super) async fn get(&self) -> Result<String, ProxyError> {
        text(self.send(get("/")).await?).await
    }
}

pub(super) fn services() -> UpstreamServices {
    UpstreamServices::new(&Handle::current(), Arc::default())
}

pub(super) fn get(path: &str) -> Request {
    Box::new(http::Request::get(path).header("host", "shop.example").body(Body::empty()).unwrap())
}

pub(super) fn post(body: Body) -> Request {
    Box::new(http::Request::post("/").header("host", "shop.example").body(body).unwrap())
}

/// A body that is there in parts.
pub(super) struct Parts {
    parts: VecDeque<Bytes>,
    then: Then,
}

/// What comes after the last part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    End,
    Failure,
    Silence,
}

impl Parts {
    pub(super) fn of<B: Into<Bytes>>(parts: impl IntoIterator<Item = B>) -> Self {
        Self { parts: parts.into_iter().map(Into::into).collect(), then: Then::End }
    }

    pub(super) fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match (self.parts.pop_front(), self.then) {
            (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (None, Then::End) => Poll::Ready(None),
            (None, Then::Failure) => Poll::Ready(Some(Err(io::Error::other("gone")))),
            (None, Then::Silence) => Poll::Pending,
        }
    }
}

/// A response's whole body, or the error that ended it.
pub(super) async fn text(response: Response) -> Result<String, ProxyError> {
    match response.into_body().collect().await {
        Ok(body) => Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap()),
        Err(error) => Err(*error.downcast::<ProxyError>().unwrap()),
    }
}
