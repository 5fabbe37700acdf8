//! The cache's stage without sockets, as one worker has it, for tests and for the bench.

use std::{rc::Rc, sync::Arc};

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
    service::{Request, Response},
    trace::{
        counters::Counters,
        outbox::Outbox,
        quota::Quota,
        requests::log::{RequestLog, RequestOutbox},
    },
};

/// The stage in front of an origin, and all that a request needs.
pub(super) struct Stage<H> {
    cache: Cache<H>,
    conn: Rc<Conn>,
    counters: Arc<Counters>,
    keeping: Rc<Keeping>,
}

impl<H: Handler> Stage<H> {
    pub(super) fn new(origin: H, store: &Arc<CacheStore>, counters: &Arc<Counters>) -> Self {
        let tracer = Tracer {
            outbox: Outbox::new(8, Arc::clone(counters)).0,
            redaction: Arc::default(),
            sentry: Arc::default(),
            spans_max: 100,
            quota: Arc::new(Quota::unlimited()),
        };
        let route = RouteCache {
            policy: Policy::default(),
            mark: RouteCache::mark("stage"),
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

    /// One of many objects, by its number.
    pub(super) async fn get(&self, number: u64) -> Response {
        let request = http::Request::get(format!("/products/{number:08}")).header("host", "shop.example");
        let request: Request = Box::new(request.body(Body::empty()).unwrap());
        let cx = Context::new(Rc::clone(&self.conn), &request, Arc::clone(&self.counters), Rc::clone(&self.keeping));
        self.cache.handle(request, &Rc::new(cx)).await.unwrap()
    }
}
