//! What the stages of one request tell each other. They never import one another: they meet here.

mod beside;
mod conn;
mod dress;
mod keeping;
mod request_id;
mod told;

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    fmt,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
};

use http::{HeaderValue, Method, Uri, Version, header::ACCEPT};
use opentelemetry::trace::SpanId;

pub use self::{
    beside::{Cached, Kept},
    conn::{Aside, Conn, Duplex, Facts, Handshake, Offer, Refusal, Same},
    dress::{Dress, Wardrobe},
    keeping::{Keeping, Place},
    request_id::RequestId,
};
use super::permits::Permit;
use crate::{
    body::{Body, End, Watch},
    clock::{self, Instant},
    config::model::{Inject, Scheme},
    error::ErrorType,
    rules::{
        headers::{forwarded::PeerTrust, hop::Hop, redact::Redaction},
        privacy, reserved,
        session::Credentials,
        trace_context::Outgoing,
    },
    service::{Request, Response},
    trace::{
        counters::Counters,
        phases::{Phase, Phases},
        requests::{hints::Hints, keep::KeepRules, row::HeaderSets},
        scope::{Scope, Span},
        stage::Stage,
    },
};

/// One request, from the moment its head was read.
pub struct Context {
    /// The connection it came on.
    pub conn: Rc<Conn>,
    /// Which request of the connection it is, counted from 1.
    pub number: u64,
    /// Its name in logs, headers and error pages.
    pub request_id: RequestId,
    /// The method asked for; the request itself may be changed on its way.
    pub method: Method,
    /// The target asked for.
    pub uri: Uri,
    /// The protocol the client speaks.
    pub version: Version,
    /// `Accept`, for whatever becomes an error page.
    pub accept: Option<HeaderValue>,
    /// When each phase was reached.
    pub phases: Phases,
    /// What this worker counts.
    pub counters: Arc<Counters>,
    /// The client's address, as seen through trusted proxies.
    pub client: Cell<IpAddr>,
    /// The client's scheme, as seen through trusted proxies.
    pub scheme: Cell<Scheme>,
    /// Whether the connection's other end is a trusted proxy.
    pub peer_trust: Cell<PeerTrust>,
    /// What spans of this request hide; known where it is traced.
    pub redaction: OnceCell<Arc<Redaction>>,
    /// The host that a trusted proxy says was asked for, as written.
    pub forwarded_host: OnceCell<Box<str>>,
    /// What the client said of its own connection; known where its route is.
    pub hop: OnceCell<Hop>,
    /// The host asked for: lower case, without port.
    pub host: OnceCell<Arc<str>>,
    /// The name of the route taken.
    pub route: OnceCell<Arc<str>>,
    /// When pages are given tags, as the site has it, and its route where that is known.
    pub inject: Cell<Inject>,
    /// Path parameters that the route's pattern took.
    pub params: RefCell<Params>,
    /// The name of the upstream that was asked.
    pub upstream: OnceCell<Arc<str>>,
    /// What went wrong, if anything did.
    pub error: Cell<Option<ErrorType>>,
    /// The status answered with; 0 until then.
    pub status: Cell<u16>,
    /// Whether it is about something that is done beside a request.
    pub is_beside: bool,
    client_left: Cell<bool>,
    octets: Cell<u64>,
    keeping: Rc<Keeping>,
    hints: Hints,
    trigger: Cell<&'static str>,
    headers: RefCell<Option<Box<HeaderSets>>>,
    tail: RefCell<Option<KeepRules>>,
    is_ours: Cell<bool>,
    finished: Cell<bool>,
    tunnels: Cell<bool>,
    permit: RefCell<Option<Permit>>,
    credentials: RefCell<Option<Box<Credentials>>>,
    outgoing: RefCell<Option<Box<Outgoing>>>,
    parent_there: Cell<Option<SpanId>>,
    root: RefCell<Span>,
    scope: RefCell<Scope>,
    cache: RefCell<Option<Cached>>,
    dress: RefCell<Option<Dress>>,
}

/// Path parameters, by name, decoded.
pub use crate::rules::route::Params;

