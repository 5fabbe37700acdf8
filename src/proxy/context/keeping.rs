//! What is kept of a request when it ends: its record in the log of requests and, of a traced one, its header fields.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{CONTENT_LOCATION, LOCATION, REFERER},
};

use super::{Context, RequestId, cut_off};
use crate::{
    body::End,
    config::model::{ClientAddress, Toggle},
    error::ErrorType,
    rules::{
        headers::redact::{REDACTED, Redaction},
        privacy, reserved,
    },
    trace::{
        phases::Phase,
        requests::{
            entry::{self, Entry, Query, Sender},
            hints::Hints,
            keep::KeepRules,
            log::RequestLog,
        },
    },
};

/// The most fields of one header set.
const FIELDS_MAX: usize = 128;
/// The most octets of one field's value.
const VALUE_BYTES_MAX: usize = 2_048;
/// Fields that tell a client's address.
const CLIENT_FIELDS: [&str; 5] = ["forwarded", "x-forwarded-for", "x-real-ip", "true-client-ip", "cf-connecting-ip"];
/// The phases that the log tells, in the order of its moments.
const MOMENTS: [Phase; 5] = [Phase::Routed, Phase::Chosen, Phase::Connected, Phase::Sent, Phase::FirstByte];

/// How requests are kept, on one worker.
#[derive(Debug)]
pub struct Keeping {
    /// How much of clients' addresses stands in Waylight's own log; `None`: no request gets a line there.
    pub access_log: Option<ClientAddress>,
    /// Whether header fields of traced requests are kept: only where there is a store to keep them in.
    pub header_sets: Toggle,
    /// The header in which a traced request's name goes to the upstream.
    pub request_id_header: Option<HeaderName>,
    /// What is hidden.
    pub redaction: Arc<Redaction>,
    /// Where their records go.
    pub log: Rc<RequestLog>,
}

impl Keeping {
    /// Tells the upstream the request's name, so that a trace which it begins anew can be joined to this one.
    pub(super) fn name(&self, request: RequestId, mut write: impl FnMut(&HeaderName, &[u8])) {
        if let Some(header) = &self.request_id_header {
            write(header, &request.octets());
        }
    }

    /// Takes off what would be taken for the request's name.
    pub(super) fn unname(&self, headers: &mut HeaderMap) {
        // One look at all names costs less than a search for this one, which almost no request has.
        if let Some(header) =
            self.request_id_header.as_ref().filter(|header| headers.keys().any(|name| name == *header))
        {
            headers.remove(header);
        }
    }
}

/// A place on a request's way, where its header fields are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As the client sent them.
    Received,
    /// As the upstream was sent them.
    Forwarded,
    /// As the upstream answered.
    Upstream,
    /// As the client was answered.
    Sent,
}

impl Context {
    /// Keeps the header fields at a place of a traced request's way.
    pub fn keep_headers(&self, place: Place, headers: &HeaderMap) {
        if !self.keeping.header_sets.is_on() || !self.is_traced() {
            return;
        }
        let mut kept = self.headers.borrow_mut();
        let sets = kept.get_or_insert_default();
        let set = match place {
            Place::Received => &mut sets.received,
            Place::Forwarded => &mut sets.forwarded,
            Place::Upstream => &mut sets.upstream,
            Place::Sent => &mut sets.sent,
        };
        let redaction = &self.keeping.redaction;
        *set = shown(headers, redaction);
        if place == Place::Forwarded {
            self.tell_upstream(|name, value| {
                let value = if redaction.hides_header(name) { REDACTED.into() } else { String::from_utf8_lossy(value) };
                if set.len() < FIELDS_MAX {
                    set.push((name.as_str().into(), value.into()));
                }
            });
        }
    }

    /// Waylight answers this request itself, for somebody who is signed in, or signs in: it is not listed.
    pub fn is_ours(&self) {
        self.is_ours.set(true);
    }

