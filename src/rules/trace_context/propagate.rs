//! What an edge does with trace context: continue, restart with a link, begin, strip, or leave alone.
//!
//! Sentry's decision and W3C's `sampled` flag are two things: the first is handed on as it came, the second may differ.

use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use super::{
    BAGGAGE, SENTRY_TRACE, TRACEPARENT, TRACESTATE, baggage,
    dsc::{Head, Settings},
    sentry_trace::{Sampled, SentryTrace},
    traceparent::{RANDOM, RECORDED, Traceparent},
    tracestate,
};

/// The longest route name handed on as `sentry-transaction`, in octets.
const TRANSACTION_BYTES_MAX: usize = 200;

/// What is done with trace context that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// Trusted: continued.
    Accept,
    /// Not trusted: a new trace, linked to the old one.
    #[default]
    Restart,
    /// Removed, traced or not.
    Reject,
}

/// Who presents the context of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presenter {
    /// Nobody known.
    Anyone,
    /// A valid session, to which the trace id belongs, or to nobody yet.
    Session,
    /// A valid session, but the trace id belongs to another one.
    OtherSession,
}

/// How far the context of a traced request is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It comes from our own page: continued.
    Session,
    /// The policy accepts it: continued.
    Trusted,
    /// Restarted, with a link.
    Untrusted,
    /// Stripped, without a trace.
    Reject,
}

impl Policy {
    /// How far context presented by `presenter` is believed.
    pub fn trust(self, presenter: Presenter) -> Trust {
        match (self, presenter) {
            (Self::Reject, _) => Trust::Reject,
            (_, Presenter::Session) => Trust::Session,
            (_, Presenter::OtherSession) | (Self::Restart, Presenter::Anyone) => Trust::Untrusted,
            (Self::Accept, Presenter::Anyone) => Trust::Trusted,
        }
    }
}

/// What to do with the headers of a request that is not traced: nothing, or remove all four.
pub fn pass_untraced(headers: &mut HeaderMap, policy: Policy) {
    if policy == Policy::Reject {
        for name in [TRACEPARENT, TRACESTATE, SENTRY_TRACE, BAGGAGE] {
            headers.remove(name);
        }
    }
}

/// The context that a request came with: what is valid of it.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    traceparent: Option<Traceparent>,
    sentry: Option<SentryTrace>,
    tracestate: Option<Vec<u8>>,
    // All `baggage` headers, joined.
    baggage: Vec<u8>,
}

impl Incoming {
    /// Reads the four headers. More than one `traceparent` or `sentry-trace` is none; without a `traceparent` there is
    /// no `tracestate`.
    pub fn read(headers: &HeaderMap) -> Self {
        if !has_context(headers) {
            return Self::default();
        }
        let traceparent = single(headers, TRACEPARENT).and_then(Traceparent::parse);
        let tracestate = traceparent
            .and_then(|_| tracestate::combine(headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes)));
        Self {
            traceparent,
            sentry: single(headers, SENTRY_TRACE).and_then(SentryTrace::parse),
            tracestate,
            baggage: headers.get_all(BAGGAGE).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b','),
        }
    }

    /// As if the request had come from this span: it says nothing of its own.
    #[must_use]
    pub fn joined(self, trace_id: TraceId, span_id: SpanId) -> Self {
        Self { traceparent: Some(Traceparent { trace_id, span_id, flags: RECORDED }), ..self }
    }

    /// The trace and span that the request came from, if it says so. `traceparent` goes before `sentry-trace`.
    pub fn context(&self) -> Option<(TraceId, SpanId)> {
        let w3c = self.traceparent.map(|parent| (parent.trace_id, parent.span_id));
        w3c.or_else(|| self.sentry.map(|sentry| (sentry.trace_id, sentry.span_id)))
    }

    /// The trace that the request belongs to, if it says so.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.context().map(|(trace_id, _)| trace_id)
    }

    fn members(&self) -> impl Iterator<Item = baggage::Member<'_>> {
        baggage::parse(&self.baggage)
    }

    /// The members that are not Sentry's.
    fn others(&self) -> Vec<u8> {
        if self.baggage.is_empty() {
            return Vec::new();
        }
        let others: Vec<_> = self.members().filter(|member| member.sentry_key().is_none()).collect();
        others.iter().map(|member| member.raw).collect::<Vec<_>>().join(&b',')
    }
}

/// Whether one of the four headers is there: one look at all names costs less than a search for each.
fn has_context(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| matches!(name.as_str(), "traceparent" | "tracestate" | "sentry-trace" | "baggage"))
}

