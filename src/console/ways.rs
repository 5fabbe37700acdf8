//! The ways to become somebody: a one-time link, a named token, the word of a proxy in front. (An OpenID provider has
//! a module of its own.) Links and typed tokens give a cookie. A bearer token and a proxy's word count for the request
//! they came with, again and again, and are written down once an hour.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tracing::{info, warn};

use super::{
    Console, HOME, Visit, actions,
    audit::{AuditEntry, Deed},
    endpoints::API,
    form,
    pages::{self, Provider},
    token, too_many,
};
use crate::{
    clock,
    config::model::NamedToken,
    error::BoxError,
    rules::{
        access::{self, Fingerprint, Role, Way},
        headers::forwarded::PeerTrust,
        privacy,
        session::{self, Credentials, Id, Identity, SignInLink},
    },
};

/// So many arrivals of the running hour are remembered; more are written down again.
const ARRIVALS_MAX: usize = 10_000;

const INVALID: &str = "This link or token is not valid, or its time is over.";
pub(super) const USED: &str = "This link was used before.";
const BARRED: &str = "This name was revoked. An admin has to let it in again.";

/// The named tokens, as they are compared.
#[derive(Debug)]
pub(super) struct Tokens(Vec<(Fingerprint, NamedToken)>);

impl Tokens {
    pub(super) fn new(tokens: &[NamedToken]) -> Self {
        Self(tokens.iter().map(|token| (Fingerprint::of(token.token.expose()), token.clone())).collect())
    }

    /// The token that `text` is, where it counts. Every token is compared, in constant time.
    fn find(&self, text: &str, host: &str) -> Option<&NamedToken> {
        let asked = Fingerprint::of(text);
        let mut found = None;
        for (fingerprint, token) in &self.0 {
            if fingerprint.is(asked) && token.counts_at(host) {
                found = Some(token);
            }
        }
        found
    }

    /// Whether somebody's token is still there, with the same role.
    fn still_has(&self, identity: &Identity) -> bool {
        self.0.iter().any(|(_, token)| {
            token.name == identity.name && token.role == identity.role && token.counts_at(&identity.host)
        })
    }
}

/// Who arrived without a cookie in the running hour.
#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<(u64, HashSet<(Id, IpAddr)>)>);

impl Arrivals {
    /// Whether it is the first time this hour.
    fn is_first(&self, who: Id, client: IpAddr, now: u64) -> bool {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hour.0 != now / 3600 || hour.1.len() >= ARRIVALS_MAX {
            *hour = (now / 3600, HashSet::new());
        }
        hour.1.insert((who, client))
    }
}

impl Console {
    /// Who a cookie says it is, where no stage of the edge has read it.
    pub fn recognise(&self, headers: &HeaderMap, visit: &mut Visit) {
        let read = session::read(headers, visit.scheme, &self.keys, &visit.host, clock::unix_seconds());
        let counts = read.identity.as_ref().is_some_and(|identity| self.sessions.counts(identity));
        visit.credentials = if counts { read } else { Credentials::default() };
        visit.credentials.session.take_if(|session| self.sessions.is_revoked(session.id));
    }

    /// Learns who asks where no cookie says it, and forgets whom a cookie names wrongly. Called on a worker.
    pub(super) fn identify(&self, path: &str, headers: &HeaderMap, visit: &mut Visit) {
        let now = clock::unix_seconds();
        let stale = visit.credentials.identity.as_ref().is_some_and(|identity| match identity.way {
            // What a bearer token began goes on with its session; else the token has to be shown each time.
            Way::Token => {
                !self.tokens.still_has(identity) || is_of_request(identity) && visit.credentials.session.is_none()
            }
            // The proxy has to say it each time.
            Way::Proxy => true,
            _ => false,
        });
        let said = self.said_by_proxy(headers, visit, now);
        if stale || said.is_some() {
            let session = visit.credentials.session.take();
            // A session goes on for whom it was started by.
            let session = session.filter(|session| said.as_ref().is_some_and(|who| who.id == session.identity));
            visit.credentials = Credentials { identity: said, session, refused: None };
        }
        if visit.credentials.identity.is_none() && path.starts_with(API) {
            visit.credentials.identity = self.bearer(headers, visit, now);
        }
    }

    fn said_by_proxy(&self, headers: &HeaderMap, visit: &Visit, now: u64) -> Option<Identity> {
        let proof = self.access.forward_auth.as_ref().filter(|_| visit.peer_trust == PeerTrust::Trusted)?;
        let (name, role) = proof.read(headers)?;
        self.of_request(visit, (name, role, Way::Proxy), now)
    }

    fn bearer(&self, headers: &HeaderMap, visit: &Visit, now: u64) -> Option<Identity> {
        let text = access::bearer(headers).filter(|_| self.must_wait(visit, now).is_none())?;
        let Some(token) = self.tokens.find(text, &visit.host) else {
            self.attempts.fail(visit.client, now);
            self.counters.tokens_refused.one();
            return None;
        };
        self.of_request(visit, (token.name.clone(), token.role, Way::Token), now)
    }

    /// Somebody for one request, the same each time; unless just he was revoked, or his name.
    fn of_request(&self, visit: &Visit, (name, role, way): (String, Role, Way), now: u64) -> Option<Identity> {
        let expiry = now.saturating_add(self.access.identity_ttl.as_secs());
        let id = request_id(way, &name);
        let who = Identity { id, name, role, way, host: visit.host.clone(), issued: now, expiry };
        (!self.sessions.is_revoked(id) && !self.sessions.is_person_barred(&who.name)).then_some(who)
    }

