//! What the stages of one request tell each other. They never import one another: they meet here.

use std::{
    cell::{Cell, OnceCell, RefCell},
    fmt,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use crate::{
    clock::Instant,
    config::model::Scheme,
    error::ErrorType,
    trace::{
        counters::Counters,
        phases::Phases,
        scope::{Scope, Span},
        stage::Stage,
    },
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

/// A request that the framing guard refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which request of the connection it is, counted from 1.
    pub request: u64,
    /// The status it is answered with.
    pub status: u16,
    /// Why, in words for logs and spans.
    pub reason: &'static str,
}

/// One request, from the moment its head was read.
pub struct Context {
    /// The connection it came on.
    pub conn: Rc<Conn>,
    /// Its name in logs, headers and error pages.
    pub request_id: RequestId,
    /// When each phase was reached.
    pub phases: Phases,
    /// What this worker counts.
    pub counters: Arc<Counters>,
    /// The client's address, as seen through trusted proxies.
    pub client: Cell<IpAddr>,
    /// The client's scheme, as seen through trusted proxies.
    pub scheme: Cell<Scheme>,
    /// The host asked for: lower case, without port.
    pub host: OnceCell<Box<str>>,
    /// Path parameters that the route's pattern took.
    pub params: RefCell<Params>,
    /// The name of the upstream that was asked, and its endpoint.
    pub upstream: OnceCell<Box<str>>,
    /// What went wrong, if anything did.
    pub error: Cell<Option<ErrorType>>,
    scope: RefCell<Scope>,
}

/// Path parameters, by name, decoded.
pub type Params = Vec<(Box<str>, String)>;

impl Context {
    /// A request that was just read.
    pub fn new(conn: Rc<Conn>, counters: Arc<Counters>) -> Self {
        Self {
            request_id: RequestId::new(),
            phases: Phases::default(),
            counters,
            client: Cell::new(conn.peer.ip()),
            scheme: Cell::new(conn.scheme),
            conn,
            host: OnceCell::new(),
            params: RefCell::default(),
            upstream: OnceCell::new(),
            error: Cell::new(None),
            scope: RefCell::default(),
        }
    }

    /// Where spans hang now.
    pub fn scope(&self) -> Scope {
        self.scope.borrow().clone()
    }

    /// Whether this request is traced.
    pub fn is_traced(&self) -> bool {
        self.scope.borrow().is_on()
    }

    /// Opens a span where spans hang now.
    pub fn span(&self, stage: Stage) -> Span {
        self.scope.borrow().span(stage)
    }

    /// Makes new spans hang under `span`, and gives back where they hung before, for [`Self::leave`].
    #[must_use = "what was entered must be left"]
    pub fn enter(&self, span: &Span) -> Scope {
        if span.is_on() { self.scope.replace(span.scope()) } else { Scope::off() }
    }

    /// Makes new spans hang where they hung before [`Self::enter`].
    pub fn leave(&self, outer: Scope) {
        if outer.is_on() {
            self.scope.replace(outer);
        }
    }

    /// Turns tracing on: spans hang under the root.
    pub fn trace(&self, root: &Span) {
        self.scope.replace(root.scope());
    }

    /// Lets go of the recording, so that it is handed over as soon as the root span ends.
    pub fn untrace(&self) {
        self.scope.replace(Scope::off());
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// A request's name: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u128);

impl RequestId {
    /// A new name.
    pub fn new() -> Self {
        Self(fastrand::u128(..))
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
