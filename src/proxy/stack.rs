//! The stages composed, first line first. One stack is built for each worker and snapshot, and shared by all requests of
//! that worker; nothing in it is cloned for a request.

use std::{cell::RefCell, fmt, rc::Rc, sync::Arc};

use tower::ServiceBuilder;

use super::{
    admission::{Admission, AdmissionLayer, BodyBounds, BodyBoundsLayer},
    answer::Answer,
    cache::{Cache, CacheLayer, RouteCache},
    client::{Client, ClientLayer},
    context::{Conn, Context, Keeping},
    handler::{Handler, Serve},
    inject::{Inject, InjectLayer, Toolbar},
    middleware::{self, Chain, Part},
    policy::{Policy, PolicyLayer},
    rescue::{self, Rescue, RescueLayer},
    reserved::{Reserved, ReservedLayer},
    route::Route,
    sentry::{self, Relay, RelayParts, Tunnel, TunnelLayer},
    session::{Session, SessionLayer},
    site::Site,
    snapshot::{BuildError, Snapshot},
    tracer::Tracer,
    upstreams::{Forward, Upstreams},
};
use crate::{
    body::Body,
    config::model::{self, Action, Proof, SentryTunnel, StoreKind, Toggle},
    rules::{
        route::{Hosts, Table},
        toolbar::SiteFacts,
    },
    service::{LocalBoxFuture, Outcome, Request, Response},
    trace::{
        counters::Counters,
        outbox::Outbox,
        requests::log::{RequestLog, RequestOutbox},
    },
};

/// What a request passes before its site is known.
type Front = Rescue<Client<Site<SitePipeline>>>;
/// What a request of one site passes before its route is known.
type SitePipeline = Session<Reserved<Admission<Tunnel<SentryPipeline, Route<RoutePipeline>>>>>;
/// What an envelope for Sentry passes.
type SentryPipeline = BodyBounds<Relay>;
/// What a request of one route passes.
type RoutePipeline = Policy<BodyBounds<Chain<Inject<Rescue<Chain<Cache<Target>>>>>>>;

/// What answers a route in the end.
enum Target {
    Upstream(Forward),
    Answer(Answer),
}

impl Handler for Target {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        match self {
            Self::Upstream(forward) => forward.handle(request, cx).await,
            Self::Answer(answer) => answer.handle(request, cx).await,
        }
    }
}

/// What belongs to one worker, whatever the snapshot.
#[derive(Clone, Debug)]
pub struct Worker {
    /// What it counts.
    pub counters: Arc<Counters>,
    /// Where its spans go.
    pub outbox: Outbox,
    /// Where the records of its requests go.
    pub requests: RequestOutbox,
}

/// All stages, of one worker and snapshot.
pub struct Stack {
    front: Front,
    upstreams: Upstreams,
    sentry: Upstreams,
}

impl Stack {
    /// Builds the stack of `snapshot`; pools are taken over from `previous`.
    ///
    /// # Errors
    /// If something that the configuration names cannot be used.
    pub fn build(snapshot: &Snapshot, worker: &Worker, previous: Option<&Self>) -> Result<Self, BuildError> {
        let config = &snapshot.config;
        let upstreams = Upstreams::build(
            &config.upstreams,
            previous.map(|previous| &previous.upstreams),
            &snapshot.services.upstream,
            &worker.counters,
        )?;
        let tunnel = config.sentry.as_ref().and_then(|sentry| sentry.tunnel.as_ref());
        let sentry = Upstreams::build(
            &tunnel.map(sentry::upstreams).unwrap_or_default(),
            previous.map(|previous| &previous.sentry),
            &snapshot.services.upstream,
            &worker.counters,
        )?;
        let builder = Builder {
            snapshot,
            upstreams: &upstreams,
            tunnel: tunnel.map(|tunnel| (tunnel, Rc::new(relay(snapshot, tunnel, &sentry)))),
            tracer: Rc::new(Tracer {
                outbox: worker.outbox.clone(),
                redaction: Arc::clone(&snapshot.redaction),
                sentry: Arc::clone(&snapshot.sentry),
                spans_max: config.trace.spans_per_request_max,
                quota: Arc::clone(&snapshot.services.quota),
            }),
        };
        let mut sites = Vec::new();
        for (place, site) in config.sites.iter().enumerate() {
            let pipeline = Rc::new(builder.site(place, site)?);
            sites.extend(site.hosts.iter().map(|host| (host.clone(), Rc::clone(&pipeline))));
        }
        let front = ServiceBuilder::new()
            .layer(RescueLayer { place: rescue::Place::Outermost })
            .layer(ClientLayer { trusted: config.access.trusted_proxies.as_slice().into() })
            .service(Site { sites: Hosts::new(sites) });
        Ok(Self { front, upstreams, sentry })
    }

