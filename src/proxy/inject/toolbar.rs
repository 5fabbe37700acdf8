//! The toolbar of one page: who is given it, and what it is told. Not whether a page may have one (`inject`), nor what
//! its policy says of that (`rules::csp`).

use std::{rc::Rc, sync::Arc};

use http::HeaderMap;

use crate::{
    clock,
    config::model::{PageToolbar, Scheme},
    proxy::context::Context,
    rules::{
        access::{Action, may},
        authority,
        csp::{self, Address, Fit, Misfit, Needs},
        hex::Hex,
        reserved::API,
        session::{Id, Identity, NAVIGATION_TTL_SECONDS, Navigation, Session, Upload},
        token::Keys,
        toolbar::{self, Browser, Recording, SessionState, SiteFacts, State, cache_result, element},
    },
    service::Request,
    trace::{
        ids,
        phases::Phase,
        quota::{Quota, QuotaLevel},
        scope::Span,
        sessions::Sessions,
    },
};

/// The toolbar's script, and that of the agent, from the same folder.
const SCRIPT: &str = "toolbar.js";
const AGENT: &str = "agent/patch.js";

/// What the toolbars of all pages of a site have in common.
#[derive(Clone)]
pub struct Toolbar {
    /// How it shows itself.
    pub settings: PageToolbar,
    /// The path of its script.
    pub script: Arc<str>,
    /// What the site's pages are told, to record spans in browsers.
    pub site: SiteFacts,
    /// What tokens are signed with.
    pub keys: Arc<Keys>,
    /// What is live.
    pub sessions: Arc<Sessions>,
    /// How many spans may still be stored this month.
    pub quota: Arc<Quota>,
}

impl std::fmt::Debug for Toolbar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Toolbar").field("script", &self.script).finish_non_exhaustive()
    }
}

/// Somebody who is given the toolbar.
pub(super) struct Person {
    identity: Identity,
    session: Option<Session>,
    port: u16,
    toolbar: Rc<Toolbar>,
}

impl Toolbar {
    /// Whoever sent this request, if his pages get the toolbar.
    pub(super) fn person(self: &Rc<Self>, request: &Request, cx: &Context) -> Option<Box<Person>> {
        let credentials = cx.credentials();
        let identity = credentials.identity.filter(|identity| may(identity.role, Action::Read))?;
        let asked = authority::asked(request.uri(), request.headers(), request.version());
        let asked = cx.forwarded_host.get().map(|host| &**host).or(asked.ok()).unwrap_or_default();
        let port = match asked.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => port.parse().ok(),
            _ => None,
        };
        let default = if cx.scheme.get() == Scheme::Https { 443 } else { 80 };
        let session = credentials.session;
        Some(Box::new(Person { identity, session, port: port.unwrap_or(default), toolbar: Rc::clone(self) }))
    }
}

impl Person {
    /// The scripts' elements, for a page that they fit into and that came with these headers.
    pub(super) fn elements(&self, fit: &Fit, headers: &HeaderMap, cx: &Context) -> String {
        let agent = self.agent(fit, cx);
        self.element(fit, headers, cx) + &agent.unwrap_or_default()
    }

    /// The agent's element: in pages of traced sessions that may send what it records.
    fn agent(&self, fit: &Fit, cx: &Context) -> Option<String> {
        let session = self.session.as_ref().filter(|_| fit.connect == csp::Connect::Allowed)?;
        let trace = cx.scope().trace_id().filter(|_| self.toolbar.settings.browser_spans.is_on())?;
        // Traced for another reason, of a session whose budget is spent: nothing would be taken.
        self.toolbar.sessions.owner(trace).filter(|owner| *owner == session.id)?;
        let (edge, document) = cx.hang_under(ids::span_id())?;
        self.toolbar.sessions.shows(session.id, cx.hints().url, trace);
        let upload = Upload { session: session.id, trace: trace.to_bytes(), expiry: session.expiry };
        let page = Browser {
            trace,
            edge,
            document,
            upload: &upload.seal(&self.toolbar.keys),
            route: cx.route.get().map_or("", |route| route),
            site: &self.toolbar.site,
        };
        let script = self.toolbar.script.replace(SCRIPT, AGENT);
        Some(toolbar::agent(&script, fit.nonce.as_deref(), &page))
    }

