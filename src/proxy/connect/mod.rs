//! Connect: a connection to the chosen endpoint, from this worker's pool or opened now: DNS, TCP, TLS.
//!
//! Not here: what is sent over it (`proxy::exchange`), and which endpoint is chosen (`proxy::balance`).

mod dial;
mod pool;
pub mod resolver;
mod tls;

use std::{rc::Rc, sync::Arc, time::Duration};

pub use self::tls::{Roots, TlsError};
use self::{dial::Dial, pool::Pool, resolver::Resolver};
use super::{
    attempt::{Choice, Reuse},
    context::Context,
    wire::{Age, Http1, Lease, Line},
};
use crate::{
    clock,
    config::model::Upstream,
    error::ProxyError,
    trace::{
        counters::Counters,
        phases::Phase,
        scope::{Scope, Span},
        stage::Stage,
    },
};

/// The stage, for one upstream on one worker.
#[derive(Debug)]
pub(super) struct Connect {
    endpoints: Box<[Way]>,
    counters: Arc<Counters>,
}

/// The way to one endpoint.
#[derive(Debug)]
struct Way {
    pool: Rc<Pool>,
    dial: Dial,
}

/// Bounds on opening and keeping connections.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    timeout_connect: Duration,
    dns_refresh: Duration,
}

/// Whether TLS towards `upstream` can be set up: what [`Connect::new`] finds, for `waylight check`.
///
/// # Errors
/// If the certificates cannot be read, or a server name is none.
pub fn verify(upstream: &Upstream, roots: &Roots) -> Result<(), TlsError> {
    let mut tls = tls::Clients::new(&upstream.tls, roots);
    upstream.endpoints.iter().try_for_each(|endpoint| tls.client(endpoint).map(drop))
}

impl Connect {
    /// The ways to all endpoints of `upstream`. Reads the certificates of its authorities.
    ///
    /// # Errors
    /// If the certificates cannot be read, or a server name is none.
    pub(super) fn new(
        upstream: &Upstream,
        resolver: &Arc<Resolver>,
        roots: &Roots,
        counters: &Arc<Counters>,
    ) -> Result<Self, TlsError> {
        let bounds = Bounds { timeout_connect: upstream.timeout_connect, dns_refresh: upstream.dns_refresh };
        let mut tls = tls::Clients::new(&upstream.tls, roots);
        let way = |endpoint| {
            let tls = tls.client(endpoint)?;
            let pool = Pool::new(upstream.pool_idle_max, upstream.pool_timeout_idle, Arc::clone(counters));
            Ok(Way { pool, dial: Dial::new(endpoint, tls, Arc::clone(resolver), bounds) })
        };
        let endpoints = upstream.endpoints.iter().map(way).collect::<Result<_, TlsError>>()?;
        Ok(Self { endpoints, counters: Arc::clone(counters) })
    }

    /// A connection to the chosen endpoint at `port`, which may be another one each time its process starts.
    ///
    /// # Errors
    /// If none can be opened in time: nothing was sent, so any request may be tried elsewhere.
    pub(super) async fn lease(
        &self,
        choice: Choice,
        port: u16,
        span: &mut Span,
        cx: &Rc<Context>,
    ) -> Result<Lease<Http1>, ProxyError> {
        let way = &self.endpoints[choice.endpoint];
        let now = clock::now();
        let idle = if choice.reuse == Reuse::Pooled { way.pool.take(now) } else { None };
        let (line, age, since) = match idle {
            Some(line) => {
                self.counters.upstream_connections_reused.one();
                (line, Age::Reused, now)
            }
            None => {
                // Said already, for a connection that does not come about.
                span.set("server.port", || i64::from(port));
                // Boxed, as what is rare everywhere in the stack: a request that needs none of it does not carry its size.
                (Box::pin(self.open(way, port, cx)).await?, Age::Fresh, clock::now())
            }
        };
        cx.phases.mark(Phase::Connected, since);
        span.set_all(|| line.described());
        span.set("waylight.upstream.connection_reused", || age == Age::Reused);
        Ok(Lease { line, home: Rc::clone(&way.pool) as _, age })
    }

    async fn open(&self, way: &Way, port: u16, cx: &Rc<Context>) -> Result<Line<Http1>, ProxyError> {
        let mut wait = cx.span(Stage::UpstreamWait);
        let scope = if wait.is_on() { wait.scope() } else { Scope::off() };
        let opened = way.dial.open(port, &scope).await;
        match &opened {
            Ok(_) => self.counters.upstream_connections_opened.one(),
            Err(error) => wait.fail(error.kind.token(), || error.to_string()),
        }
        opened.map(|(wire, peer)| Line::new(wire, peer))
    }
}