    async fn respond(self: Rc<Self>, request: Request, waiting: Waiting) -> Response {
        let cx = &waiting.0;
        let response = match self.front.handle(request, cx).await {
            Ok(response) => response,
            // The outermost rescue lets no error through.
            Err(error) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = error.status();
                response
            }
        };
        cx.answered(response)
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("upstreams", &self.upstreams).finish_non_exhaustive()
    }
}

struct Builder<'a> {
    snapshot: &'a Snapshot,
    upstreams: &'a Upstreams,
    tunnel: Option<(&'a SentryTunnel, Rc<SentryPipeline>)>,
    tracer: Rc<Tracer>,
}

impl Builder<'_> {
    fn site(&self, place: usize, site: &model::Site) -> Result<SitePipeline, BuildError> {
        let Snapshot { config, keys, services, .. } = self.snapshot;
        let toolbar =
            (site.toolbar.is_on() && site.inject_toolbar.is_on()).then(|| Rc::new(toolbar(self.snapshot, site)));
        let routes = site.routes.iter().enumerate().map(|(at, route)| {
            let name = route.name.as_str().into();
            Ok((route.conditions(), name, self.route(site, route, (place, at), toolbar.as_ref())?))
        });
        let route = Route::new(routes.collect::<Result<Vec<_>, BuildError>>()?);
        let policies = site.routes.iter().any(|route| route.propagation.is_some()).then(|| {
            let policy = |route: &model::Route| route.propagation.unwrap_or(site.propagation);
            Rc::new(Table::new(site.routes.iter().map(|route| (route.conditions(), policy(route)))))
        });
        let forward_auth = config.access.forward_auth.iter().flat_map(Proof::headers);
        let private = forward_auth.cloned().collect();
        let (tunnel, relay) = self.tunnel.as_ref().map(|(tunnel, relay)| (*tunnel, Rc::clone(relay))).unzip();
        let paths = sentry::paths(tunnel, site);
        Ok(ServiceBuilder::new()
            .layer(SessionLayer {
                keys: Arc::clone(keys),
                sessions: Arc::clone(&services.sessions),
                tracer: Rc::clone(&self.tracer),
                toolbar: site.toolbar,
                ratio: config.trace.ratio,
                budget: Arc::clone(&self.snapshot.ratio_budget),
                policy: site.propagation,
                inject: site.inject,
                wardrobe: Rc::new(self.inject(site, toolbar.as_ref())),
                untraced: Rc::clone(&paths),
                route_policies: policies,
            })
            .layer(ReservedLayer {
                door: site.toolbar.is_on().then(|| services.door.clone()),
                console: site.console,
                private,
            })
            .layer(AdmissionLayer { permits: Arc::clone(&services.permits), limits: config.limits.clone() })
            .layer(TunnelLayer { relay, paths })
            .service(route))
    }

    fn route(
        &self,
        site: &model::Site,
        route: &model::Route,
        (place, at): (usize, usize),
        toolbar: Option<&Rc<Toolbar>>,
    ) -> Result<RoutePipeline, BuildError> {
        let config = &self.snapshot.config;
        let names = || site.middleware.iter().chain(&route.middleware);
        let outside = middleware::chain(&config.middleware, names(), Part::OutsideInject)?;
        let mut inside = middleware::chain(&config.middleware, names(), Part::InsideInject)?;
        if let Action::Redirect(redirect) = &route.action {
            inside = middleware::redirecting(inside, redirect)?;
        }
        let rule = route.trace.zip(self.snapshot.route_budgets[place][at].clone());
        Ok(ServiceBuilder::new()
            .layer(PolicyLayer {
                tracer: Rc::clone(&self.tracer),
                propagation: route.propagation.unwrap_or(site.propagation),
                inject: route.inject.unwrap_or(site.inject),
                rule,
                tail: route.tail.is_on().then(|| self.snapshot.keep.clone()),
            })
            .layer(BodyBoundsLayer {
                bytes_max: route.request_body_bytes_max.unwrap_or(config.limits.request_body_bytes_max),
                setting: "request_body_bytes_max",
                timeout_silence: config.timeouts.body,
            })
            // Compression: outside inject, which needs plain octets.
            .layer(outside)
            // Outside of everything that may store a response: these octets belong to one visitor.
            .layer(InjectLayer {
                mode: route.inject.unwrap_or(site.inject),
                policy: route.propagation.unwrap_or(site.propagation),
                ..self.inject(site, toolbar)
            })
            // Inside inject: error pages are pages.
            .layer(RescueLayer { place: rescue::Place::Route })
            .layer(inside)
            // Inside all that is about one visitor.
            .layer(CacheLayer { route: self.cache(route, names()) })
            .service(self.target(&route.action)?))
    }

    /// What pages of the site get, where its routes say nothing else.
    fn inject(&self, site: &model::Site, toolbar: Option<&Rc<Toolbar>>) -> InjectLayer {
        InjectLayer {
            mode: site.inject,
            error_pages: site.inject_errors,
            policy: site.propagation,
            sentry: Arc::clone(&self.snapshot.sentry),
            toolbar: toolbar.cloned(),
        }
    }

    /// How the route caches. Its mark changes with all that its answers depend on beside the request.
    fn cache<'n>(&self, route: &model::Route, names: impl Iterator<Item = &'n String>) -> Option<Rc<RouteCache>> {
        let policy = route.cache.clone()?;
        let config = &self.snapshot.config;
        let middleware: Vec<_> = names.map(|name| config.middleware.get(name)).collect();
        let about = format!("{:?} {:?} {middleware:?}", route.conditions(), route.action);
        Some(Rc::new(RouteCache {
            policy,
            mark: RouteCache::mark(&about),
            store: Arc::clone(&self.snapshot.services.cache),
            tracer: Rc::clone(&self.tracer),
        }))
    }

    fn target(&self, action: &Action) -> Result<Target, BuildError> {
        match action {
            Action::Upstream(name) => self
                .upstreams
                .handler(name)
                .map(Target::Upstream)
                .ok_or_else(|| BuildError::Unknown { kind: "upstream", name: name.clone() }),
            // Behind the chain's own redirect, which lets nothing through.
            Action::Redirect(_) => Ok(Target::Answer(Answer::nothing())),
            Action::Respond(respond) => Ok(Target::Answer(Answer::new(respond.clone()))),
        }
    }
}

