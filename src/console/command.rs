//! Commands of the toolbar as plain navigations, for pages whose policy forbids it to ask the API: the page's token
//! allows one of them. A navigation of another site has no such token, and is refused besides.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::LOCATION};
use tracing::error;

use super::{
    Console, Visit,
    actions::{Cache, PageRun, own_path},
    form, token,
};
use crate::{clock, rules::session::Navigation};

const INVALID: &str =
    "The page's command was used already, or its time is over. Go back, reload the page, and try again.";

impl Console {
    /// Does what the toolbar of a page asks for, and leads back there.
    pub(super) fn command(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let Some(identity) = &visit.credentials.identity else { return self.entrance(visit, None) };
        let now = clock::unix_seconds();
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let (Some(path), Some(action)) =
            (form::value(query, "to").and_then(|to| own_path(&to)), form::value(query, "do"))
        else {
            return self.home(visit, StatusCode::UNPROCESSABLE_ENTITY, Some("That is no command."));
        };
        if !form::is_same_origin(request, visit) || !self.admits(request, visit, now) {
            self.counters.tokens_refused.one();
            return self.home(visit, StatusCode::FORBIDDEN, Some(INVALID));
        }
        let run = |cache| PageRun { path: &path, runs: 1, cache };
        let done = match action.as_str() {
            "start" => self.start(visit, identity, now),
            "stop" => self.stop_session(visit, identity, now),
            "restart" => self.restart(visit, identity, now),
            "page" => self.trace_page(&run(Cache::Default), visit, identity, now),
            "fresh" => self.trace_page(&run(Cache::Bypass), visit, identity, now),
            _ => return self.home(visit, StatusCode::UNPROCESSABLE_ENTITY, Some("That is no command.")),
        };
        match done {
            Ok(mut response) => {
                if let Ok(back) = HeaderValue::try_from(path) {
                    response.headers_mut().insert(LOCATION, back);
                }
                response
            }
            Err(refused) => *refused,
        }
    }

    /// Whether the token in the query is this person's, and is used for the first time.
    fn admits(&self, request: &Request<Bytes>, visit: &Visit, now: u64) -> bool {
        let Some((identity, token)) = visit.credentials.identity.as_ref().zip(token(request.uri())) else {
            return false;
        };
        let Ok(navigation) = Navigation::open(&token, &self.keys, identity.id, &visit.host, now) else { return false };
        self.sessions.use_once(navigation.nonce, navigation.expiry, now).unwrap_or_else(|error| {
            error!(%error, "a used token could not be written down, and does not count");
            false
        })
    }
}
