//! The whole stack without a listener, in front of a real origin: requests go in, responses and spans come out.

use std::{cell::RefCell, collections::HashMap, net::SocketAddr, path::Path, rc::Rc, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::mpsc};
use waylight::{
    body::Body,
    clock,
    config::{
        self, Source,
        model::{Config, Scheme, Toggle},
    },
    proxy::{
        cache::CacheStore,
        context::Conn,
        permits::Permits,
        reserved::{Call, Door, Facts, Pages},
        sentry::SentryServices,
        snapshot::{Services, Snapshot},
        stack::{Edge, Worker},
        upstreams::UpstreamServices,
    },
    rules::{
        access::{Role, Way},
        session::{Id, Identity, Session, SessionKind, cookie},
        token::Keys,
    },
    service::{Request, Response},
    trace::{
        counters::Counters,
        outbox::{Inbox, Outbox},
        quota::Quota,
        receive::sentry::{Copies, CopiesInbox},
        record::SpanRecord,
        requests::{
            log::{RequestInbox, RequestOutbox},
            row::RequestRow,
        },
        sessions::{Ephemeral, Sessions},
    },
};

/// What an origin was asked.
pub(crate) type Asked = http::Request<Bytes>;

/// An origin that answers as told and remembers what it was asked.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) asked: Rc<RefCell<Vec<Asked>>>,
}

impl Origin {
    /// Starts one on a free port; must be called inside of a `LocalSet`.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> http::Response<String> + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Rc::new(RefCell::new(Vec::new()));
        let (log, answer) = (Rc::clone(&asked), Rc::new(answer));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Rc::clone(&log), Rc::clone(&answer));
                let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (log, answer) = (Rc::clone(&log), Rc::clone(&answer));
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        let asked = http::Request::from_parts(head, body);
                        let response = answer(&asked).map(|text| Full::new(Bytes::from(text)));
                        log.borrow_mut().push(asked);
                        Ok::<_, hyper::Error>(response)
                    }
                });
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::task::spawn_local(async move { drop(connection.await) });
            }
        });
        Self { address, asked }
    }

    /// The last request it was asked.
    pub(crate) fn last(&self) -> Asked {
        self.asked.borrow().last().cloned().expect("the origin was not asked")
    }
}

/// The stack of a configuration.
pub(crate) struct Stage {
    pub(crate) edge: Edge,
    pub(crate) keys: Arc<Keys>,
    pub(crate) services: Services,
    pub(crate) counters: Arc<Counters>,
    // Kept, so that the door stays open.
    _calls: mpsc::Receiver<Call>,
    pub(crate) inbox: Inbox,
    pub(crate) log: RequestInbox,
    /// Copies of envelopes that were made for traced sessions.
    pub(crate) copied: CopiesInbox,
    scheme: Scheme,
}

/// Pages for whoever is signed in, and one to sign in by.
struct SignedIn;

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "/_waylight/in";

impl Pages for SignedIn {
    fn claims(&self, uri: &http::Uri, _: &http::HeaderMap, facts: &mut Facts) -> bool {
        facts.credentials.identity.is_some() || uri.path() == SIGN_IN
    }

    fn toolbar(&self) -> &str {
        "/_waylight/toolbar.js"
    }

    fn body_bytes_max(&self, _: &http::Uri, _: &Facts) -> usize {
        1024
    }
}

pub(crate) const HOST: &str = "shop.test";

impl Stage {
    /// Sets up `toml`; `@ORIGIN@` in it is the origin's address.
    pub(crate) fn set(toml: &str, origin: SocketAddr) -> Self {
        Self::on(Scheme::Http, toml, origin)
    }

    /// As [`Self::set`], with clients that speak `scheme`.
    pub(crate) fn on(scheme: Scheme, toml: &str, origin: SocketAddr) -> Self {
        let config = config(&toml.replace("@ORIGIN@", &origin.to_string()));
        let keys = Arc::new(Keys::new(&[[7_u8; 32]]).unwrap());
        let (door, calls) = mpsc::channel(8);
        let (copies, copied) = Copies::new();
        let services = Services {
            permits: Arc::new(Permits::default()),
            sessions: Arc::new(Sessions::new(1000, Box::new(Ephemeral), [])),
            quota: Arc::new(Quota::unlimited()),
            door: Door { pages: Arc::new(SignedIn), calls: door },
            cache: Arc::new(CacheStore::new(&config.cache, &Arc::default()).unwrap()),
            sentry: SentryServices { permits: Arc::default(), clients: Arc::default(), copies },
            upstream: upstream_services(),
        };
        let snapshot = Snapshot::build(config, None, Arc::clone(&keys), services.clone()).unwrap();
        let counters = Arc::new(Counters::default());
        let (outbox, inbox) = Outbox::new(64, Arc::clone(&counters));
        let (requests, log) = RequestOutbox::new(64, Arc::clone(&counters));
        let edge = Edge::new(&snapshot, Worker { counters: Arc::clone(&counters), outbox, requests }).unwrap();
        Self { edge, keys, services, counters, _calls: calls, inbox, log, copied, scheme }
    }

