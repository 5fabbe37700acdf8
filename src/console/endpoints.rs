//! Every address of the console, with who may use it: the one list, which the console answers by and tests walk.

use http::Method;

use super::{HOME, PLAIN, SIGN_IN};
use crate::rules::access::{Action, Role, may};

pub(super) const SIGN_IN_OIDC: &str = "/_waylight/sign-in/oidc";
pub(super) const OIDC_CALLBACK: &str = "/_waylight/sign-in/oidc/callback";
/// The page of a trace link; its token is in the query.
pub const TRACE: &str = "/_waylight/trace";
pub(super) const SIGN_OUT: &str = "/_waylight/sign-out";
pub(super) const START: &str = "/_waylight/start";
pub(super) const STOP: &str = "/_waylight/stop";
pub(super) const RESTART: &str = "/_waylight/restart";
pub(super) const PAGE: &str = "/_waylight/page";
pub(super) const INVITE: &str = "/_waylight/invite";
/// Commands of the toolbar, as navigations.
pub(super) const COMMAND: &str = "/_waylight/command";
pub(super) const PEOPLE: &str = "/_waylight/people";
pub(super) const REVOKE: &str = "/_waylight/revoke";
pub(super) const ERASE: &str = "/_waylight/erase";
/// Below: the console's files.
pub(super) const ASSETS: &str = "/_waylight/assets/";
/// Everything below is answered to programs: a bearer token counts there.
pub const API: &str = "/_waylight/api/";

/// Who may use an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever is signed in; guests, too.
    SignedIn,
    /// Whoever's role allows it.
    May(Action),
    /// Whoever may read: a page of the console. Where the sign-in page is open to a stranger, he finds it here.
    Screen,
    /// Whoever has a sign-in link, and everybody where the sign-in page is public.
    Entrance,
    /// Whoever began to sign in at the provider, with this browser.
    Flow,
    /// Whoever has a trace link.
    TraceLink,
}

impl Who {
    /// Whether somebody of this role may; links and the like are looked at elsewhere.
    pub fn admits(self, role: Role) -> bool {
        match self {
            Self::SignedIn => true,
            Self::May(action) => may(role, action),
            Self::Screen => may(role, Action::Read),
            // Whoever is somebody already may become somebody else; a guest is nobody.
            Self::Entrance => role > Role::Guest,
            Self::Flow | Self::TraceLink => false,
        }
    }
}

/// An address of the console.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Its path; with a `*` at its end, whatever begins so.
    pub path: &'static str,
    /// What it takes, as `Allow` says it.
    pub methods: &'static str,
    /// Who may use it.
    pub who: Who,
}

impl Endpoint {
    /// Whether it takes a method.
    pub fn takes(&self, method: &Method) -> bool {
        self.methods.split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// Every address of the pages. Those of the API stand beside it.
pub const ENDPOINTS: [Endpoint; 26] = [
    of(HOME, READ, Who::SignedIn),
    of("/_waylight", READ, Who::SignedIn),
    of(PLAIN, READ, Who::SignedIn),
    of("/_waylight/logs", READ, Who::Screen),
    of("/_waylight/logs/*", READ, Who::Screen),
    of("/_waylight/t/*", READ, Who::Screen),
    of("/_waylight/sessions", READ, Who::Screen),
    of("/_waylight/sessions/*", READ, Who::Screen),
    of("/_waylight/compare", READ, Who::Screen),
    of("/_waylight/settings", READ, Who::Screen),
    of("/_waylight/settings/*", READ, Who::Screen),
    of("/_waylight/assets/*", READ, Who::May(Action::Read)),
    of(SIGN_IN, "GET, HEAD, POST", Who::Entrance),
    of(SIGN_IN_OIDC, READ, Who::Entrance),
    of(OIDC_CALLBACK, READ, Who::Flow),
    of(TRACE, "GET, HEAD, POST", Who::TraceLink),
    of(SIGN_OUT, "POST", Who::May(Action::Stop)),
    of(STOP, "POST", Who::May(Action::Stop)),
    of(START, "POST", Who::May(Action::Trace)),
    of(RESTART, "POST", Who::May(Action::Trace)),
    of(PAGE, "POST", Who::May(Action::Trace)),
    of(COMMAND, "GET", Who::May(Action::Trace)),
    of(INVITE, "POST", Who::May(Action::Invite)),
    of(PEOPLE, READ, Who::May(Action::Revoke)),
    // His own guests' sessions a tracer may end, too.
    of(REVOKE, "POST", Who::May(Action::Trace)),
    of(ERASE, "POST", Who::May(Action::Erase)),
];

const READ: &str = "GET, HEAD";

const fn of(path: &'static str, methods: &'static str, who: Who) -> Endpoint {
    Endpoint { path, methods, who }
}

/// The endpoint of a path.
pub(super) fn find(path: &str) -> Option<&'static Endpoint> {
    let fits = |endpoint: &&Endpoint| match endpoint.path.strip_suffix('*') {
        Some(begin) => path.starts_with(begin),
        None => path == endpoint.path,
    };
    ENDPOINTS.iter().find(fits)
}