/// What takes envelopes for Sentry.
fn relay(snapshot: &Snapshot, tunnel: &SentryTunnel, upstreams: &Upstreams) -> SentryPipeline {
    let Snapshot { config, services, .. } = snapshot;
    let relay = Relay::new(RelayParts {
        tunnel,
        client_address: config.privacy.client_address,
        upstreams,
        services: services.sentry.clone(),
    });
    let bounds = BodyBoundsLayer {
        bytes_max: tunnel.bytes_max,
        setting: "sentry.tunnel_bytes_max",
        timeout_silence: config.timeouts.body,
    };
    ServiceBuilder::new().layer(bounds).service(relay)
}

/// What the toolbars of all pages of a site have in common.
fn toolbar(snapshot: &Snapshot, site: &model::Site) -> Toolbar {
    let Snapshot { config, keys, services, .. } = snapshot;
    Toolbar {
        settings: config.toolbar.clone(),
        site: SiteFacts::new(site.routes.iter().map(|route| route.path.as_str()), &config.toolbar.propagate_to),
        script: services.door.pages.toolbar().into(),
        keys: Arc::clone(keys),
        sessions: Arc::clone(&services.sessions),
        quota: Arc::clone(&services.quota),
    }
}

/// The stack as connections see it: requests go to the snapshot that is current when they arrive.
#[derive(Clone)]
pub struct Edge(Rc<Current>);

