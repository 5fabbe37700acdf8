//! Trace links: somebody who may trace asks a visitor to agree. The link shows who asks, what is recorded and for how
//! long; it consumes nothing until the visitor agrees. Then his requests are traced, and he sees that, with *Stop*.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::SET_COOKIE};
use tracing::info;

use super::{
    Console, Denied, Door, PLAIN, Visit,
    actions::{self, own_path},
    audit::Deed,
    endpoints::TRACE,
    form,
    pages::{self, Consent},
    redirect, token, too_many,
    ways::USED,
};
use crate::{
    clock,
    error::BoxError,
    rules::{
        access::{Action, Role, Way},
        session::{self, Id, Identity, Session, SessionKind, TraceLink},
    },
};

const INVALID: &str = "This link is not valid, or its time is over. Ask for another one.";

/// What a visitor is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The page he is led to.
    pub path: String,
    /// How long he is traced, in seconds; at most `access.guest_ttl`.
    pub seconds: u64,
    /// The most requests; at most `access.guest_requests_max`.
    pub requests_max: u64,
}

impl Console {
    /// A trace link at a site's `origin`, for somebody who may make one.
    ///
    /// # Errors
    /// He may not; the path leads elsewhere or is too long; or it could not be written down.
    pub fn trace_link(&self, visit: &Visit, origin: &str, wished: &Invitation) -> Result<String, Denied> {
        let who = self.authorise(visit, Action::Invite)?;
        let now = clock::unix_seconds();
        let (origin, host) =
            site(origin).ok_or(Denied::Unfit("name the site by its address, like https://shop.example"))?;
        let path = own_path(wished.path.trim()).ok_or(Denied::Unfit("the path must begin with one slash"))?;
        let link = TraceLink {
            nonce: actions::new_id().map_err(Denied::Unavailable)?,
            issued: now,
            expiry: now.saturating_add(self.access.link_ttl.as_secs()),
            name: who.name.clone(),
            host,
            path,
            seconds: wished.seconds.clamp(1, self.access.guest_ttl.as_secs()),
            requests_max: wished.requests_max.clamp(1, self.access.guest_requests_max),
        };
        let token = link.seal(&self.keys).map_err(|_| Denied::Unfit("the path is too long"))?;
        self.record(Deed::TraceLinkMade, visit, who, &link.path).map_err(Denied::Unavailable)?;
        self.sessions.note_link(link, now);
        Ok(format!("{origin}{TRACE}?token={token}"))
    }

    /// Trace links that can still be used, the latest first: his own, and those of all for who may revoke.
    ///
    /// # Errors
    /// Who asks may not make any.
    pub fn open_links(&self, visit: &Visit) -> Result<Vec<TraceLink>, Denied> {
        let who = self.authorise(visit, Action::Invite)?;
        let all = self.authorise(visit, Action::Revoke).is_ok();
        let mut links = self.sessions.open_links(clock::unix_seconds());
        links.retain(|link| all || link.name == who.name);
        Ok(links)
    }

    /// Ends a trace link before anybody uses it. Gives whether it could still be used.
    ///
    /// # Errors
    /// Who asks may not, or it could not be written down.
    pub fn end_link(&self, visit: &Visit, id: Id) -> Result<bool, Denied> {
        let links = self.open_links(visit)?;
        let Some(link) = links.iter().find(|link| link.nonce == id) else { return Ok(false) };
        self.audited(visit, Action::Invite, Deed::Revoke, &format!("trace link to {}", link.path))?;
        self.sessions.end_link(id, clock::unix_seconds()).map_err(Denied::Unavailable)
    }

    /// The form that makes one.
    pub(super) fn invite(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let field = |name: &str| form::value(request.body(), name).unwrap_or_default();
        let wished = Invitation {
            path: field("path"),
            seconds: field("minutes").parse().map_or(u64::MAX, |minutes: u64| minutes.saturating_mul(60)),
            requests_max: field("requests").parse().unwrap_or(u64::MAX),
        };
        let origin = match visit.door {
            Door::Site => form::origin(request, visit),
            Door::Console | Door::Admin => field("site"),
        };
        match self.trace_link(visit, &origin, &wished) {
            Ok(link) => pages::link(&visit.host, &link, self.access.link_ttl.as_secs()),
            Err(Denied::Unfit(fault)) => self.home(visit, StatusCode::UNPROCESSABLE_ENTITY, Some(fault)),
            Err(denied) => denied.page(),
        }
    }

    /// A trace link for this host that counts by itself; whether it was used is for `Sessions` to know.
    pub(super) fn visit_link(&self, token: &str, host: &str) -> Option<TraceLink> {
        let link = TraceLink::open(token, &self.keys, host, clock::unix_seconds()).ok()?;
        (!self.sessions.is_person_revoked(&link.name, link.issued)).then_some(link)
    }

