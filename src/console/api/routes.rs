//! Every address of the API, with who may use it: the one list, which is answered by, described by
//! `docs/openapi.json`, and walked by tests.

use http::Method;

use crate::rules::access::Action;

/// Where the API is.
pub const BASE: &str = "/_waylight/api/v1";

/// Where browsers send spans.
pub const SPANS: &str = "/_waylight/api/v1/spans";

/// Where traces are taken in.
pub const IMPORT: &str = "/_waylight/api/v1/traces/import";

/// One method of one address.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below [`BASE`]; a part in braces is a parameter.
    pub path: &'static str,
    /// What somebody must be allowed to; `None`: the address itself holds what lets one in.
    pub action: Option<Action>,
    /// What is done.
    pub(super) endpoint: Endpoint,
}

/// What is done at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Me,
    Quota,
    Requests,
    Histogram,
    Request,
    Keep,
    Trace,
    Spans,
    Span,
    Status,
    Expect,
    Runs,
    Share,
    Shared,
    Replay,
    Upload,
    Import,
    Sessions,
    Start,
    Change,
    Revoke,
    Session,
    PageTrace,
    Erase,
    Purge,
    TraceLinks,
    Invite,
    EndLink,
    RevokePerson,
    LiftPerson,
    SignOut,
    Audit,
    Settings,
    Stream,
    OpenApi,
}

/// All of them.
pub const ROUTES: &[Route] = &[
    read("/me", Action::Read, Endpoint::Me),
    read("/quota", Action::Read, Endpoint::Quota),
    read("/requests", Action::Read, Endpoint::Requests),
    read("/requests/histogram", Action::Read, Endpoint::Histogram),
    read("/requests/{id}", Action::Read, Endpoint::Request),
    post("/requests/{id}/keep", Action::Keep, Endpoint::Keep),
    post("/traces/import", Action::Keep, Endpoint::Import),
    read("/traces/{trace}", Action::Read, Endpoint::Trace),
    read("/traces/{trace}/status", Action::Read, Endpoint::Status),
    read("/traces/{trace}/expect", Action::Read, Endpoint::Expect),
    read("/traces/{trace}/runs", Action::Read, Endpoint::Runs),
    read("/traces/{trace}/spans", Action::Read, Endpoint::Spans),
    read("/traces/{trace}/spans/{span}", Action::Read, Endpoint::Span),
    post("/traces/{trace}/share", Action::Export, Endpoint::Share),
    Route { method: Method::GET, path: "/shared/{token}", action: None, endpoint: Endpoint::Shared },
    Route { method: Method::POST, path: "/spans", action: None, endpoint: Endpoint::Upload },
    read("/sessions", Action::Read, Endpoint::Sessions),
    post("/sessions", Action::Trace, Endpoint::Start),
    Route { method: Method::PATCH, path: "/sessions/{id}", action: Some(Action::Trace), endpoint: Endpoint::Change },
    Route { method: Method::DELETE, path: "/sessions/{id}", action: Some(Action::Trace), endpoint: Endpoint::Revoke },
    post("/session", Action::Trace, Endpoint::Session),
    post("/page-trace", Action::Trace, Endpoint::PageTrace),
    post("/replays", Action::Replay, Endpoint::Replay),
    post("/erase", Action::Erase, Endpoint::Erase),
    post("/cache/purge", Action::Purge, Endpoint::Purge),
    read("/trace-links", Action::Invite, Endpoint::TraceLinks),
    post("/trace-links", Action::Invite, Endpoint::Invite),
    Route {
        method: Method::DELETE,
        path: "/trace-links/{id}",
        action: Some(Action::Invite),
        endpoint: Endpoint::EndLink,
    },
    post("/revoke", Action::Revoke, Endpoint::RevokePerson),
    post("/lift", Action::Revoke, Endpoint::LiftPerson),
    post("/sign-out", Action::Read, Endpoint::SignOut),
    read("/audit", Action::Audit, Endpoint::Audit),
    read("/settings", Action::Settings, Endpoint::Settings),
    read("/stream", Action::Read, Endpoint::Stream),
    read("/openapi.json", Action::Read, Endpoint::OpenApi),
];

const fn read(path: &'static str, action: Action, endpoint: Endpoint) -> Route {
    Route { method: Method::GET, path, action: Some(action), endpoint }
}

const fn post(path: &'static str, action: Action, endpoint: Endpoint) -> Route {
    Route { method: Method::POST, path, action: Some(action), endpoint }
}

/// The routes of a path, and the values of its parameters. A fixed part wins over a parameter.
pub(super) fn find(path: &str) -> Option<(Vec<&'static Route>, Vec<&str>)> {
    let below = path.strip_prefix(BASE)?;
    let matching = |route: &&'static Route| values(route.path, below).is_some();
    let parameters = |route: &&'static Route| route.path.matches('{').count();
    let fewest = ROUTES.iter().filter(matching).map(|route| parameters(&route)).min()?;
    let routes: Vec<_> = ROUTES.iter().filter(matching).filter(|route| parameters(route) == fewest).collect();
    let found = values(routes.first()?.path, below)?;
    Some((routes, found))
}

fn values<'p>(pattern: &str, path: &'p str) -> Option<Vec<&'p str>> {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(values),
            (Some(wanted), Some(found)) if wanted.starts_with('{') && !found.is_empty() => values.push(found),
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return None,
        }
    }
}
