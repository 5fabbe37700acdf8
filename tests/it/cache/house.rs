//! The cache without sockets: the stage, a store that others may share, and an origin that is a function.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http_body_util::BodyExt as _;
use waylight::{
    body::Body,
    proxy::{cache::CacheStore, context::Context, handler::Handler},
    service::{Outcome, Request},
    trace::counters::Counters,
};

use super::stage::Stage;

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
        Ok(response.body(Body::full(vec![b'x'; BODY])).unwrap().into())
    }
}

/// A house of one worker.
pub(super) struct House(Stage<Origin>);

impl House {
    pub(super) fn new(origin: Origin, store: &Arc<CacheStore>, counters: &Arc<Counters>) -> Self {
        Self(Stage::new(origin, store, counters))
    }

    /// Whether it was a hit.
    pub(super) async fn get(&self, number: u64) -> bool {
        let response = self.0.get(number).await;
        let is_hit = response.headers()["cache-status"].as_bytes().starts_with(b"waylight; hit");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), BODY);
        is_hit
    }
}
