//! The cache: RFC 9111, between a route's middleware and its upstream. Below it nothing belongs to one visitor: injection
//! and compression stand outside, Waylight's own cookie ended before it, and spans are of requests, not of objects.
//!
//! What is right is told in `rules::cache`; here it is done. `visit` is a request's way through; `ask` is the way to the
//! upstream, `take` what becomes of its answer; `answer` is the way back. All workers share one [`CacheStore`].

mod answer;
mod ask;
mod disk;
mod explain;
mod filling;
mod flight;
mod head;
mod memory;
mod object;
mod pieces;
mod purges;
mod refresh;
mod report;
mod rest;
mod save;
mod store;
mod take;
mod visit;

use std::{fmt, rc::Rc, sync::Arc};

use self::visit::Visit;
pub use self::{
    explain::{Answers, Explained, Known},
    store::CacheStore,
};
use super::{context::Context, handler::Handler, tracer::Tracer};
use crate::{
    rules::cache::Policy,
    service::{Outcome, Request},
};

/// Puts [`Cache`] in front of what answers a route.
#[derive(Clone, Debug)]
pub struct CacheLayer {
    /// How the route caches; `None`: not at all.
    pub route: Option<Rc<RouteCache>>,
}

/// How a route caches, and where.
#[derive(Debug)]
pub struct RouteCache {
    /// What the operator says.
    pub policy: Policy,
    /// What sets this route's responses apart from those of others at the same URL.
    pub mark: String,
    /// Where responses are kept.
    pub store: Arc<CacheStore>,
    /// Begins the traces of what is done in the background.
    pub tracer: Rc<Tracer>,
}

impl RouteCache {
    /// The mark of a route of which `about` tells all that its answers depend on.
    pub fn mark(about: &str) -> String {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(about.as_bytes());
        format!("\n#{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
    }
}

impl<S> tower::Layer<S> for CacheLayer {
    type Service = Cache<S>;

    fn layer(&self, inner: S) -> Cache<S> {
        Cache { route: self.route.clone(), inner: Rc::new(inner) }
    }
}

/// Answers from stored responses, and stores responses.
pub struct Cache<S> {
    route: Option<Rc<RouteCache>>,
    inner: Rc<S>,
}

impl<S: Handler> Handler for Cache<S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let Some(route) = &self.route else { return self.inner.handle(request, cx).await };
        let visit = Visit { route: Rc::clone(route), inner: Rc::clone(&self.inner), cx: Rc::clone(cx) };
        // Boxed, so that routes without a cache do not carry its size.
        Box::pin(visit.run(request)).await
    }
}

impl<S> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("route", &self.route).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