struct Current {
    worker: Worker,
    log: Rc<RequestLog>,
    stack: RefCell<Rc<Stack>>,
    keeping: RefCell<Rc<Keeping>>,
}

impl Edge {
    /// Begins with the stack of `snapshot`.
    ///
    /// # Errors
    /// As [`Stack::build`].
    pub fn new(snapshot: &Snapshot, worker: Worker) -> Result<Self, BuildError> {
        let stack = Rc::new(Stack::build(snapshot, &worker, None)?);
        let log = Rc::new(RequestLog::new(worker.requests.clone()));
        let keeping = RefCell::new(keeping(snapshot, &log));
        Ok(Self(Rc::new(Current { worker, log, stack: RefCell::new(stack), keeping })))
    }

    /// Goes on with the stack of `snapshot`; requests in progress keep theirs.
    ///
    /// # Errors
    /// As [`Stack::build`]; the stack before stays then.
    pub fn replace(&self, snapshot: &Snapshot) -> Result<(), BuildError> {
        let previous = Rc::clone(&self.0.stack.borrow());
        let stack = Rc::new(Stack::build(snapshot, &self.0.worker, Some(&previous))?);
        *self.0.stack.borrow_mut() = stack;
        *self.0.keeping.borrow_mut() = keeping(snapshot, &self.0.log);
        Ok(())
    }

    /// The log of this worker's requests, which is to be handed over in time.
    pub fn requests(&self) -> Rc<RequestLog> {
        Rc::clone(&self.0.log)
    }

    /// Answers a request.
    pub fn answer(&self, conn: &Rc<Conn>, request: Request) -> LocalBoxFuture<'static, Response> {
        let stack = Rc::clone(&self.0.stack.borrow());
        let keeping = Rc::clone(&self.0.keeping.borrow());
        let cx = Context::new(Rc::clone(conn), &request, Arc::clone(&self.0.worker.counters), keeping);
        let waiting = Waiting(Rc::new(cx));
        // Boxed for the request, so that an idle connection does not carry the size of the whole stack.
        placed(move || stack.respond(request, waiting))
    }
}

/// A future in a box, made where it is to lie: `Box::pin` makes it elsewhere and copies all its octets, most of which
/// mean nothing yet.
#[inline]
fn placed<F: Future + 'static>(make: impl FnOnce() -> F) -> LocalBoxFuture<'static, F::Output> {
    let place = Box::new_uninit();
    let future: Box<F> = Box::write(place, make());
    Box::into_pin(future as Box<dyn Future<Output = F::Output>>)
}

/// How requests are kept, as `snapshot` has it.
fn keeping(snapshot: &Snapshot, log: &Rc<RequestLog>) -> Rc<Keeping> {
    Rc::new(Keeping {
        access_log: snapshot.config.log.access.is_on().then_some(snapshot.config.privacy.client_address_log),
        header_sets: if snapshot.config.store.kind == StoreKind::Off { Toggle::Off } else { Toggle::On },
        request_id_header: snapshot.config.receive.request_id_header.clone(),
        redaction: Arc::clone(&snapshot.redaction),
        log: Rc::clone(log),
    })
}

impl Serve for Edge {
    fn serve(&self, conn: &Rc<Conn>, request: Request) -> impl Future<Output = Response> + 'static {
        self.answer(conn, request)
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}

/// A request whose response is awaited: if its future is dropped, its client went away.
struct Waiting(Rc<Context>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.0.status.get() == 0 {
            self.0.abandoned();
        }
    }
}