    /// A client's connection.
    pub(crate) fn conn(&self) -> Rc<Conn> {
        let (peer, local) = (([192, 0, 2, 1], 40_000).into(), ([127, 0, 0, 1], 8080).into());
        let conn = Conn::new(peer, local, self.scheme, clock::now(), None);
        conn.requests.set(1);
        Rc::new(conn)
    }

    /// Asks, on a connection of its own.
    pub(crate) async fn ask(&self, request: http::request::Builder) -> http::Response<Bytes> {
        self.ask_with(request, Body::empty()).await
    }

    pub(crate) async fn ask_with(&self, request: http::request::Builder, body: Body) -> http::Response<Bytes> {
        let mut request: Request = Box::new(request.body(body).unwrap());
        if !request.headers().contains_key("host") {
            request.headers_mut().insert("host", HOST.parse().unwrap());
        }
        let response: Response = self.edge.answer(&self.conn(), request).await;
        let (head, body) = response.into_parts();
        http::Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// The cookie of somebody who signed in, with a tracing session.
    pub(crate) fn session_cookie(&self) -> String {
        self.cookie(1, HOST)
    }

    /// The cookie of session `number`, for `host`.
    pub(crate) fn cookie(&self, number: u8, host: &str) -> String {
        self.cookie_of(number, host, SessionKind::Session)
    }

    /// The cookie of a session of this kind.
    pub(crate) fn cookie_of(&self, number: u8, host: &str, kind: SessionKind) -> String {
        let now = clock::unix_seconds();
        let id = |kind: u8| Id::from_bytes([kind, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let identity = Identity {
            id: id(1),
            name: String::from("ada"),
            role: Role::Tracer,
            way: Way::Link,
            host: host.to_owned(),
            issued: now,
            expiry: now + 600,
        };
        let session = Session {
            id: id(2),
            identity: identity.id,
            host: host.to_owned(),
            expiry: now + 600,
            spans_max: 1000,
            requests_max: u64::MAX,
            kind,
        };
        let header = cookie(self.scheme, &self.keys, &identity, Some(&session), now);
        header.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    /// The spans of the next traced request that ended; none, if there was none.
    pub(crate) fn spans(&mut self) -> Vec<SpanRecord> {
        let mut spans = Vec::new();
        while let Ok(batch) = self.inbox.try_recv() {
            spans.extend(batch);
        }
        spans
    }
}

impl Stage {
    /// The requests that ended, as they are listed.
    pub(crate) fn listed(&mut self) -> Vec<RequestRow> {
        self.edge.requests().hand_over();
        let mut rows = Vec::new();
        while let Ok(mut chunk) = self.log.try_recv() {
            let mut headers: HashMap<_, _> = chunk.take_headers().into_iter().collect();
            for record in chunk.records() {
                let mut row = record.entry().unwrap().row();
                row.headers = headers.remove(&row.id);
                rows.push(row);
            }
            chunk.give_back();
        }
        rows
    }
}

/// The configuration that `toml` and one listener are.
pub(crate) fn config(toml: &str) -> Config {
    let file = |_: &Path| Err(String::from("no files here"));
    let source = Source { name: "test", base: Path::new("."), env: &|_| None, file: &file };
    let text = format!("[[listener]]\naddress = \"127.0.0.1:0\"\n{}", toml.replace("@ORIGIN@", "127.0.0.1:1"));
    config::parse(&text, &source).unwrap_or_else(|faults| panic!("{}", faults.render(Toggle::Off))).0
}

fn upstream_services() -> UpstreamServices {
    UpstreamServices::new(&tokio::runtime::Handle::current(), Arc::default())
}

/// Runs `test` as a worker does: on one thread, with tasks that are not `Send`.
pub(crate) fn on_worker(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

/// A span's attribute, as text.
pub(crate) fn attribute(span: &SpanRecord, key: &str) -> Option<String> {
    span.attributes.shown(key)
}