    /// Shows a trace link. It consumes nothing: what opens links by itself opens this one too.
    pub(super) fn consent(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let token = token(request.uri()).unwrap_or_default();
        let Some(link) = self.visit_link(&token, &visit.host) else { return stale(StatusCode::FORBIDDEN, INVALID) };
        if self.sessions.is_used(link.nonce) {
            return stale(StatusCode::GONE, USED);
        }
        let signed_in = visit.credentials.identity.as_ref().filter(|who| who.role > Role::Guest);
        Consent { link: &link, token: &token, signed_in }.render()
    }

    /// The visitor agrees: the link is consumed, and his requests are traced from now on.
    pub(super) fn agree(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let now = clock::unix_seconds();
        if let Some(seconds) = self.must_wait(visit, now) {
            return too_many(seconds);
        }
        if !form::is_same_origin(request, visit) {
            return actions::foreign();
        }
        let token = token(request.uri()).unwrap_or_default();
        let Some(link) = self.visit_link(&token, &visit.host) else {
            self.refuse(visit, now);
            return stale(StatusCode::FORBIDDEN, INVALID);
        };
        match self.sessions.use_once(link.nonce, link.expiry, now) {
            Ok(true) => self.welcome(visit, link, now).unwrap_or_else(actions::unavailable),
            Ok(false) => {
                self.refuse(visit, now);
                stale(StatusCode::GONE, USED)
            }
            Err(error) => actions::unavailable(error),
        }
    }

    fn welcome(&self, visit: &Visit, link: TraceLink, now: u64) -> Result<Response<Bytes>, BoxError> {
        let expiry = now.saturating_add(link.seconds.min(self.access.guest_ttl.as_secs()));
        let identity = Identity {
            id: actions::new_id()?,
            name: link.name,
            role: Role::Guest,
            way: Way::TraceLink,
            host: visit.host.clone(),
            issued: now,
            expiry,
        };
        let session = Session {
            id: actions::new_id()?,
            identity: identity.id,
            host: visit.host.clone(),
            expiry,
            spans_max: self.access.session_spans_max,
            requests_max: link.requests_max.min(self.access.guest_requests_max),
            kind: SessionKind::Guest,
        };
        self.record(Deed::TraceLinkUsed, visit, &identity, &session.id.to_string())?;
        if self.sessions.meter(&session, &identity, now).is_none() {
            return Err("limits.sessions_max sessions are live".into());
        }
        info!(session = %session.id, name = identity.name, host = visit.host, "a visitor agreed to be traced");
        Ok(self.go(&link.path, visit, &identity, Some(&session)))
    }

    /// A guest's *Stop* is for good: nothing of his is left.
    pub(super) fn dismiss(&self, visit: &Visit, guest: &Identity, now: u64) -> Response<Bytes> {
        let stopped = [visit.credentials.session.as_ref().map(|session| session.id), Some(guest.id)]
            .into_iter()
            .flatten()
            .try_for_each(|id| self.sessions.revoke(id, guest.expiry, now));
        if let Err(error) = stopped.and_then(|()| self.record(Deed::SessionStop, visit, guest, "")) {
            return actions::unavailable(error);
        }
        let mut response = redirect(StatusCode::SEE_OTHER, "/");
        response.headers_mut().insert(SET_COOKIE, session::clear_cookie(visit.scheme));
        response
    }
}

/// A site's origin without what may follow it, and its host.
fn site(text: &str) -> Option<(&str, String)> {
    let origin = text.trim().trim_end_matches('/');
    let uri: http::Uri = origin.parse().ok()?;
    let is_origin =
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.path_and_query().is_none_or(|rest| rest == "/");
    let host = uri.host().filter(|_| is_origin && !origin.contains('@'))?;
    Some((origin, host.to_ascii_lowercase()))
}

fn stale(status: StatusCode, text: &str) -> Response<Bytes> {
    pages::message(status, "Not this link", text, &[("To the site", "/")])
}

impl Denied {
    /// As a page.
    pub(super) fn page(self) -> Response<Bytes> {
        match self {
            Self::Unknown | Self::Role => pages::message(
                StatusCode::FORBIDDEN,
                "Not with your role",
                "Somebody with another role can do that, or give it to you.",
                &[("Back", PLAIN)],
            ),
            Self::Scope(text) => pages::message(StatusCode::FORBIDDEN, "Not here", &text, &[("Back", PLAIN)]),
            Self::Unfit(text) => {
                pages::message(StatusCode::UNPROCESSABLE_ENTITY, "Not like this", text, &[("Back", PLAIN)])
            }
            Self::Unavailable(error) => actions::unavailable(error),
        }
    }
}