/// A header that is there once.
fn single(headers: &HeaderMap, name: http::HeaderName) -> Option<&[u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// What a trace that begins here is named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewIds {
    /// Its id; all of it random.
    pub trace_id: TraceId,
    /// The rate that it was chosen with: 1 for sessions.
    pub sample_rate: f64,
}

/// The context that goes on: to the upstream, and to the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The trace.
    pub trace_id: TraceId,
    /// The remote span that our root span hangs under.
    pub parent: Option<SpanId>,
    /// W3C's flags.
    pub flags: TraceFlags,
    /// The context that was not continued.
    pub link: Option<(TraceId, SpanId)>,
    sentry: Sampled,
    tracestate: Carry,
    baggage: Carry,
    // Sentry's members, for the page; empty without a dynamic sampling context.
    dsc: String,
    frozen: Frozen,
}

/// What becomes of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Carry {
    /// It stays, octet by octet.
    Keep,
    /// It is replaced; by nothing, if this is empty.
    Set(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frozen {
    Yes,
    No,
}

/// The context of a traced request, from the one that came in.
pub fn propagate(incoming: &Incoming, trust: Trust, dsc: &Settings, ids: NewIds) -> Outgoing {
    let context = incoming.context();
    match (trust, context) {
        (Trust::Reject, _) => head(&Incoming::default(), dsc, ids, Sampled::Yes),
        (Trust::Session | Trust::Trusted, Some(_)) if !dsc.is_foreign(incoming.members()) => resume(incoming, trust),
        (Trust::Session | Trust::Trusted | Trust::Untrusted, link) => {
            Outgoing { link, ..head(incoming, dsc, ids, Sampled::Yes) }
        }
    }
}

impl Outgoing {
    /// The context of a page that is not traced but given tags without a decision. Under [`Policy::Accept`] a context
    /// that came in is the page's too; then [`Self::parent`] is the span to name. It is for [`Self::meta`] only: an
    /// untraced request's headers stay untouched.
    pub fn deferred(incoming: &Incoming, policy: Policy, dsc: &Settings, ids: NewIds) -> Self {
        if policy == Policy::Accept && incoming.context().is_some() && !dsc.is_foreign(incoming.members()) {
            return resume(incoming, Trust::Trusted);
        }
        Self { flags: RANDOM, ..head(&Incoming::default(), dsc, ids, Sampled::Deferred) }
    }

    /// Adds the route's name as `sentry-transaction`. Without effect on a context that came in or is deferred: those
    /// are frozen. Must be called before the first egress.
    pub fn name_transaction(&mut self, route: &str) {
        if self.frozen == Frozen::Yes || self.dsc.is_empty() || route.len() > TRANSACTION_BYTES_MAX {
            return;
        }
        let mut member = String::new();
        baggage::push(&mut member, "sentry-transaction", route);
        if let Carry::Set(list) = &mut self.baggage {
            let joined = baggage::join([member.as_bytes()].into_iter().chain(baggage::parse(list).map(|m| m.raw)));
            *list = joined;
        }
        self.dsc = format!("{member},{}", self.dsc);
        self.frozen = Frozen::Yes;
    }

    /// Makes the headers toward the upstream those that go on, but for the two that name a span: see [`Self::tell`].
    pub fn apply(&self, headers: &mut HeaderMap) {
        // Almost no request has a context: what is not there need not be looked for.
        let had_context = has_context(headers);
        if had_context {
            headers.remove(TRACEPARENT);
            headers.remove(SENTRY_TRACE);
        }
        for (name, carry) in [(TRACESTATE, &self.tracestate), (BAGGAGE, &self.baggage)] {
            match carry {
                Carry::Set(value) if had_context || !value.is_empty() => set(headers, name, value.clone()),
                Carry::Set(_) | Carry::Keep => {}
            }
        }
    }

    /// Gives the two headers to `write` that name `span` as the parent of what happens at the upstream. They are another
    /// span's at each attempt, and digits only: no header map is needed for them.
    pub fn tell(&self, span: SpanId, mut write: impl FnMut(&http::HeaderName, &[u8])) {
        write(&TRACEPARENT, &self.traceparent(span).octets());
        self.sentry_trace(span).write(|value| write(&SENTRY_TRACE, value));
    }

    /// The values of the page's tags, with `span`, the edge's server span, as the page's parent. Not escaped for HTML.
    pub fn meta(&self, span: SpanId) -> MetaTags {
        MetaTags {
            trace_id: self.trace_id,
            sentry_trace: self.sentry_trace(span).text(),
            baggage: Some(self.dsc.clone()).filter(|dsc| !dsc.is_empty()),
            traceparent: self.traceparent(span).text(),
        }
    }

    fn traceparent(&self, span_id: SpanId) -> Traceparent {
        Traceparent { trace_id: self.trace_id, span_id, flags: self.flags }
    }

    fn sentry_trace(&self, span_id: SpanId) -> SentryTrace {
        SentryTrace { trace_id: self.trace_id, span_id, sampled: self.sentry }
    }
}

/// The values of a page's tags; of `Server-Timing` metrics too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaTags {
    /// The trace that all of them name: existing tags with the same one may stay.
    pub trace_id: TraceId,
    /// `sentry-trace`
    pub sentry_trace: String,
    /// `baggage`: Sentry's members only; `None` without a dynamic sampling context.
    pub baggage: Option<String>,
    /// `traceparent`
    pub traceparent: String,
}