    /// Writes down that somebody came without a cookie, once an hour.
    pub(super) fn arrived(&self, visit: &Visit) {
        let Some(who) = &visit.credentials.identity else { return };
        let now = clock::unix_seconds();
        if is_of_request(who) && self.arrivals.is_first(who.id, visit.client, now) {
            self.counters.sign_ins.one();
            // It is not done by this request, so there is nothing to refuse; the failure is counted and reported.
            self.record(Deed::SignIn, visit, who, "").ok();
        }
    }

    /// The sign-in page: of a link, or for those who have none.
    pub(super) fn entrance(&self, visit: &Visit, token: Option<String>) -> Response<Bytes> {
        match token.map(|token| (self.link(&token), token)) {
            Some((Some(link), _)) if self.sessions.is_used(link.nonce) => self.ask(StatusCode::GONE, visit, Some(USED)),
            Some((Some(link), token)) => pages::sign_in(&visit.host, &link.name, &token),
            Some((None, _)) => self.ask(StatusCode::FORBIDDEN, visit, Some(INVALID)),
            None => self.ask(StatusCode::OK, visit, None),
        }
    }

    /// Asks for a link or a token.
    pub(super) fn ask(&self, status: StatusCode, visit: &Visit, fault: Option<&str>) -> Response<Bytes> {
        let provider = if self.provider.is_some() && self.is_open(visit) { Provider::There } else { Provider::None };
        pages::code(status, &visit.host, fault, provider)
    }

    /// Takes a sign-in link, or a named token that was typed.
    pub(super) fn sign_in(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let now = clock::unix_seconds();
        if let Some(seconds) = self.must_wait(visit, now) {
            return too_many(seconds);
        }
        if !form::is_same_origin(request, visit) {
            return actions::foreign();
        }
        let text = form::value(request.body(), "token").or_else(|| token(request.uri())).unwrap_or_default();
        // A person may paste the whole link.
        let text = text.trim().rsplit_once("token=").map_or(text.trim(), |(_, token)| token);
        if let Some(named) = self.tokens.find(text, &visit.host) {
            return self.enter(visit, (named.name.clone(), named.role, Way::Token), now);
        }
        let Some(SignInLink { nonce, expiry, name, role, .. }) = self.link(text) else {
            self.refuse(visit, now);
            return self.ask(StatusCode::FORBIDDEN, visit, Some(INVALID));
        };
        match self.sessions.use_once(nonce, expiry, now) {
            Ok(true) => self.enter(visit, (name, role, Way::Link), now),
            Ok(false) => {
                self.refuse(visit, now);
                self.ask(StatusCode::GONE, visit, Some(USED))
            }
            Err(error) => actions::unavailable(error),
        }
    }

    /// Signs somebody in: he is given a cookie.
    pub(super) fn enter(&self, visit: &Visit, (name, role, way): (String, Role, Way), now: u64) -> Response<Bytes> {
        if self.sessions.is_person_barred(&name) {
            self.refuse(visit, now);
            return self.ask(StatusCode::FORBIDDEN, visit, Some(BARRED));
        }
        let id = match actions::new_id() {
            Ok(id) => id,
            Err(error) => return actions::unavailable(error),
        };
        let expiry = now.saturating_add(self.access.identity_ttl.as_secs());
        let identity = Identity { id, name, role, way, host: visit.host.clone(), issued: now, expiry };
        if let Err(error) = self.record(Deed::SignIn, visit, &identity, "") {
            return actions::unavailable(error);
        }
        self.counters.sign_ins.one();
        info!(name = identity.name, role = role.word(), way = way.word(), host = visit.host, "signed in");
        self.go(HOME, visit, &identity, None)
    }

    /// Whether somebody's sign-ins failed too often, and how many seconds he must wait.
    pub(super) fn must_wait(&self, visit: &Visit, now: u64) -> Option<u64> {
        let failures_max = self.shelf.limits.borrow().sign_in_failures_max;
        let wait = self.attempts.wait(visit.client, failures_max, now);
        if wait.is_some() {
            self.counters.sign_ins_refused.one();
        }
        wait
    }

    /// Counts a refused sign-in.
    pub(super) fn refuse(&self, visit: &Visit, now: u64) {
        self.attempts.fail(visit.client, now);
        self.counters.tokens_refused.one();
        let client = privacy::client_address(visit.client, self.privacy.client_address_log);
        warn!(client = client.map(tracing::field::display), host = visit.host, "a sign-in was refused");
    }

    /// Writes down what somebody does.
    pub(super) fn record(&self, deed: Deed, visit: &Visit, who: &Identity, subject: &str) -> Result<(), BoxError> {
        let entry = AuditEntry::of(deed, visit, who, self.privacy.client_address).about(subject);
        self.audit.write(&entry)
    }

    /// A sign-in link that counts by itself; whether it was used is for `Sessions` to know.
    pub(super) fn link(&self, token: &str) -> Option<SignInLink> {
        let link = SignInLink::open(token, &self.keys, clock::unix_seconds()).ok()?;
        (!self.sessions.is_person_revoked(&link.name, link.issued)).then_some(link)
    }
}

/// Who somebody is that came with a request: no secret, since nothing but the request itself makes him somebody.
pub(super) fn request_id(way: Way, name: &str) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(format!("waylight {} {name}", way.word()))[..16]);
    Id::from_bytes(id)
}

/// Whether somebody is so for each request anew, and not by a cookie.
pub(super) fn is_of_request(identity: &Identity) -> bool {
    identity.id == request_id(identity.way, &identity.name)
}
