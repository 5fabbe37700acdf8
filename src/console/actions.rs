//! What the forms of the plain page do: start, stop and restart this browser's session; trace one page; sign out.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::SET_COOKIE, uri::PathAndQuery};
use serde::Deserialize;
use tracing::{error, info};

use super::{
    Console, HOME, PLAIN, Visit,
    audit::Deed,
    endpoints::{INVITE, PAGE, RESTART, REVOKE, SIGN_OUT, START, STOP},
    form,
    pages::{self, Home},
    redirect, ways,
};
use crate::{
    clock,
    error::BoxError,
    rules::{
        access::{Action, Role},
        session::{self, Csrf, Id, Identity, Session, SessionKind},
    },
    trace::sessions::LiveSession,
};

/// How long *Run page trace* traces what the page loads, in seconds.
const PAGE_TTL_SECONDS: u64 = 60;

/// How a page is traced.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRun<'a> {
    /// Its path.
    pub(super) path: &'a str,
    /// How often it is loaded.
    pub(super) runs: u64,
    /// Whether caches may answer.
    pub(super) cache: Cache,
}

/// Whether caches may answer unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cache {
    /// As for everybody.
    #[default]
    Default,
    /// They may not: each request has the directive `no-cache`.
    Bypass,
}

/// So many guests are listed.
const GUESTS_SHOWN_MAX: usize = 20;

/// Why an action is refused: the answer to give.
pub(super) type Refused = Box<Response<Bytes>>;

impl Console {
    /// The plain page, with a fault where there is one.
    pub(super) fn home(&self, visit: &Visit, status: StatusCode, fault: Option<&str>) -> Response<Bytes> {
        let Some(identity) = &visit.credentials.identity else { return self.entrance(visit, None) };
        let session = visit.credentials.session.as_ref();
        let live = session.and_then(|session| self.sessions.live_session(session.id));
        let guests =
            if self.admit(visit, identity, Action::Invite).is_ok() { self.guests(identity) } else { Vec::new() };
        let whole = self.shelf.whole.borrow().clone();
        let home = Home {
            host: &visit.host,
            identity,
            session,
            door: visit.door,
            scope: self.scope(visit),
            whole: &whole,
            spans_used: live.as_ref().map_or(0, |live| live.spans_used),
            requests_used: live.as_ref().map_or(0, |live| live.requests_used),
            guests: &guests,
            guest_limits: (self.access.guest_ttl.as_secs(), self.access.guest_requests_max),
            csrf: Csrf { identity: identity.id, expiry: identity.expiry }.seal(&self.keys),
            now: clock::unix_seconds(),
            fault,
        };
        home.render(status)
    }

    /// The live sessions of visitors whom somebody invited.
    fn guests(&self, who: &Identity) -> Vec<LiveSession> {
        let is_guest = |live: &LiveSession| live.kind == SessionKind::Guest && live.person == who.name;
        let live = self.sessions.live(clock::unix_seconds(), usize::MAX);
        live.into_iter().filter(is_guest).take(GUESTS_SHOWN_MAX).collect()
    }

    /// Does what a form of the plain page asks for.
    pub(super) fn act(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let now = clock::unix_seconds();
        let identity = match self.admit_form(request, visit) {
            Ok(identity) => identity,
            Err(refused) => return *refused,
        };
        let done = match request.uri().path() {
            SIGN_OUT | STOP if identity.role == Role::Guest => Ok(self.dismiss(visit, identity, now)),
            SIGN_OUT => self.sign_out(visit, identity, now),
            START => self.start(visit, identity, now),
            STOP => self.stop_session(visit, identity, now),
            RESTART => self.restart(visit, identity, now),
            PAGE => self.page(request, visit, identity, now),
            INVITE => Ok(self.invite(request, visit)),
            REVOKE => Ok(self.revoke_form(request, visit)),
            _ => Ok(redirect(StatusCode::SEE_OTHER, PLAIN)),
        };
        done.unwrap_or_else(|refused| *refused)
    }

