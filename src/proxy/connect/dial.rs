//! Opening a connection: name, TCP, TLS, codec; all within one bound.

use std::{
    cell::Cell,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

use super::{
    Bounds,
    resolver::{Lookup, Resolver},
    tls::{self, Client},
};
use crate::{
    config::model::Endpoint,
    error::{ErrorType, ProxyError, Retry},
    proxy::wire::{Http1, Io},
    trace::{scope::Scope, stage::Stage},
};

/// How one endpoint's connections are opened.
#[derive(Debug)]
pub(super) struct Dial {
    host: Host,
    tls: Option<Client>,
    resolver: Arc<Resolver>,
    bounds: Bounds,
    turn: Cell<usize>,
}

#[derive(Debug)]
enum Host {
    Address(IpAddr),
    Name(Box<str>),
}

/// Where opening a connection stands: what a timeout is reported as.
#[derive(Clone, Copy, Debug)]
enum Step {
    Name,
    Tcp,
    Tls,
}

impl Dial {
    /// Opens connections to `endpoint`, with TLS if `tls` is given.
    pub(super) fn new(endpoint: &Endpoint, tls: Option<Client>, resolver: Arc<Resolver>, bounds: Bounds) -> Self {
        let host = endpoint.host.parse().map_or_else(|_| Host::Name(endpoint.host.as_str().into()), Host::Address);
        Self { host, tls, resolver, bounds, turn: Cell::new(0) }
    }

    /// Opens a connection.
    pub(super) async fn open(&self, port: u16, scope: &Scope) -> Result<(Http1, SocketAddr), ProxyError> {
        let step = Cell::new(Step::Name);
        let opening = async {
            let addresses = self.addresses(scope).await?;
            step.set(Step::Tcp);
            let (stream, peer) = self.tcp(&addresses, port, scope).await?;
            let io = match &self.tls {
                None => Io::Plain(stream),
                Some(client) => {
                    step.set(Step::Tls);
                    Io::Tls(Box::new(shake_hands(client, stream, scope).await?))
                }
            };
            Ok((Http1::new(io), peer))
        };
        match timeout(self.bounds.timeout_connect, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(self.too_slow(step.get())),
        }
    }

    async fn addresses(&self, scope: &Scope) -> Result<Arc<[IpAddr]>, ProxyError> {
        let name = match &self.host {
            Host::Address(address) => return Ok(Arc::from([*address])),
            Host::Name(name) => name,
        };
        let answer = match self.resolver.lookup(name, self.bounds.dns_refresh) {
            Lookup::Known(addresses) => return Ok(addresses),
            Lookup::Pending(pending) => {
                let mut span = scope.span(Stage::UpstreamDns);
                span.set("dns.question.name", || &**name);
                let answer = pending.answer().await;
                if let Err(error) = &answer {
                    span.fail(ErrorType::DnsError.token(), || error.to_string());
                }
                answer
            }
        };
        answer.map_err(|error| {
            unsent(ErrorType::DnsError).with_detail(format!("{name} could not be looked up")).with_source(error)
        })
    }

    /// Tries one address after the other, beginning with another one each time.
    async fn tcp(&self, addresses: &[IpAddr], port: u16, scope: &Scope) -> Result<(TcpStream, SocketAddr), ProxyError> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        // An address that swallows packets must leave time for the others.
        let share = self.bounds.timeout_connect / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = None;
        for place in 0..addresses.len() {
            let peer = SocketAddr::new(addresses[turn.wrapping_add(place) % addresses.len()], port);
            let mut span = scope.span(Stage::UpstreamConnect);
            span.set("network.peer.address", || peer.ip());
            span.set("network.peer.port", || i64::from(peer.port()));
            let error = match connect(peer, share).await {
                Ok(stream) => return Ok((stream, peer)),
                Err(error) => error,
            };
            span.fail(error.kind.token(), || error.to_string());
            last = Some(error);
        }
        Err(last.unwrap_or_else(|| unsent(ErrorType::DnsError).with_detail("a name without addresses")))
    }

    fn too_slow(&self, step: Step) -> ProxyError {
        let (kind, what) = match step {
            Step::Name => (ErrorType::DnsTimeout, "the name lookup"),
            Step::Tcp => (ErrorType::ConnectionTimeout, "connecting"),
            Step::Tls => (ErrorType::ConnectionTimeout, "the TLS handshake"),
        };
        unsent(kind).with_detail(format!("{what} took longer than {:?}", self.bounds.timeout_connect))
    }
}

async fn connect(peer: SocketAddr, share: Duration) -> Result<TcpStream, ProxyError> {
    let stream = match timeout(share, TcpStream::connect(peer)).await {
        Err(_) => return Err(unsent(ErrorType::ConnectionTimeout).with_detail(format!("{peer} did not answer"))),
        Ok(Err(error)) => return Err(unsent(refusal(&error)).with_detail(peer.to_string()).with_source(error)),
        Ok(Ok(stream)) => stream,
    };
    // Small requests must not wait for the acknowledgement of earlier ones. Failing is harmless.
    stream.set_nodelay(true).ok();
    Ok(stream)
}

fn refusal(error: &io::Error) -> ErrorType {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorType::ConnectionRefused,
        io::ErrorKind::TimedOut => ErrorType::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            ErrorType::DestinationIpUnroutable
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => ErrorType::ConnectionTerminated,
        // Such as no free file descriptor: ours, not the upstream's.
        _ => ErrorType::ProxyInternalError,
    }
}

async fn shake_hands(
    client: &Client,
    stream: TcpStream,
    scope: &Scope,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ProxyError> {
    let mut span = scope.span(Stage::UpstreamTls);
    span.set("tls.server.name", || client.server_name());
    let stream = client.connect(stream).await.map_err(|error| {
        let kind = tls::kind(&error);
        span.fail(kind.token(), || error.to_string());
        unsent(kind).with_detail(error.to_string()).with_source(error)
    })?;
    if span.is_on() {
        tls::describe(&mut span, stream.get_ref().1);
    }
    Ok(stream)
}

/// An error before anything was sent.
fn unsent(kind: ErrorType) -> ProxyError {
    let error = match kind {
        ErrorType::ProxyInternalError => ProxyError::proxy(kind),
        _ => ProxyError::upstream(kind),
    };
    error.with_retry(Retry::Unsent)
}
