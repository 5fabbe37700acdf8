//! Cookie to person, and to the decision whether this request is traced. What is Waylight's own goes no further: the
//! cookie and the force header are taken off here, valid or not.
//!
//! It stands before `route`, so that routing itself is traced. A request without our cookie or header costs a search.

use std::{rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, COOKIE},
};
use opentelemetry::trace::{SpanId, TraceId};

use super::{
    context::{Context, Wardrobe},
    handler::Handler,
    tracer::{Tracer, Trigger},
};
use crate::{
    clock,
    config::model::{Inject, Toggle},
    rules::{
        page,
        reserved::is_reserved,
        route::{Ask, RequestPath, Table},
        sampling::{self, Decision, Forced, Live, Share},
        session::{self, Credentials, Identity, Session as TracingSession, SessionKind, force},
        token::Keys,
        toolbar::server_timing,
        trace_context::{Incoming, Policy, Presenter, TRACERESPONSE},
    },
    service::{Outcome, Request},
    trace::{
        ids,
        sessions::{Budget, Sessions},
    },
};

/// Puts [`Session`] in front of a stage.
#[derive(Clone)]
pub struct SessionLayer {
    /// What tokens are signed with.
    pub keys: Arc<Keys>,
    /// What is live, revoked and used.
    pub sessions: Arc<Sessions>,
    /// Begins recordings.
    pub tracer: Rc<Tracer>,
    /// Whether people can sign in on this site.
    pub toolbar: Toggle,
    /// The share of all requests that is traced.
    pub ratio: f64,
    /// What that share may record.
    pub budget: Arc<Budget>,
    /// What the site does with trace context that comes in.
    pub policy: Policy,
    /// When its pages are given tags.
    pub inject: Inject,
    /// What its error pages get that are made outside of its routes.
    pub wardrobe: Rc<dyn Wardrobe>,
    /// Where requests are never traced.
    pub untraced: Rc<[Box<str>]>,
    /// What its routes do, where one of them differs.
    pub route_policies: Option<Rc<Table<Policy>>>,
}

impl<S> tower::Layer<S> for SessionLayer {
    type Service = Session<S>;

    fn layer(&self, inner: S) -> Session<S> {
        Session { settings: self.clone(), inner }
    }
}

/// Decides whether a request is traced.
pub struct Session<S> {
    settings: SessionLayer,
    inner: S,
}

impl<S: Handler> Handler for Session<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let settings = &self.settings;
        cx.inject.set(settings.inject);
        // One look at the names that are there: almost no request has anything for this stage.
        let may_be_ours = request.headers().keys().any(|name| *name == COOKIE || *name == force::FORCE);
        if !may_be_ours && settings.ratio <= 0.0 {
            return self.inner.handle(request, cx).await;
        }
        let credentials = if may_be_ours { settings.credentials(&request, cx) } else { Credentials::default() };
        let (decision, forced) = if settings.untraced.iter().any(|path| **path == *request.uri().path()) {
            (Decision::No, Forced::No)
        } else {
            settings.decide(&request, cx, &credentials)
        };
        let is_forced = forced == Forced::Yes;
        let is_fresh = matches!(&decision, Decision::Session(traced) if traced.session.kind == SessionKind::Fresh);
        let joined = match decision {
            Decision::No => None,
            Decision::Spent => {
                cx.counters.traces_refused_budget.one();
                None
            }
            // Waylight's own pages are no part of what is watched.
            _ if credentials.identity.is_some() && is_reserved(request.uri().path()) => None,
            chosen => settings.begin(&request, cx, &chosen),
        };
        if is_fresh {
            // As a browser says it whose user forces a page to be loaded anew, RFC 9111 section 5.2.1.4. The recording has
            // begun: it tells what the client sent.
            request.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        if credentials.identity.is_some() {
            cx.identify(credentials);
        }
        cx.choose(&*settings.wardrobe, &request);
        if may_be_ours {
            // Our own pages need what the cookies say; `reserved` takes them off where they are not asked.
            if !is_reserved(request.uri().path()) {
                session::strip(request.headers_mut());
            }
            force::strip(request.headers_mut());
        }
        let mut outcome = self.inner.handle(request, cx).await;
        if is_forced && let Ok(response) = &mut outcome {
            tell_trace(response.headers_mut(), cx);
        }
        if let (Some((trace_id, span_id)), Ok(response)) = (joined, &mut outcome) {
            tell_browser(response.headers_mut(), trace_id, span_id);
        }
        outcome
    }
}

/// Tells whoever had this request traced, by a signed header, which trace it is.
fn tell_trace(headers: &mut HeaderMap, cx: &Context) {
    let context = cx.scope().context().map(|context| context.text());
    if let Some(value) = context.and_then(|context| HeaderValue::try_from(context).ok()) {
        headers.insert(TRACERESPONSE, value);
        page::keep_apart(headers);
    }
}

/// Whether this is a part of a page that does not say itself which trace it belongs to, as what its script asks for does.
fn says_nothing(request: &Request, cx: &Context) -> bool {
    cx.hints().destination.is_part() && Incoming::read(request.headers()).trace_id().is_none()
}

/// Tells a page where this request stands: which span of its browser's it hangs under, or which trace it has of its own.
fn tell_browser(headers: &mut HeaderMap, trace_id: TraceId, span_id: SpanId) {
    if let Ok(value) = HeaderValue::try_from(server_timing(trace_id, span_id)) {
        headers.append("server-timing", value);
        page::keep_apart(headers);
    }
}

/// A session that decides, and whose it is.
struct Traced {
    identity: Identity,
    session: TracingSession,
}

