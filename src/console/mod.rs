//! Floor 5, what is shown: sign-in, the console and its API, and the plain pages, under `/_waylight/`. [`endpoints`]
//! lists them, with who may use each. `web/` is the console as the browser runs it; the plain pages need no script.
//!
//! Who is not authorised is not answered here at all ([`Console::claims`]): his request is routed like any
//! other, so that nobody can tell that these pages exist.

mod actions;
pub mod api;
mod assets;
mod attempts;
pub mod audit;
mod command;
pub mod endpoints;
pub mod export;
mod form;
mod oidc;
mod pages;
mod people;
mod scope;
mod style;
mod visits;
mod ways;

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};

pub use self::{
    actions::own_path,
    people::{Denied, Revoked},
    scope::whole,
    visits::Invitation,
};

use self::{
    api::{Answer, IMPORT, SPANS, Shelf},
    attempts::Attempts,
    audit::Audit,
    endpoints::{ASSETS, COMMAND, ERASE, OIDC_CALLBACK, PEOPLE, SIGN_IN_OIDC, TRACE, Who},
    oidc::Provider,
    ways::{Arrivals, Tokens},
};
use crate::{
    body::Piped,
    config::model::{Access, ConsoleLimits, Privacy, Scheme, SignIn},
    rules::{
        access::{Action, Role, may},
        headers::forwarded::PeerTrust,
        reserved::{self, is_reserved},
        session::{Credentials, Id},
        token::Keys,
    },
    trace::{counters::Counters, per_minute::PerMinute, sessions::Sessions},
};

/// The console; for who has no use for it, the plain page.
pub const HOME: &str = reserved::PREFIX;
/// The plain page: this browser's session by forms, without script.
pub const PLAIN: &str = "/_waylight/plain";
/// The sign-in page; a link has its token in the query.
pub const SIGN_IN: &str = "/_waylight/sign-in";

/// Waylight's own pages.
#[derive(Debug)]
pub struct Console {
    keys: Arc<Keys>,
    sessions: Arc<Sessions>,
    audit: Arc<Audit>,
    counters: Arc<Counters>,
    access: Access,
    privacy: Privacy,
    tokens: Tokens,
    attempts: Attempts,
    uploads: PerMinute<Id>,
    replays: PerMinute<String>,
    arrivals: Arrivals,
    provider: Option<Provider>,
    shelf: Arc<Shelf>,
    toolbar: String,
}

/// What a console is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What tokens are signed with.
    pub keys: Arc<Keys>,
    /// What is live, revoked and used.
    pub sessions: Arc<Sessions>,
    /// Where it is written down who did what.
    pub audit: Arc<Audit>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// What the API reads from and writes to.
    pub shelf: Arc<Shelf>,
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
    /// Whether the connection's other end is a trusted proxy.
    pub peer_trust: PeerTrust,
    /// Where he asks.
    pub door: Door,
    /// Who it is. What was revoked is not here.
    pub credentials: Credentials,
}

/// Where somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// At a site, whose pages are an app's.
    Site,
    /// At the host that is the console's own.
    Console,
    /// At the admin listener: whoever reaches it may know what Waylight is.
    Admin,
}

impl Console {
    /// The pages of a process.
    pub fn new(parts: Parts, access: Access, privacy: Privacy) -> Self {
        let Parts { keys, sessions, audit, counters, shelf } = parts;
        let tokens = Tokens::new(&access.tokens);
        let (attempts, arrivals) = (Attempts::default(), Arrivals::default());
        let (uploads, replays) = (PerMinute::default(), PerMinute::default());
        let provider = access.oidc.as_ref().map(Provider::new);
        let toolbar = assets::path("toolbar/toolbar.js", access.console_dir.as_deref());
        Self {
            keys,
            sessions,
            audit,
            counters,
            access,
            privacy,
            tokens,
            attempts,
            uploads,
            replays,
            arrivals,
            provider,
            shelf,
            toolbar,
        }
    }

    /// The path of the toolbar's script.
    pub fn toolbar(&self) -> &str {
        &self.toolbar
    }

    /// Whether a request may know that these pages exist: of somebody who is signed in; of whoever has a link that is
    /// valid; and of anybody who asks for the sign-in page, where that is open. Learns who asks on the way. Called on a
    /// worker.
    pub fn claims(&self, uri: &Uri, headers: &HeaderMap, visit: &mut Visit) -> bool {
        let path = if visit.door == Door::Console && uri.path() == "/" { HOME } else { uri.path() };
        if !is_reserved(path) {
            return false;
        }
        self.identify(path, headers, visit);
        let endpoint = endpoints::find(path);
        if let Some(identity) = &visit.credentials.identity
            && (identity.role > Role::Guest || endpoint.is_some_and(|endpoint| endpoint.who.admits(Role::Guest)))
        {
            return true;
        }
        match endpoint.map(|endpoint| endpoint.who) {
            Some(Who::Entrance) if path == SIGN_IN => {
                self.is_open(visit) || token(uri).is_some_and(|token| self.link(&token).is_some())
            }
            Some(Who::Entrance | Who::SignedIn | Who::Screen) => self.is_open(visit),
            Some(Who::Flow) => self.comes_back(headers, visit),
            Some(Who::TraceLink) => token(uri).is_some_and(|token| self.visit_link(&token, &visit.host).is_some()),
            None if path == SPANS => self.may_upload(headers, visit),
            _ => self.is_shared(path),
        }
    }

