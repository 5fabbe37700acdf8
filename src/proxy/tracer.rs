//! Begins to record a request: its trace context, its root span, and what is known of it at the head.

use std::{
    rc::Rc,
    sync::{Arc, atomic::AtomicU64},
};

use http::{HeaderMap, HeaderValue, Version, header::USER_AGENT};
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use super::context::{Conn, Context, Facts, Place, method_name};
use crate::{
    clock::{self, Instant},
    rules::{
        headers::redact::Redaction,
        privacy, reserved,
        session::Id,
        trace_context::{self, Incoming, NewIds, Policy, Presenter, Settings},
    },
    trace::{attributes::Attributes, ids, outbox::Outbox, quota::Quota, recording::Begin, scope::Span, stage::Stage},
};

/// A handshake this long before its first request is told in attributes only: the time between was the client's.
const HANDSHAKE_GAP_NANOS_MAX: u64 = 1_000_000_000;

/// So much of a user agent is recorded, in octets, if it is text.
const AGENT_BYTES_MAX: usize = 256;

/// Begins recordings.
#[derive(Clone, Debug)]
pub struct Tracer {
    /// Where spans go.
    pub outbox: Outbox,
    /// What is hidden in spans.
    pub redaction: Arc<Redaction>,
    /// The Sentry project, for the dynamic sampling context.
    pub sentry: Arc<Settings>,
    /// The most spans of one request.
    pub spans_max: u32,
    /// How many spans may still be stored this month.
    pub quota: Arc<Quota>,
}

/// Why a request is recorded, and whose budget its spans are taken from.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The word for it: attribute `waylight.trigger`.
    pub name: &'static str,
    /// The session it belongs to.
    pub session: Option<Id>,
    /// Who presents the trace context it came with.
    pub presenter: Presenter,
    /// Where it belongs, though it came with no trace context: a page loads it, and its browser's span of it gets this id.
    pub joined: Option<(TraceId, SpanId)>,
    /// The share of requests that this trigger records.
    pub sample_rate: f64,
    /// The budget.
    pub meter: Option<Arc<AtomicU64>>,
}

impl Trigger {
    /// A trigger that knows nothing of who sent the request.
    pub fn anyone(name: &'static str, sample_rate: f64, meter: Option<Arc<AtomicU64>>) -> Self {
        Self { name, session: None, presenter: Presenter::Anyone, joined: None, sample_rate, meter }
    }
}

impl Tracer {
    /// Turns tracing on for this request, unless this month's quota is spent. What joins the trace of its page does not begin
    /// one.
    pub fn begin(&self, cx: &Rc<Context>, headers: &HeaderMap, policy: Policy, trigger: Trigger) {
        if trigger.joined.is_none() && !self.quota.admits(clock::unix_seconds()) {
            cx.counters.traces_refused_quota.one();
            return;
        }
        let mut incoming = Incoming::read(headers);
        if let Some((trace_id, span_id)) = trigger.joined {
            incoming = incoming.joined(trace_id, span_id);
        }
        let new = NewIds { trace_id: ids::trace_id(), sample_rate: trigger.sample_rate };
        let outgoing = trace_context::propagate(&incoming, policy.trust(trigger.presenter), &self.sentry, new);
        let begin = Begin {
            trace_id: outgoing.trace_id,
            flags: outgoing.flags | TraceFlags::SAMPLED,
            outbox: self.outbox.clone(),
            meter: trigger.meter,
            spans_max: self.spans_max,
        };
        let mut root = Span::root(begin, outgoing.parent, start(cx));
        if let Some((trace_id, span_id)) = outgoing.link {
            root.link(trace_id, span_id, "restarted");
        }
        root.tell_request(cx.request_id.number(), trigger.name);
        if let Some(session) = trigger.session {
            root.set("session.id", || session.to_string());
        }
        self.describe(&mut root, cx, headers, trigger.name);
        handshake(&root, cx);
        cx.redaction.get_or_init(|| Arc::clone(&self.redaction));
        cx.trace(root, outgoing, trigger.name);
        cx.keep_headers(Place::Received, headers);
    }

    /// The attributes that the OpenTelemetry semantic conventions ask of an HTTP server span.
    fn describe(&self, root: &mut Span, cx: &Context, headers: &HeaderMap, trigger: &'static str) {
        let facts = Facts {
            version: cx.version,
            client: cx.client.get(),
            kept: self.redaction.client_address(),
            scheme: cx.scheme.get(),
            trigger,
            host: cx.host.get().map_or("", |host| host),
            agent: headers.get(USER_AGENT).map_or(&[], agent),
        };
        cx.conn.describe(root, facts, |known| connection(known, &cx.conn, facts));
        let method = method_name(&cx.method);
        root.rename(|| method);
        root.set("http.request.method", || if method == "HTTP" { "_OTHER" } else { method });
        if method == "HTTP" {
            root.set("http.request.method_original", || cx.method.as_str());
        }
        root.set("url.path", || reserved::shown(cx.uri.path()));
        if let Some(query) = cx.uri.query() {
            root.set("url.query", || self.redaction.query(query));
        }
    }
}

/// What is the same for all requests of a connection, as long as they come from the same client and ask the same host.
fn connection(known: &mut Attributes, conn: &Conn, facts: Facts<'_>) {
    known.set("waylight.trigger", facts.trigger);
    known.set("url.scheme", facts.scheme.as_str());
    if !facts.host.is_empty() {
        known.set("server.address", facts.host);
    }
    // It may have been cut within a letter.
    if let Some(agent) = facts.agent.utf8_chunks().next().map(|chunk| chunk.valid()).filter(|agent| !agent.is_empty()) {
        known.set("user_agent.original", agent);
    }
    known.set("server.port", i64::from(conn.local.port()));
    if let Some(client) = privacy::client_address(facts.client, facts.kept) {
        known.set("client.address", client);
    }
    if let Some(peer) = privacy::client_address(conn.peer.ip(), facts.kept) {
        known.set("network.peer.address", peer);
        known.set("network.peer.port", i64::from(conn.peer.port()));
    }
    let version = match facts.version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    known.set("network.protocol.version", version);
    if let Some(tls) = &conn.tls {
        known.set("tls.protocol.version", tls.version);
        known.set("tls.cipher", tls.cipher);
        known.set("tls.resumed", tls.resumed);
    }
}

/// As much of a user agent as is recorded.
fn agent(value: &HeaderValue) -> &[u8] {
    let octets = value.as_bytes();
    &octets[..octets.len().min(AGENT_BYTES_MAX)]
}

/// Where the root span begins: with the handshake that the request had to wait for, else with its head.
fn start(cx: &Context) -> Instant {
    if waited_for_handshake(cx) { cx.conn.accepted } else { cx.received() }
}

fn waited_for_handshake(cx: &Context) -> bool {
    cx.number == 1
        && cx
            .conn
            .tls
            .as_ref()
            .is_some_and(|tls| cx.received().nanos().saturating_sub(tls.end.nanos()) < HANDSHAKE_GAP_NANOS_MAX)
}

fn handshake(root: &Span, cx: &Context) {
    let Some(tls) = cx.conn.tls.as_ref().filter(|_| waited_for_handshake(cx)) else { return };
    let mut span = root.scope().span_from(Stage::TlsHandshake, tls.start);
    span.set("tls.resumed", || tls.resumed);
    if let Some(name) = &tls.server_name {
        span.set("tls.client.server_name", || &**name);
    }
    span.ended_at(tls.end);
}