    /// What joins this request to its page; its host is known.
    pub fn hints(&self) -> Hints {
        self.hints.asking(self.host.get().map_or("", |host| host), self.uri.path(), self.uri.query())
    }

    /// Puts the request into the log of requests.
    pub(super) fn list(&self, end: End) {
        if self.is_ours.get() {
            return;
        }
        let start = self.received();
        let since = |phase| Some(self.phases.at(phase)?.since(start));
        let nanos = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1);
        let credentials = self.credentials.borrow();
        let identity = credentials.as_deref().and_then(|credentials| credentials.identity.as_ref());
        let session = credentials.as_deref().and_then(|credentials| credentials.session.as_ref());
        let path = reserved::shown(self.uri.path());
        let query = self.uri.query().filter(|_| !reserved::is_reserved(path));
        let host = self.host.get().map_or("", |host| host);
        let hints = self.hints.asking(host, path, query);
        let client: IpAddr = self.client.get();
        let mut cache_reason = String::new();
        let cache = self.cache_words(&mut cache_reason);
        let mut entry = Entry {
            id: self.request_id.number(),
            start: start.unix_nanos(),
            duration: since(Phase::Ended).map_or(0, nanos),
            moments: MOMENTS.map(|phase| since(phase).map(nanos)),
            status: self.status.get(),
            bytes: self.octets.get(),
            method: self.method.as_str(),
            scheme: self.scheme.get().as_str(),
            version: match self.version {
                Version::HTTP_2 => "2",
                Version::HTTP_10 => "1.0",
                _ => "1.1",
            },
            host,
            path,
            query: Query::Raw(query.unwrap_or_default(), &self.keeping.redaction),
            route: self.route.get().map_or("", |route| route),
            upstream: self.upstream.get().map_or("", |upstream| upstream),
            cache,
            cache_reason: &cache_reason,
            error: self.failure(end),
            client: privacy::client_address(client, self.keeping.redaction.client_address()),
            sender: identity.map(|identity| Sender {
                identity: identity.id,
                person: &identity.name,
                session: session.map(|session| session.id),
            }),
            trace: self.scope.borrow().trace_id().map(|trace| (trace, self.trigger.get())),
            hints: identity.map_or_else(|| hints.sent_from(client), |identity| hints.sent_by(identity.id.to_bytes())),
        };
        if let Some(rules) = self.tail.take() {
            self.decide(&mut entry, &rules);
        }
        self.keeping.log.append(&entry, self.headers.take());
    }

    /// Tail mode: the spans of this request are held back, and kept where one of `rules` holds at its end.
    pub fn hold_until_end(&self, rules: KeepRules) {
        self.scope.borrow().hold();
        *self.tail.borrow_mut() = Some(rules);
    }

    fn decide(&self, entry: &mut Entry<'_>, rules: &KeepRules) {
        let scope = self.scope.borrow();
        if rules.keep(&entry.facts()) {
            scope.keep();
            self.counters.requests_kept.one();
        } else {
            scope.forget();
            self.counters.requests_not_kept.one();
            self.headers.take();
            entry.trace = None;
        }
    }

    /// Why the request failed; empty if it did not.
    fn failure(&self, end: End) -> &'static str {
        match end {
            End::Dropped => "client_disconnected",
            End::Failed => cut_off(self.error.get()),
            End::Complete => self.error.get().map_or("", ErrorType::token),
        }
    }
}

fn shown(headers: &HeaderMap, redaction: &Redaction) -> Vec<(Box<str>, Box<str>)> {
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        if CLIENT_FIELDS.contains(&name.as_str()) && redaction.client_address() != ClientAddress::Full {
            return (name.as_str().into(), REDACTED.into());
        }
        let value = redaction.header(name, value);
        let value = if [REFERER, LOCATION, CONTENT_LOCATION].contains(name) { redaction.url(&value) } else { value };
        (name.as_str().into(), entry::cut(&value, VALUE_BYTES_MAX).into())
    };
    headers.iter().take(FIELDS_MAX).map(field).collect()
}