    /// The largest body that is taken of somebody, in octets.
    pub fn body_bytes_max(&self, path: &str, visit: &Visit) -> usize {
        match path {
            IMPORT if self.authorise(visit, Action::Keep).is_ok() => self.shelf.limits.borrow().import_bytes_max,
            SPANS if visit.credentials.session.is_some() => self.shelf.limits.borrow().upload_bytes_max,
            _ => api::BODY_BYTES_MAX,
        }
    }

    /// The bounds.
    pub fn limits(&self) -> ConsoleLimits {
        self.shelf.limits.borrow().clone()
    }

    /// Answers a request that [`Self::claims`] took.
    pub async fn answer(&self, request: &Request<Bytes>, visit: &Visit) -> Answer {
        if request.uri().path().starts_with(api::BASE) {
            self.api(request, visit).await
        } else {
            self.page_answer(request, visit).await.map(Piped::from).into()
        }
    }

    async fn page_answer(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        self.arrived(visit);
        let mut response = self.page_of(request, visit).await;
        protect(response.headers_mut(), visit.scheme);
        response
    }

    async fn page_of(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let (method, path) = (request.method(), request.uri().path());
        if path == "/" {
            return redirect(StatusCode::SEE_OTHER, HOME);
        }
        let Some(endpoint) = endpoints::find(path) else {
            return pages::message(StatusCode::NOT_FOUND, "No such page", "There is nothing at this address.", &[]);
        };
        if !endpoint.takes(method) {
            return not_allowed(endpoint.methods);
        }
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if let (Who::May(action), Some(_)) = (endpoint.who, &visit.credentials.identity)
            && let Err(denied) = self.authorise(visit, action)
        {
            return denied.page();
        }
        match path {
            PLAIN => self.home(visit, StatusCode::OK, None),
            SIGN_IN if is_read => self.entrance(visit, token(request.uri())),
            SIGN_IN => self.sign_in(request, visit),
            SIGN_IN_OIDC => self.depart(request, visit).await,
            OIDC_CALLBACK => self.arrive(request, visit).await,
            TRACE if is_read => self.consent(request, visit),
            TRACE => self.agree(request, visit),
            PEOPLE => self.people(visit),
            ERASE => self.erase_form(request, visit).await,
            COMMAND => self.command(request, visit),
            path if path == HOME.trim_end_matches('/') => redirect(StatusCode::PERMANENT_REDIRECT, HOME),
            path if path.starts_with(ASSETS) => self.asset(&path[ASSETS.len()..], request.headers()).await,
            HOME => self.screen(visit).await,
            _ if endpoint.who == Who::Screen => self.screen(visit).await,
            _ => self.act(request, visit),
        }
    }

    /// The console; the router in it reads the address. Who may see nothing in it gets the plain page.
    async fn screen(&self, visit: &Visit) -> Response<Bytes> {
        match (&visit.credentials.identity, &self.access.console_dir) {
            (Some(identity), None) if may(identity.role, Action::Read) => assets::index(),
            (Some(identity), Some(folder)) if may(identity.role, Action::Read) => assets::index_of(folder).await,
            _ => self.home(visit, StatusCode::OK, None),
        }
    }

    async fn asset(&self, path: &str, headers: &HeaderMap) -> Response<Bytes> {
        match &self.access.console_dir {
            None => assets::file(path, headers),
            Some(folder) => assets::file_of(folder, path).await,
        }
    }

    /// Whether the sign-in page is shown to whoever asks here.
    fn is_open(&self, visit: &Visit) -> bool {
        visit.door == Door::Admin || self.access.sign_in == SignIn::Public
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

/// What every page carries: nothing may be stored, framed, scripted, or told to other sites. The console's own page and
/// files have said what they may do and how long they last.
fn protect(headers: &mut HeaderMap, scheme: Scheme) {
    let referrer = match scheme {
        Scheme::Https => "no-referrer",
        // Over plain http browsers send no `Sec-Fetch-Site`, and `no-referrer` makes the `Origin` of a form `null`, which
        // any page can have said. So the origin is told, and nothing else: a link's token stands in the path's query.
        Scheme::Http => "strict-origin",
    };
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(style::POLICY.clone());
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        ("referrer-policy", referrer),
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