/// A trace that begins here. Members of `incoming` that are not Sentry's go on.
fn head(incoming: &Incoming, dsc: &Settings, ids: NewIds, sampled: Sampled) -> Outgoing {
    let head = Head { trace_id: ids.trace_id, sampled, rate: ids.sample_rate };
    let dsc = dsc.members(head).unwrap_or_default();
    let others = incoming.others();
    // Ours first: if the list is too long, the last members go.
    let list = match (&*dsc, &*others) {
        // Most often there is no list at all.
        ("", []) => Vec::new(),
        (dsc, others) => {
            baggage::join(baggage::parse(dsc.as_bytes()).chain(baggage::parse(others)).map(|member| member.raw))
        }
    };
    Outgoing {
        trace_id: ids.trace_id,
        parent: None,
        flags: RECORDED,
        link: None,
        sentry: sampled,
        tracestate: Carry::Set(Vec::new()),
        baggage: Carry::Set(list),
        dsc,
        frozen: if sampled == Sampled::Deferred { Frozen::Yes } else { Frozen::No },
    }
}

/// The trace that came in, continued: only the span id changes. Both headers name one trace then; if they did not, the
/// one of `sentry-trace` is linked, and its members go.
fn resume(incoming: &Incoming, trust: Trust) -> Outgoing {
    let (trace_id, parent) = incoming.context().unwrap_or((TraceId::INVALID, SpanId::INVALID));
    let sentry = incoming.sentry.filter(|sentry| sentry.trace_id == trace_id);
    let stray = incoming.sentry.filter(|sentry| sentry.trace_id != trace_id);
    let flags = incoming.traceparent.map_or_else(|| flags_of(sentry), |parent| parent.flags);
    let dsc: Vec<_> = incoming.members().filter(|member| member.sentry_key().is_some()).collect();
    Outgoing {
        trace_id,
        parent: Some(parent),
        // A person asked for this trace: the apps behind are to record it, whatever the page's own rate.
        flags: if trust == Trust::Session { flags | TraceFlags::SAMPLED } else { flags },
        link: stray.map(|stray| (stray.trace_id, stray.span_id)),
        sentry: sentry.map_or_else(|| sampled_of(incoming.traceparent), |sentry| sentry.sampled),
        tracestate: Carry::Set(incoming.tracestate.clone().unwrap_or_default()),
        baggage: if stray.is_some() { Carry::Set(incoming.others()) } else { Carry::Keep },
        dsc: if stray.is_some() { String::new() } else { without_properties(&dsc) },
        frozen: Frozen::Yes,
    }
}

/// `-1` is `01`; `-0` and no flag are `00`.
fn flags_of(sentry: Option<SentryTrace>) -> TraceFlags {
    let sampled = sentry.is_some_and(|sentry| sentry.sampled == Sampled::Yes);
    TraceFlags::NOT_SAMPLED.with_sampled(sampled)
}

/// `01` is `-1`; `00` says nothing about Sentry, so nothing is decided.
fn sampled_of(traceparent: Option<Traceparent>) -> Sampled {
    if traceparent.is_some_and(|parent| parent.flags.is_sampled()) { Sampled::Yes } else { Sampled::Deferred }
}

/// Sentry's members for a page; its SDK does not strip properties.
fn without_properties(members: &[baggage::Member<'_>]) -> String {
    let mut list = String::new();
    for member in members {
        if let Some(key) = member.sentry_key().filter(|key| key.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'_'))
        {
            baggage::push(&mut list, &format!("{}{key}", baggage::SENTRY_PREFIX), &member.value());
        }
    }
    list
}

/// Sets a header, or removes it where there is nothing to say.
fn set(headers: &mut HeaderMap, name: http::HeaderName, value: Vec<u8>) {
    match HeaderValue::try_from(value) {
        Ok(value) if !value.is_empty() => drop(headers.insert(name, value)),
        _ => drop(headers.remove(name)),
    }
}