    /// Who sent a form, if it is one of our own.
    pub(super) fn admit_form<'v>(&self, request: &Request<Bytes>, visit: &'v Visit) -> Result<&'v Identity, Refused> {
        let Some(identity) = &visit.credentials.identity else { return Err(Box::new(self.entrance(visit, None))) };
        if !form::is_same_origin(request, visit) {
            return Err(Box::new(foreign()));
        }
        let csrf = form::value(request.body(), "csrf").unwrap_or_default();
        if Csrf::verify(&csrf, &self.keys, identity.id, clock::unix_seconds()).is_err() {
            self.counters.tokens_refused.one();
            let fault = Some("The form was out of date. Please try again.");
            return Err(Box::new(self.home(visit, StatusCode::FORBIDDEN, fault)));
        }
        Ok(identity)
    }

    /// Ends this sign-in, and this browser's session with it.
    pub(super) fn sign_out(&self, visit: &Visit, identity: &Identity, now: u64) -> Result<Response<Bytes>, Refused> {
        self.stop(visit, identity, now)?;
        self.record(Deed::SignOut, visit, identity, "").map_err(refused)?;
        // Whom a proxy names with each request has nothing that could be revoked: he signs out there.
        if !ways::is_of_request(identity) {
            self.sessions.revoke(identity.id, identity.expiry, now).map_err(refused)?;
        }
        info!(name = identity.name, "signed out");
        // The plain page is gone for this browser; the site's own front page is there for everybody.
        let mut response = redirect(StatusCode::SEE_OTHER, "/");
        response.headers_mut().insert(SET_COOKIE, session::clear_cookie(visit.scheme));
        Ok(response)
    }

    /// Starts a session of this browser, unless one runs.
    pub(super) fn start(&self, visit: &Visit, identity: &Identity, now: u64) -> Result<Response<Bytes>, Refused> {
        // A session that runs goes on; one that traces a page makes room.
        if let Some(session) = &visit.credentials.session
            && session.kind == SessionKind::Session
        {
            return Ok(self.go(PLAIN, visit, identity, Some(session)));
        }
        self.stop(visit, identity, now)?;
        let session = self.new_session(visit, identity, SessionKind::Session, now)?;
        Ok(self.go(PLAIN, visit, identity, Some(&session)))
    }

    /// Stops this browser's session, if it has one.
    pub(super) fn stop_session(&self, visit: &Visit, who: &Identity, now: u64) -> Result<Response<Bytes>, Refused> {
        self.stop(visit, who, now).map(|()| self.go(PLAIN, visit, who, None))
    }

    /// Stops this browser's session, if it has one, and starts another.
    pub(super) fn restart(&self, visit: &Visit, who: &Identity, now: u64) -> Result<Response<Bytes>, Refused> {
        self.stop(visit, who, now)?;
        let session = self.new_session(visit, who, SessionKind::Session, now)?;
        Ok(self.go(PLAIN, visit, who, Some(&session)))
    }

    /// Revokes this browser's session, if it has one.
    fn stop(&self, visit: &Visit, identity: &Identity, now: u64) -> Result<(), Refused> {
        let Some(session) = &visit.credentials.session else { return Ok(()) };
        self.record(Deed::SessionStop, visit, identity, &session.id.to_string()).map_err(refused)?;
        self.sessions.revoke(session.id, session.expiry, now).map_err(refused)
    }

    fn page(
        &self,
        request: &Request<Bytes>,
        visit: &Visit,
        identity: &Identity,
        now: u64,
    ) -> Result<Response<Bytes>, Refused> {
        let Some(path) = form::value(request.body(), "path").and_then(|path| own_path(path.trim())) else {
            let fault = "The path must begin with one slash, as in /products?page=2.";
            return Err(Box::new(self.home(visit, StatusCode::UNPROCESSABLE_ENTITY, Some(fault))));
        };
        self.trace_page(&PageRun { path: &path, runs: 1, cache: Cache::Default }, visit, identity, now)
    }

    /// Has a page traced, and leads there.
    pub(super) fn trace_page(
        &self,
        run: &PageRun<'_>,
        visit: &Visit,
        identity: &Identity,
        now: u64,
    ) -> Result<Response<Bytes>, Refused> {
        if let Some(session) = &visit.credentials.session {
            if session.kind == SessionKind::Session && run.cache == Cache::Default {
                // Everything is traced already.
                return Ok(redirect(StatusCode::SEE_OTHER, run.path));
            }
            self.stop(visit, identity, now)?;
        }
        let kind = match run.cache {
            Cache::Default => SessionKind::Page,
            Cache::Bypass => SessionKind::Fresh,
        };
        let session = self.session_for(visit, identity, (kind, run.runs), now)?;
        Ok(self.go(run.path, visit, identity, Some(&session)))
    }

    pub(super) fn new_session(
        &self,
        visit: &Visit,
        identity: &Identity,
        kind: SessionKind,
        now: u64,
    ) -> Result<Session, Refused> {
        self.session_for(visit, identity, (kind, 1), now)
    }

    /// A session; one that traces a page lasts for so many loads of it.
    fn session_for(
        &self,
        visit: &Visit,
        identity: &Identity,
        (kind, loads): (SessionKind, u64),
        now: u64,
    ) -> Result<Session, Refused> {
        let (ttl, deed) = match kind {
            SessionKind::Page | SessionKind::Fresh => {
                let ttl = PAGE_TTL_SECONDS.saturating_mul(loads).min(self.access.session_ttl.as_secs());
                (ttl, Deed::PageTrace)
            }
            _ => (self.access.session_ttl.as_secs(), Deed::SessionStart),
        };
        let session = Session {
            id: new_id().map_err(refused)?,
            identity: identity.id,
            host: visit.host.clone(),
            expiry: now.saturating_add(ttl).min(identity.expiry),
            spans_max: self.access.session_spans_max,
            requests_max: u64::MAX,
            kind,
        };
        self.record(deed, visit, identity, &session.id.to_string()).map_err(refused)?;
        if self.sessions.meter(&session, identity, now).is_none() {
            return Err(refused("limits.sessions_max sessions are live".into()));
        }
        info!(session = %session.id, name = identity.name, host = visit.host, ?kind, "tracing session started");
        Ok(session)
    }

    /// Leads on, with a cookie that carries who it is and perhaps a session.
    pub(super) fn go(
        &self,
        to: &str,
        visit: &Visit,
        identity: &Identity,
        session: Option<&Session>,
    ) -> Response<Bytes> {
        let mut response = redirect(StatusCode::SEE_OTHER, to);
        let cookie = session::cookie(visit.scheme, &self.keys, identity, session, clock::unix_seconds());
        response.headers_mut().insert(SET_COOKIE, cookie);
        response
    }
}