impl SessionLayer {
    fn credentials(&self, request: &Request, cx: &Context) -> Credentials {
        if !self.toolbar.is_on() {
            return Credentials::default();
        }
        let host = cx.host.get().map_or("", |host| host);
        let mut credentials =
            session::read(request.headers(), cx.scheme.get(), &self.keys, host, clock::unix_seconds());
        if credentials.identity.as_ref().is_some_and(|identity| !self.sessions.counts(identity)) {
            credentials = Credentials::default();
        }
        if credentials.session.as_ref().is_some_and(|session| self.sessions.is_revoked(session.id)) {
            credentials.session = None;
        }
        if credentials.refused.is_some() {
            cx.counters.tokens_refused.one();
        }
        credentials
    }

    /// Whether and why this request is traced, and whether a signed header asked for that.
    fn decide(&self, request: &Request, cx: &Context, credentials: &Credentials) -> (Decision<Traced>, Forced) {
        let session = credentials.identity.as_ref().zip(credentials.session.as_ref());
        // Compared with the names that are there: looking for one costs more.
        let may_be_forced = request.headers().keys().any(|name| *name == force::FORCE);
        let forced = if may_be_forced { self.forced(request, cx) } else { Forced::No };
        if session.is_none() && forced == Forced::No && self.ratio <= 0.0 {
            return (Decision::No, forced);
        }
        let now = clock::unix_seconds();
        let live = session.map(|(identity, session)| Live {
            session: Traced { identity: identity.clone(), session: session.clone() },
            spans_left: session.spans_max.saturating_sub(self.sessions.spans_used(session.id)),
        });
        let general = Share { ratio: self.ratio, spans_left: self.budget.spans_left(now) };
        (sampling::decide(live, forced, general, fastrand::f64), forced)
    }

    /// Whether the force header was made for this request, and is used for the first time.
    fn forced(&self, request: &Request, cx: &Context) -> Forced {
        let target = force::Target {
            host: cx.host.get().map_or("", |host| host),
            method: request.method(),
            path: request.uri().path(),
        };
        let now = clock::unix_seconds();
        let valid = force::read(request.headers(), &self.keys, target, now).is_some_and(|force| {
            force.is_ok_and(|force| self.sessions.use_once(force.nonce, force.expiry, now).unwrap_or(false))
        });
        if valid {
            return Forced::Yes;
        }
        cx.counters.tokens_refused.one();
        Forced::No
    }

    /// Begins to record. Gives what the page's browser is told: the page's trace and the browser's span that the request was
    /// hung under; of a file whose page is not known here, its own trace and span.
    fn begin(&self, request: &Request, cx: &Rc<Context>, decision: &Decision<Traced>) -> Option<(TraceId, SpanId)> {
        let trigger = match decision {
            Decision::Session(Traced { identity, session }) => {
                let meter = self.sessions.meter(session, identity, clock::unix_seconds());
                let Some(meter) = meter.filter(|_| self.sessions.take_request(session.id)) else {
                    cx.counters.traces_refused_budget.one();
                    return None;
                };
                Trigger {
                    name: session.kind.word(),
                    session: Some(session.id),
                    presenter: self.presenter(request, session),
                    joined: self.page(request, cx, session).map(|trace_id| (trace_id, ids::span_id())),
                    sample_rate: 1.0,
                    meter: Some(meter),
                }
            }
            Decision::Force => Trigger::anyone("force", 1.0, None),
            Decision::Ratio => Trigger::anyone("ratio", self.ratio, Some(self.budget.meter())),
            Decision::Route | Decision::No | Decision::Spent => return None,
        };
        let joined = trigger.joined;
        self.tracer.begin(cx, request.headers(), self.policy(request), trigger);
        let begun = cx.scope().context()?;
        let Decision::Session(Traced { session, .. }) = decision else { return None };
        // What begins here will be presented by our own page.
        self.sessions.owns(session.id, begun.trace_id);
        if joined.is_some() {
            self.lead_on(cx, session, begun.trace_id);
            return joined.filter(|(known, _)| *known == begun.trace_id);
        }
        says_nothing(request, cx).then_some((begun.trace_id, begun.span_id))
    }

    /// The trace of the page that loads this, where the page's browser records spans.
    fn page(&self, request: &Request, cx: &Context, session: &TracingSession) -> Option<TraceId> {
        let referer = cx.hints().referer;
        let is_free = referer != 0 && says_nothing(request, cx);
        is_free.then(|| self.sessions.page(session.id, referer)).flatten()
    }

    /// What a page's styles and scripts ask for belongs to the page as well.
    fn lead_on(&self, cx: &Context, session: &TracingSession, trace_id: TraceId) {
        let hints = cx.hints();
        if hints.destination.leads_on() {
            self.sessions.shows(session.id, hints.url, trace_id);
        }
    }

    fn presenter(&self, request: &Request, session: &TracingSession) -> Presenter {
        match Incoming::read(request.headers()).trace_id() {
            Some(trace_id) if !self.sessions.owns(session.id, trace_id) => Presenter::OtherSession,
            _ => Presenter::Session,
        }
    }

    /// What is done with this request's trace context. A route may say otherwise than its site; it is looked up here for
    /// traced requests only, since their trace id is decided before they are routed.
    fn policy(&self, request: &Request) -> Policy {
        let Some(table) = &self.route_policies else { return self.policy };
        let Ok(path) = RequestPath::parse(request.uri().path()) else { return self.policy };
        let ask =
            Ask { method: request.method(), path: &path, query: request.uri().query(), headers: request.headers() };
        table.find(&ask).map_or(self.policy, |found| *found.value)
    }
}
