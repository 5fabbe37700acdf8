//! One client connection, as its requests see it.

mod aside;

use std::{
    cell::{Cell, OnceCell, RefCell},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{HeaderValue, Version};

pub use self::aside::{Aside, Duplex, Offer};
use crate::{
    clock::Instant,
    config::model::Scheme,
    rules::{
        authority::{self, AuthorityError},
        headers::forwarded::peer_value,
        privacy::ClientAddress,
    },
    trace::{attributes::Attributes, scope::Span},
};

/// One client connection. Facts older than any cookie are kept here as plain timestamps, and become spans only when
/// tracing turns on.
#[derive(Debug)]
pub struct Conn {
    /// The other end.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// When it was accepted.
    pub accepted: Instant,
    /// What the TLS handshake agreed on.
    pub tls: Option<Handshake>,
    /// Requests begun on it.
    pub requests: Cell<u64>,
    /// The request that cannot be understood in one way only, if there is one.
    pub refusal: Cell<Option<Refusal>>,
    /// What is said beside a request and its response.
    pub aside: Aside,
    /// What is the same for all its requests, and worked out once.
    pub same: Same,
}

/// What is the same for all requests of a connection, or most often is: worked out when first needed.
#[derive(Debug, Default)]
pub struct Same {
    forwarded: OnceCell<HeaderValue>,
    host: RefCell<Option<(Box<str>, Arc<str>)>>,
    described: RefCell<Option<Box<Described>>>,
}

/// What the description of a connection depends on, beside the connection: what its requests most often have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The protocol.
    pub version: Version,
    /// The client's address, as seen through trusted proxies.
    pub client: IpAddr,
    /// How much of addresses may be kept.
    pub kept: ClientAddress,
    /// The scheme, as seen through trusted proxies.
    pub scheme: Scheme,
    /// Why requests are traced.
    pub trigger: &'static str,
    /// The host asked for; empty if it is not known.
    pub host: &'a str,
    /// `User-Agent`; empty if there is none.
    pub agent: &'a [u8],
}

/// A description, and of what.
#[derive(Debug)]
struct Described {
    /// Without what is borrowed.
    facts: Facts<'static>,
    host: Box<str>,
    agent: Box<[u8]>,
    attributes: Attributes,
}

impl Described {
    fn new(facts: Facts<'_>, write: impl FnOnce(&mut Attributes)) -> Self {
        let mut attributes = Attributes::default();
        write(&mut attributes);
        let (host, agent) = (facts.host.into(), facts.agent.into());
        Self { facts: Facts { host: "", agent: &[], ..facts }, host, agent, attributes }
    }

    fn is_of(&self, facts: Facts<'_>) -> bool {
        *self.host == *facts.host
            && *self.agent == *facts.agent
            && self.facts == Facts { host: "", agent: &[], ..facts }
    }
}

impl Conn {
    /// A connection on which nothing was said.
    pub fn new(peer: SocketAddr, local: SocketAddr, scheme: Scheme, accepted: Instant, tls: Option<Handshake>) -> Self {
        let (requests, refusal) = (Cell::new(0), Cell::new(None));
        Self { peer, local, scheme, accepted, tls, requests, refusal, aside: Aside::default(), same: Same::default() }
    }

    /// The other end's address, as `X-Forwarded-For` tells it.
    pub fn peer_value(&self) -> &HeaderValue {
        self.same.forwarded.get_or_init(|| peer_value(self.peer.ip()))
    }

    /// Describes the connection on `span`, as `write` does; that is asked again only where `facts` are other ones.
    pub fn describe(&self, span: &mut Span, facts: Facts<'_>, write: impl FnOnce(&mut Attributes)) {
        let mut described = self.same.described.borrow_mut();
        let known = match &mut *described {
            Some(known) if known.is_of(facts) => known,
            other => other.insert(Box::new(Described::new(facts, write))),
        };
        span.set_all(|| &known.attributes);
    }

    /// The host that `authority` names: lower case, without port.
    ///
    /// # Errors
    /// It is no host.
    pub fn host(&self, authority: &str) -> Result<Arc<str>, AuthorityError> {
        let mut last = self.same.host.borrow_mut();
        if let Some((asked, host)) = &*last
            && **asked == *authority
        {
            return Ok(Arc::clone(host));
        }
        let host: Arc<str> = authority::without_port(authority)?.to_ascii_lowercase().into();
        *last = Some((authority.into(), Arc::clone(&host)));
        Ok(host)
    }
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// When it began.
    pub start: Instant,
    /// When it ended.
    pub end: Instant,
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// The cipher suite, as IANA writes it.
    pub cipher: &'static str,
    /// The name asked for.
    pub server_name: Option<Box<str>>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// A request that can be understood in two ways, or that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which request of the connection it is, counted from 1.
    pub request: u64,
    /// The status it is answered with.
    pub status: u16,
    /// Why, in words for logs and spans.
    pub reason: &'static str,
}
