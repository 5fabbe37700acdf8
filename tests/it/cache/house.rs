//! The cache without sockets: the stage, a store that others may share, and an origin that is a function.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http_body_util::BodyExt as _;
use tower::Layer as _;
use waylight::{
    body::Body,
    clock,
    config::model::{Scheme, Toggle},
    proxy::{
        cache::{Cache, CacheLayer, CacheStore, RouteCache},
        context::{Conn, Context, Keeping},
        handler::Handler,
        tracer::Tracer,
    },
    rules::cache::Policy,
    service::{Outcome, Request},
    trace::{
        counters::Counters,
        outbox::Outbox,
        quota::Quota,
        requests::log::{RequestLog, RequestOutbox},
    },
};

/// The octets of each body.
pub(super) const BODY: usize = 1_024;

/// Answers as a usual server does.
#[derive(Default)]
pub(super) struct Origin {
    /// How often it was asked.
    pub(super) asked: Arc<AtomicU64>,
    /// It answers when so many requests have begun.
    pub(super) until: u64,
    pub(super) begun: Arc<AtomicU64>,
}

impl Handler for Origin {
    async fn handle(&self, _: Request, _: &Rc<Context>) -> Outcome {
        self.asked.fetch_add(1, Ordering::Relaxed);
        while self.begun.load(Ordering::Relaxed) < self.until {
            tokio::task::yield_now().await;
        }
        let response = http::Response::builder()
            .header("date", "Thu, 26 Nov 2026 02:00:00 GMT")
            .header("content-type", "text/html; charset=utf-8")
            .header("content-length", BODY)
            .header("last-modified", "Wed, 25 Nov 2026 02:00:00 GMT")
            .header("cache-control", "public, max-age=86400")
            .header("etag", "\"5f3c-1a2b3c4d\"")
            .header("server", "nginx");
        Ok(response.body(Body::full(vec![b'x'; BODY])).unwrap())
    }
}

/// The stage of one worker, and all that a request needs.
pub(super) struct House {
    cache: Cache<Origin>,
    conn: Rc<Conn>,
    counters: Arc<Counters>,
    keeping: Rc<Keeping>,
}

impl House {
    pub(super) fn new(origin: Origin, store: &Arc<CacheStore>, counters: &Arc<Counters>) -> Self {
        let tracer = Tracer {
            outbox: Outbox::new(8, Arc::clone(counters)).0,
            redaction: Arc::default(),
            sentry: Arc::default(),
            spans_max: 100,
            quota: Arc::new(Quota::unlimited()),
        };
        let route = RouteCache {
            policy: Policy::default(),
            mark: RouteCache::mark("test"),
            store: Arc::clone(store),
            tracer: Rc::new(tracer),
        };
        let (peer, local) = (([192, 0, 2, 1], 40_000).into(), ([127, 0, 0, 1], 80).into());
        let keeping = Keeping {
            access_log: None,
            header_sets: Toggle::Off,
            request_id_header: None,
            redaction: Arc::default(),
            log: Rc::new(RequestLog::new(RequestOutbox::new(1, Arc::clone(counters)).0)),
        };
        Self {
            cache: CacheLayer { route: Some(Rc::new(route)) }.layer(origin),
            conn: Rc::new(Conn::new(peer, local, Scheme::Http, clock::now(), None)),
            counters: Arc::clone(counters),
            keeping: Rc::new(keeping),
        }
    }

    /// Whether it was a hit.
    pub(super) async fn get(&self, number: u64) -> bool {
        let request = http::Request::get(format!("/products/{number:08}")).header("host", "shop.example");
        let request: Request = Box::new(request.body(Body::empty()).unwrap());
        let cx = Context::new(Rc::clone(&self.conn), &request, Arc::clone(&self.counters), Rc::clone(&self.keeping));
        let response = self.cache.handle(request, &Rc::new(cx)).await.unwrap();
        let is_hit = response.headers()["cache-status"].as_bytes().starts_with(b"waylight; hit");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), BODY);
        is_hit
    }
}
