//! The innermost stages put together, for every upstream of a worker and snapshot: where `balance`, `start`,
//! `connect` and `exchange` meet, as the outer stages meet in `stack`.
//!
//! An upstream that did not change keeps its pools and its process over a reload.

use std::{collections::BTreeMap, fmt, rc::Rc, sync::Arc};

use tokio::runtime::Handle;

use super::{
    attempt::{Answer, Attempt, Choice, Failed, Reuse, Stale},
    balance::{Balance, health::Health},
    connect::{Connect, Roots, TlsError, resolver::Resolver},
    context::Context,
    exchange::{self, Exchange, Target},
    handler::Handler,
    start::{Start, Supervisor},
};
use crate::{
    config::model::{Endpoint, Scheme, Upstream},
    error::{ErrorType, ProxyError},
    rules::retry::is_idempotent,
    service::{Outcome, Request},
    trace::{counters::Counters, scope::Span},
};

/// Where started processes listen.
const LOOPBACK: &str = "127.0.0.1";

/// What the upstreams of all workers share.
#[derive(Clone, Debug)]
pub struct UpstreamServices {
    /// Names to addresses.
    pub resolver: Arc<Resolver>,
    /// Processes that are started on demand.
    pub supervisor: Arc<Supervisor>,
    /// The system's root certificates.
    pub roots: Roots,
    /// How endpoints fare.
    pub health: Arc<Health>,
}

impl UpstreamServices {
    /// Services whose background work runs on `background`, and is counted in `counters`.
    pub fn new(background: &Handle, counters: Arc<Counters>) -> Self {
        Self {
            resolver: Arc::new(Resolver::system(background.clone())),
            supervisor: Arc::new(Supervisor::new(background.clone(), counters)),
            roots: Roots::default(),
            health: Arc::default(),
        }
    }
}

/// The upstreams of one worker and snapshot.
#[derive(Debug, Default)]
pub struct Upstreams {
    forwards: BTreeMap<String, Forward>,
}

/// Why an upstream cannot be set up.
#[derive(Debug)]
pub struct BuildError {
    /// Its name.
    pub upstream: String,
    /// The cause.
    pub cause: TlsError,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "upstream {}: {}", self.upstream, self.cause)
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl Upstreams {
    /// Sets up `wished` on this worker, whose counters are `counters`; equal upstreams are taken over from `previous`.
    ///
    /// # Errors
    /// If certificates cannot be read, or a server name is none.
    pub fn build(
        wished: &BTreeMap<String, Upstream>,
        previous: Option<&Self>,
        services: &UpstreamServices,
        counters: &Arc<Counters>,
    ) -> Result<Self, BuildError> {
        let forward = |(name, wish): (&String, &Upstream)| {
            let same = previous.and_then(|previous| previous.forwards.get(name)).filter(|old| old.0.wish == *wish);
            let forward = match same {
                Some(old) => old.clone(),
                None => Forward::new(wish, services, counters)
                    .map_err(|cause| BuildError { upstream: name.clone(), cause })?,
            };
            Ok((name.clone(), forward))
        };
        let forwards = wished.iter().map(forward).collect::<Result<_, BuildError>>()?;
        Ok(Self { forwards })
    }

    /// What hands requests on to the upstream `name`.
    pub fn handler(&self, name: &str) -> Option<Forward> {
        self.forwards.get(name).cloned()
    }
}

/// Hands requests on to one upstream. A clone is the same upstream.
#[derive(Clone)]
pub struct Forward(Rc<Inner>);

struct Inner {
    wish: Upstream,
    name: Arc<str>,
    balance: Balance<Once>,
}

impl Forward {
    fn new(wish: &Upstream, services: &UpstreamServices, counters: &Arc<Counters>) -> Result<Self, TlsError> {
        let start = services.supervisor.process(wish).map(Start::new);
        let mut meant = wish.clone();
        if start.is_some() && meant.endpoints.is_empty() {
            // Its port is known when it runs.
            meant.endpoints.push(Endpoint { scheme: Scheme::Http, host: LOOPBACK.to_owned(), port: 0 });
        }
        let once = Once {
            connect: Connect::new(&meant, &services.resolver, &services.roots, counters)?,
            exchange: Exchange::new(&meant),
            endpoints: meant.endpoints.clone().into(),
            start,
        };
        let tallies = services.health.of(&wish.name, &meant.endpoints);
        let balance = Balance::new(&meant.endpoints, tallies, meant.attempts_max, once);
        Ok(Self(Rc::new(Inner { name: wish.name.as_str().into(), wish: wish.clone(), balance })))
    }
}

impl Handler for Forward {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        // Before it may fail.
        cx.upstream.get_or_init(|| Arc::clone(&self.0.name));
        let request = exchange::prepare(request, cx)?;
        self.send_as_is(request, cx).await
    }
}

impl Forward {
    /// Hands on a request that is made for this upstream: its head goes as it is, but for `Host`.
    ///
    /// # Errors
    /// As any request's.
    pub async fn send_as_is(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        // A request reaches one upstream only; should it ever reach another, the first one stays named.
        cx.upstream.get_or_init(|| Arc::clone(&self.0.name));
        let outcome = self.0.balance.handle(request, cx).await;
        if let Err(error) = &outcome {
            tracing::debug!(upstream = &*self.0.name, %error, "upstream request failed");
        }
        outcome
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Forward").field(&self.0.name).finish()
    }
}

/// One attempt: everything inside `balance`, in order.
struct Once {
    endpoints: Box<[Endpoint]>,
    start: Option<Start>,
    connect: Connect,
    exchange: Exchange,
}

impl Attempt for Once {
    async fn attempt(
        &self,
        request: Request,
        choice: Choice,
        span: &mut Span,
        cx: &Rc<Context>,
    ) -> Result<Answer, Failed> {
        let endpoint = &self.endpoints[choice.endpoint];
        let port = match &self.start {
            None => endpoint.port,
            Some(start) => match Box::pin(start.ready(cx)).await {
                Ok(port) => port,
                Err(error) => return Err(whole(error, request)),
            },
        };
        if choice.reuse == Reuse::Pooled && !is_idempotent(request.method()) {
            // It cannot be tried again once it is sent: what was closed meanwhile shall be noticed first.
            tokio::task::yield_now().await;
        }
        match self.connect.lease(choice, port, span, cx).await {
            Ok(lease) => {
                let target = Target { endpoint, port };
                self.exchange.exchange(lease, request, target, cx).await
            }
            Err(error) => {
                if let (Some(start), ErrorType::ConnectionRefused) = (&self.start, error.kind) {
                    Box::pin(start.missed()).await;
                }
                Err(whole(error, request))
            }
        }
    }
}

/// A failure before anything was sent.
fn whole(error: ProxyError, request: Request) -> Failed {
    Failed { error, request: Some(request), stale: Stale::No }
}