    fn element(&self, fit: &Fit, headers: &HeaderMap, cx: &Context) -> String {
        let now = clock::unix_seconds();
        let token = may(self.identity.role, Action::Trace).then(|| self.token(cx, now));
        let settings = &self.toolbar.settings;
        let state = State {
            trace: cx.scope().trace_id(),
            session: self.session.as_ref().map(|session| self.session_state(session)),
            cache: cache_result(headers),
            times: Some(times(cx)),
            quota: self.quota(now),
            expiry: self.identity.expiry,
            token: token.as_deref(),
            connect: fit.connect,
            corner: settings.corner,
            shortcut: settings.shortcut.as_ref(),
            start: settings.start,
            browser: if settings.browser_spans.is_on() { Recording::On } else { Recording::Off },
        };
        element(&self.toolbar.script, fit.nonce.as_deref(), &state)
    }

    /// Fits the toolbar into a page with these headers, which change where it needs that.
    ///
    /// # Errors
    /// The page gets none; its headers stay.
    pub(super) fn fit(&self, headers: &mut HeaderMap, cx: &Context) -> Result<Fit, Misfit> {
        let (scheme, port) = (cx.scheme.get().as_str(), self.port);
        let host = cx.host.get().map_or("", |host| &**host);
        let at = |path| Address { scheme, host, port, path };
        // Its folder: the panel is beside it.
        let script = &*self.toolbar.script;
        let folder = script.rsplit_once('/').map_or(script, |(folder, _)| &script[..=folder.len()]);
        let needs = Needs { script: at(folder), connect: at(API) };
        csp::fit(headers, needs, self.toolbar.settings.csp, new_nonce)
    }

    fn session_state<'a>(&self, session: &'a Session) -> SessionState<'a> {
        let live = self.toolbar.sessions.live_session(session.id);
        let (requests, spans) = live.map_or((0, 0), |live| (live.requests_used, live.spans_used));
        SessionState { session, requests, spans }
    }

    fn token(&self, cx: &Context, now: u64) -> String {
        let navigation = Navigation {
            nonce: Id::from_bytes(cx.request_id.number().to_be_bytes()),
            identity: self.identity.id,
            expiry: (now + NAVIGATION_TTL_SECONDS).min(self.identity.expiry),
            host: &self.identity.host,
        };
        navigation.seal(&self.toolbar.keys)
    }

    fn quota(&self, now: u64) -> Option<(&'static str, u64)> {
        let state = self.toolbar.quota.state(now);
        (state.level != QuotaLevel::Fine).then(|| (state.level.word(), state.resets_at))
    }
}

/// A nonce that nobody can guess, whatever ids he has seen of us: who could would have his own scripts run in the page.
fn new_nonce() -> Option<String> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).ok().map(|()| Hex(octets).to_string())
}

/// Tells whether the page got the toolbar, and what was done to its policies.
pub(super) fn tell(fitted: &Result<Fit, Misfit>, span: &mut Span) {
    span.set("waylight.inject.toolbar", || fitted.as_ref().map_or_else(|misfit| misfit.name(), |_| "injected"));
    let Ok(fit) = fitted else { return };
    if !fit.changes.is_empty() {
        span.set("waylight.inject.csp", || fit.changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    }
    if fit.nonce.is_some() {
        let is_new = fit.changes.iter().any(csp::Change::is_nonce);
        span.set("waylight.inject.nonce", || if is_new { "added" } else { "reused" });
    }
    if fit.connect == csp::Connect::Refused {
        span.set("waylight.inject.connect", || "refused");
    }
}

/// How long the edge and the upstream took until the page's head, in microseconds.
fn times(cx: &Context) -> (u64, u64) {
    let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let whole = micros(clock::now().since(cx.received()));
    let upstream = match (cx.phases.at(Phase::Sent), cx.phases.at(Phase::FirstByte)) {
        (Some(sent), Some(first)) => micros(first.since(sent)),
        _ => 0,
    };
    (whole.saturating_sub(upstream), upstream)
}
