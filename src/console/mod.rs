//! Floor 5, what is shown: sign-in, and the pages under `/_waylight/`.
//!
//! | path | method | |
//! |---|---|---|
//! | `/_waylight/` | GET | the plain page: this browser's session, and forms |
//! | `/_waylight/sign-in?token=` | GET | shows whom the link signs in; consumes nothing |
//! | `/_waylight/sign-in?token=` | POST | consumes the link |
//! | `/_waylight/sign-out` | POST | |
//! | `/_waylight/start`, `stop`, `restart` | POST | this browser's session |
//! | `/_waylight/page` | POST | traces one page |
//! | `/_waylight/assets/` | GET | the style sheet |
//!
//! No script. Who is not authorised is not answered here at all ([`Console::claims`]): his request is routed like any
//! other, so that nobody can tell that these pages exist.

mod actions;
pub mod api;
mod assets;
mod attempts;
pub mod export;
mod form;
mod pages;

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};

use self::attempts::Attempts;
use crate::{
    clock,
    config::model::{Access, Scheme, SignIn},
    rules::{
        reserved::{self, is_reserved},
        session::{Credentials, SignInLink},
        token::Keys,
    },
    trace::{counters::Counters, sessions::Sessions},
};

/// The plain page.
pub const HOME: &str = reserved::PREFIX;
/// The sign-in page; a link has its token in the query.
pub const SIGN_IN: &str = "/_waylight/sign-in";
const SIGN_OUT: &str = "/_waylight/sign-out";
const START: &str = "/_waylight/start";
const STOP: &str = "/_waylight/stop";
const RESTART: &str = "/_waylight/restart";
const PAGE: &str = "/_waylight/page";

/// Waylight's own pages.
#[derive(Debug)]
pub struct Console {
    keys: Arc<Keys>,
    sessions: Arc<Sessions>,
    access: Access,
    counters: Arc<Counters>,
    attempts: Attempts,
}

/// What is known of who asks.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The site's host: lower case, without port.
    pub host: String,
    /// The client's scheme, as seen through trusted proxies.
    pub scheme: Scheme,
    /// The client's address, as seen through trusted proxies.
    pub client: IpAddr,
    /// Who it is. What was revoked is not here.
    pub credentials: Credentials,
}

impl Console {
    /// The pages of a process with these keys and sessions.
    pub fn new(keys: Arc<Keys>, sessions: Arc<Sessions>, access: Access, counters: Arc<Counters>) -> Self {
        Self { keys, sessions, access, counters, attempts: Attempts::default() }
    }

    /// Whether a request may know that these pages exist: somebody signed in; whoever has a sign-in link that is valid;
    /// and anybody who asks for the sign-in page, where `access.sign_in` is `public`.
    pub fn claims(&self, uri: &Uri, credentials: &Credentials) -> bool {
        let path = uri.path();
        if !is_reserved(path) {
            return false;
        }
        if credentials.identity.is_some() {
            return true;
        }
        // The style sheet of the sign-in page is asked for with the same token.
        let is_entrance = path == SIGN_IN || path == assets::STYLE.path;
        let is_public = self.access.sign_in == SignIn::Public;
        if is_public && (is_entrance || path == HOME || path == HOME.trim_end_matches('/')) {
            return true;
        }
        is_entrance && token(uri).is_some_and(|token| self.link(&token).is_some())
    }

    /// Answers a request that [`Self::claims`] took.
    pub fn answer(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let (method, path) = (request.method(), request.uri().path());
        let allowed = match path {
            SIGN_IN => "GET, HEAD, POST",
            SIGN_OUT | START | STOP | RESTART | PAGE => "POST",
            _ => "GET, HEAD",
        };
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let mut response = match path {
            _ if !allowed.split(", ").any(|allowed| allowed == method.as_str()) => not_allowed(allowed),
            path if path == assets::STYLE.path => return assets::STYLE.response(request.uri().query().is_some()),
            HOME if visit.credentials.identity.is_some() => self.home(visit, StatusCode::OK, None),
            HOME => self.entrance(visit, None),
            SIGN_IN if is_read => self.entrance(visit, token(request.uri())),
            SIGN_IN => self.sign_in(request, visit),
            SIGN_OUT | START | STOP | RESTART | PAGE => self.act(request, visit),
            path if path == HOME.trim_end_matches('/') => redirect(StatusCode::PERMANENT_REDIRECT, HOME),
            _ => pages::message(StatusCode::NOT_FOUND, "No such page", "There is nothing at this address.", &[]),
        };
        protect(response.headers_mut());
        response
    }

    /// A sign-in link that is valid by itself; whether it was used is for [`Sessions`] to know.
    fn link(&self, token: &str) -> Option<SignInLink> {
        SignInLink::open(token, &self.keys, clock::unix_seconds()).ok()
    }
}

/// The token in a request's target.
fn token(uri: &Uri) -> Option<String> {
    form::value(uri.query()?.as_bytes(), "token")
}

fn redirect(status: StatusCode, to: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn not_allowed(allowed: &'static str) -> Response<Bytes> {
    let mut response = pages::message(
        StatusCode::METHOD_NOT_ALLOWED,
        "Not like this",
        "This address is meant to be reached by a form of Waylight's page.",
        &[],
    );
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn too_many(seconds: u64) -> Response<Bytes> {
    let mut response = pages::message(
        StatusCode::TOO_MANY_REQUESTS,
        "Too many attempts",
        "Several sign-ins from your address failed. Wait a minute, then try again.",
        &[],
    );
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What every answer carries but the style sheet: nothing may be stored, framed, scripted, or told to other sites.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/html; charset=utf-8"));
}

#[cfg(test)]
mod tests;