impl Context {
    /// A request whose head was just read.
    pub fn new(conn: Rc<Conn>, request: &Request, counters: Arc<Counters>, keeping: Rc<Keeping>) -> Self {
        let phases = Phases::default();
        phases.mark(Phase::Received, clock::now());
        counters.requests.one();
        counters.requests_active.up();
        Self {
            number: conn.requests.get(),
            request_id: RequestId::new(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            phases,
            counters,
            client: Cell::new(conn.peer.ip()),
            scheme: Cell::new(conn.scheme),
            conn,
            peer_trust: Cell::new(PeerTrust::Unknown),
            redaction: OnceCell::new(),
            forwarded_host: OnceCell::new(),
            hop: OnceCell::new(),
            host: OnceCell::new(),
            route: OnceCell::new(),
            inject: Cell::new(Inject::Off),
            params: RefCell::default(),
            upstream: OnceCell::new(),
            error: Cell::new(None),
            status: Cell::new(0),
            is_beside: false,
            client_left: Cell::new(false),
            octets: Cell::new(0),
            keeping,
            hints: Hints::read(request.headers()),
            accept: request.headers().get(ACCEPT).cloned(),
            trigger: Cell::new(""),
            headers: RefCell::default(),
            tail: RefCell::default(),
            is_ours: Cell::new(false),
            finished: Cell::new(false),
            tunnels: Cell::new(false),
            permit: RefCell::default(),
            credentials: RefCell::default(),
            outgoing: RefCell::default(),
            parent_there: Cell::new(None),
            root: RefCell::default(),
            scope: RefCell::default(),
            cache: RefCell::default(),
            dress: RefCell::default(),
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

    /// Opens a span that began earlier.
    pub fn span_from(&self, stage: Stage, start: Instant) -> Span {
        self.scope.borrow().span_from(stage, start)
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

    /// Turns tracing on, for the reason `trigger`: spans hang under `root`, which ends with the request, and `outgoing`
    /// goes on to the upstream and to the page.
    pub fn trace(&self, root: Span, outgoing: Outgoing, trigger: &'static str) {
        self.trigger.set(trigger);
        self.counters.requests_traced.one();
        *self.outgoing.borrow_mut() = Some(Box::new(outgoing));
        self.scope.replace(root.scope());
        *self.root.borrow_mut() = root;
    }

    /// Does something to the root span, if there is one.
    pub fn with_root(&self, change: impl FnOnce(&mut Span)) {
        let mut root = self.root.borrow_mut();
        if root.is_on() {
            change(&mut root);
        }
    }

    /// An address as spans tell it: with its query only where it is known what to hide of that.
    pub fn told<'a>(&self, address: &'a str) -> Cow<'a, str> {
        match self.redaction.get() {
            Some(redaction) => redaction.url(address),
            None => address.split('?').next().unwrap_or(address).into(),
        }
    }

    /// Keeps this request's place until it ends.
    pub fn hold(&self, permit: Permit) {
        *self.permit.borrow_mut() = Some(permit);
    }

    /// The length of the target as it was sent, in octets.
    pub fn target_octets(&self) -> usize {
        let path = self.uri.path_and_query().map_or(0, |path| path.as_str().len());
        path + self.uri.authority().map_or(0, |authority| authority.as_str().len())
    }

    /// Whether it is known who sent this request.
    pub fn is_known(&self) -> bool {
        self.credentials.borrow().is_some()
    }

    /// Who sent this request, if anybody is known.
    pub fn credentials(&self) -> Credentials {
        self.credentials.borrow().as_deref().cloned().unwrap_or_default()
    }

    /// Remembers who sent this request.
    pub fn identify(&self, credentials: Credentials) {
        *self.credentials.borrow_mut() = Some(Box::new(credentials));
    }

    /// The response as the client gets it: the request ends when its body does.
    pub fn answered(self: &Rc<Self>, response: Response) -> Response {
        if self.has_client_left() {
            // Nobody is there to read it, so nothing of it is recorded as an answer.
            let mut unread = Response::new(Body::empty());
            *unread.status_mut() = response.status();
            drop(response);
            self.error.set(None);
            self.abandoned();
            return unread;
        }
        self.status.set(response.status().as_u16());
        self.keep_headers(Place::Sent, response.headers());
        response.map(|body| body.watched(Rc::clone(self) as Rc<dyn Watch>))
    }

    /// The client went away before there was a response.
    pub fn abandoned(&self) {
        self.finish(End::Dropped);
    }

    /// The client went away while its request was read.
    pub fn client_left(&self) {
        self.client_left.set(true);
    }

    /// Whether the client went away while its request was read.
    pub fn has_client_left(&self) -> bool {
        self.client_left.get()
    }

    /// A tunnel goes on behind the response: the root span, in which it lies, stays open until [`Self::tunnel_ended`].
    pub fn tunnels(&self) {
        self.tunnels.set(true);
    }

    /// The tunnel is over, and with it the root span of a request that ended before.
    pub fn tunnel_ended(&self) {
        self.tunnels.set(false);
        if self.finished.get() {
            drop(self.root.take());
        }
    }

    fn finish(&self, end: End) {
        if self.finished.replace(true) {
            return;
        }
        let now = clock::now();
        self.phases.mark(Phase::Ended, now);
        self.permit.take();
        self.count(end);
        self.list(end);
        self.end_root(end, now);
        if end == End::Failed {
            self.warn();
        }
        if self.keeping.access_log.is_some() {
            self.log(end);
        }
    }

    fn count(&self, end: End) {
        let counters = &self.counters;
        counters.requests_active.down();
        counters.response_body_bytes.add(self.octets.get());
        if end == End::Dropped {
            counters.requests_aborted.one();
        }
        match self.status.get() / 100 {
            0 => {}
            1 => counters.responses_1xx.one(),
            2 => counters.responses_2xx.one(),
            3 => counters.responses_3xx.one(),
            4 => counters.responses_4xx.one(),
            _ => counters.responses_5xx.one(),
        }
    }

    fn end_root(&self, end: End, now: Instant) {
        let mut root = self.root.take();
        let scope = self.scope.replace(Scope::off());
        if !root.is_on() {
            return;
        }
        root.set("http.response.body.size", || integer(self.octets.get()));
        let status = self.status.get();
        if status > 0 {
            root.set("http.response.status_code", || i64::from(status));
        }
        if let Some(route) = self.route.get() {
            root.rename(|| [method_name(&self.method), " ", route].concat());
            root.set("http.route", || &**route);
        }
        if let Some(upstream) = self.upstream.get() {
            root.set("waylight.upstream", || &**upstream);
        }
        let mut sentence = String::new();
        let cache = self.cache_words(&mut sentence);
        if !cache.is_empty() {
            root.set("cache.status", || cache);
            root.set("cache.explanation", || sentence);
        }
        match (end, self.error.get()) {
            (End::Dropped, _) => root.fail("client_disconnected", || "the client went away".to_owned()),
            // Whatever status it began with, the response never became whole.
            (End::Failed, error) => root.fail(cut_off(error), String::new),
            (_, Some(error)) if status >= 500 || status == 0 => root.fail(error.token(), String::new),
            // A client's fault is no failure of the server (OpenTelemetry semantic conventions, HTTP server spans).
            (_, Some(error)) => root.set("error.type", || error.token()),
            (_, None) if status >= 500 => root.fail(status.to_string(), String::new),
            (_, None) => {}
        }
        if self.tunnels.get() {
            *self.root.borrow_mut() = root;
        } else {
            root.ended_at(now);
            drop(root);
        }
        // A tunnel may hold on to the recording for hours.
        scope.flush();
    }

    /// Tells of a response that was cut off, which its status says nothing of.
    fn warn(&self) {
        tracing::warn!(
            request_id = %self.request_id,
            upstream = self.upstream.get().map_or("", |upstream| upstream),
            status = self.status.get(),
            octets = self.octets.get(),
            error = cut_off(self.error.get()),
            "a response was cut off",
        );
    }

    fn log(&self, end: End) {
        let at = |phase| self.phases.at(phase).map(|moment: Instant| moment.since(self.received()).as_micros());
        let client = privacy::client_address(self.client.get(), self.keeping.access_log.unwrap_or_default());
        tracing::info!(
            target: "waylight::access",
            request_id = %self.request_id,
            client = client.map(tracing::field::display),
            method = %self.method,
            host = self.host.get().map_or("", |host| host),
            path = reserved::shown(self.uri.path()),
            status = self.status.get(),
            octets = self.octets.get(),
            route = self.route.get().map_or("", |route| route),
            upstream = self.upstream.get().map_or("", |upstream| upstream),
            error = self.error.get().map_or("", ErrorType::token),
            first_byte_us = at(Phase::FirstByte),
            ended_us = at(Phase::Ended),
            end = ?end,
        );
    }

    /// When the request's head was read.
    pub fn received(&self) -> Instant {
        self.phases.at(Phase::Received).unwrap_or(self.conn.accepted)
    }
}

impl Watch for Context {
    fn data(&self, octets: usize) {
        self.octets.set(self.octets.get() + octets as u64);
    }

    fn end(&self, end: End) {
        self.finish(end);
    }
}

/// The word for a response that was cut off.
fn cut_off(error: Option<ErrorType>) -> &'static str {
    error.unwrap_or(ErrorType::HttpResponseIncomplete).token()
}

/// The method as semantic conventions write it in a span's name: unknown ones would be unbounded.
pub fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "HTTP",
    }
}

/// A count as an attribute's value.
pub fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}
