//! The tunnel for browser SDKs of Sentry: envelopes that pages post to their own origin, which blockers of requests to
//! Sentry let pass, go on to the projects that the configuration names, and to no others.
//!
//! It is an ordinary public address of the site: it asks for no session, sets no cookie and is not traced. It stands in
//! front of the routes, at the path that `tunnel: true` makes of a DSN, unless a route names that path itself, and at the
//! path that is configured.

mod copy;
mod opening;
mod relay;

use std::{collections::BTreeMap, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

pub use self::relay::{Relay, RelayParts};
use super::{context::Context, handler::Handler, permits::Permits};
use crate::{
    config::model::{Endpoint, SentryTunnel, Site, Upstream, UpstreamHost, UpstreamTls},
    rules::sentry::Dsn,
    service::{Outcome, Request},
    trace::{per_minute::PerMinute, receive::sentry::Copies},
};

/// What it is called in logs, where a request's route and upstream are told.
const NAME: &str = "sentry";

/// What the tunnels of all workers share.
#[derive(Clone, Debug)]
pub struct SentryServices {
    /// Places for envelopes on their way.
    pub permits: Arc<Permits>,
    /// How many envelopes each client sent.
    pub clients: Arc<PerMinute<IpAddr>>,
    /// Where copies of traced sessions' envelopes go.
    pub copies: Copies,
}

/// Puts [`Tunnel`] in front of a stage.
#[derive(Clone, Debug)]
pub struct TunnelLayer<R> {
    /// What takes envelopes; `None`: there is no tunnel.
    pub relay: Option<Rc<R>>,
    /// Where it does.
    pub paths: Rc<[Box<str>]>,
}

impl<R, S> tower::Layer<S> for TunnelLayer<R> {
    type Service = Tunnel<R, S>;

    fn layer(&self, inner: S) -> Tunnel<R, S> {
        Tunnel { relay: self.relay.clone(), paths: Rc::clone(&self.paths), inner }
    }
}

/// Takes envelopes, and hands all other requests on.
#[derive(Debug)]
pub struct Tunnel<R, S> {
    relay: Option<Rc<R>>,
    paths: Rc<[Box<str>]>,
    inner: S,
}

impl<R: Handler, S: Handler> Handler for Tunnel<R, S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        match &self.relay {
            Some(relay) if is_tunnel(&self.paths, request.uri().path()) => {
                cx.route.get_or_init(|| NAME.into());
                // Boxed, as what is rare everywhere in the stack.
                Box::pin(relay.handle(request, cx)).await
            }
            _ => self.inner.handle(request, cx).await,
        }
    }
}

/// Whether a tunnel stands at `path`.
pub fn is_tunnel(paths: &[Box<str>], path: &str) -> bool {
    paths.iter().any(|known| **known == *path)
}

/// Where the tunnel stands on a site. The console's own site has none: no page of an app is there.
pub fn paths(tunnel: Option<&SentryTunnel>, site: &Site) -> Rc<[Box<str>]> {
    let Some(tunnel) = tunnel.filter(|_| !site.console.is_on()) else { return Rc::default() };
    let is_routed = |path: &String| site.routes.iter().any(|route| route.path.as_str() == path);
    let of_dsns = tunnel.dsns.iter().map(Dsn::tunnel_path).filter(|path| !is_routed(path));
    of_dsns.chain(tunnel.path.clone()).map(String::into_boxed_str).collect()
}

/// The servers that the tunnel leads to, by what [`server`] calls them.
pub fn upstreams(tunnel: &SentryTunnel) -> BTreeMap<String, Upstream> {
    tunnel.dsns.iter().map(|dsn| (server(dsn), upstream(tunnel, dsn))).collect()
}

/// What the server of a DSN is called. Projects of one server share its connections.
fn server(dsn: &Dsn) -> String {
    format!("{}://{}:{}", dsn.scheme().as_str(), dsn.host(), dsn.port())
}

fn upstream(tunnel: &SentryTunnel, dsn: &Dsn) -> Upstream {
    /// Connections kept by each worker: envelopes come in bursts, when a page ends.
    const POOL_IDLE_MAX: usize = 8;
    Upstream {
        name: NAME.to_owned(),
        endpoints: vec![Endpoint { scheme: dsn.scheme(), host: dsn.host().to_owned(), port: dsn.port() }],
        host: UpstreamHost::Endpoint,
        tls: UpstreamTls { ca_file: tunnel.ca_file.clone(), server_name: None },
        timeout_connect: tunnel.timeout.min(Duration::from_secs(10)),
        timeout_first_byte: tunnel.timeout,
        timeout_idle: tunnel.timeout,
        pool_idle_max: POOL_IDLE_MAX,
        pool_timeout_idle: Duration::from_secs(30),
        dns_refresh: Duration::from_secs(30),
        // An envelope of which nothing was sent may be sent once more; Sentry drops no doubles.
        attempts_max: 2,
        start: None,
    }
}