/// A path of this site: `//host` and `/\host` would lead elsewhere, and our own pages are not traced.
pub fn own_path(path: &str) -> Option<String> {
    let leads_away = path.starts_with("//") || path.contains('\\') || path.chars().any(char::is_control);
    if leads_away || !path.starts_with('/') || path.starts_with(HOME) {
        return None;
    }
    let (path, _fragment) = path.split_once('#').unwrap_or((path, ""));
    // What a person types may hold blanks and letters of any script.
    let encoded = percent_encoding::utf8_percent_encode(path, TYPED).to_string();
    let target = PathAndQuery::try_from(encoded).ok()?;
    HeaderValue::from_str(target.as_str()).ok().map(|_| target.as_str().to_owned())
}

/// What cannot stand in a target as it is; `%` can, since what was copied from an address bar is encoded already.
const TYPED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'|')
    .add(b'^');

pub(super) fn new_id() -> Result<Id, BoxError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(Id::from_bytes(bytes))
}

pub(super) fn foreign() -> Response<Bytes> {
    pages::message(
        StatusCode::FORBIDDEN,
        "Not from here",
        "The form was sent from another site. Nothing was done.",
        &[("Back", PLAIN)],
    )
}

fn refused(error: BoxError) -> Refused {
    Box::new(unavailable(error))
}

pub(super) fn unavailable(error: impl Into<BoxError>) -> Response<Bytes> {
    let error = error.into();
    error!(%error, "the console could not do what it was asked");
    pages::message(
        StatusCode::SERVICE_UNAVAILABLE,
        "Not now",
        "Waylight could not write down what it must remember. Its log says why.",
        &[("Try again", PLAIN)],
    )
}
