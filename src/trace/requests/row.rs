//! One request, as the Logs show it: what its worker knew when it ended, and what the background joined to it.
//! Strings are cut where they are recorded, and hold nothing that redaction hides.

use opentelemetry::trace::TraceId;

use crate::rules::{
    find::{IdField, NumberField, Record, TextField},
    session::Id,
};

/// The longest string of a row, in octets; what is longer is cut where a character ends.
pub const TEXT_BYTES_MAX: usize = 256;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRow {
    /// Its name in logs, headers and error pages.
    pub id: u128,
    /// When its head was read: nanoseconds since the Unix epoch.
    pub start: u64,
    /// From its head to the last octet of its response, in nanoseconds.
    pub duration: u64,
    /// From its head to the first octet of the upstream's response, in nanoseconds; `None` where there was none.
    pub first_byte: Option<u64>,
    /// The method.
    pub method: Box<str>,
    /// `http` or `https`, as the client spoke it.
    pub scheme: &'static str,
    /// The host asked for: lower case, without port.
    pub host: Box<str>,
    /// The path asked for.
    pub path: Box<str>,
    /// The query, redacted, without the question mark; empty for none.
    pub query: Box<str>,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// The status answered with; 0 if the client left before there was one.
    pub status: u16,
    /// Octets of the response's body.
    pub bytes: u64,
    /// The name of the route taken; empty for none.
    pub route: Box<str>,
    /// The name of the upstream asked; empty for none.
    pub upstream: Box<str>,
    /// The cache's decision, in a word of RFC 9211 and a sentence; empty where no cache was asked.
    pub cache: CacheOutcome,
    /// Why it failed: a type of RFC 9209, or `client_disconnected`; empty if it did not.
    pub error: Box<str>,
    /// The client's address, as privacy settings leave it.
    pub client: Box<str>,
    /// What the browser says it is for: `document`, `image`, `empty` (a fetch), from `Sec-Fetch-Dest`; empty if unknown.
    pub destination: Box<str>,
    /// The page view that it belongs to: the id of the page's own request, which may be this one.
    pub page: Option<u128>,
    /// The sign-in of the browser that sent it.
    pub identity: Option<Id>,
    /// The name of whoever is signed in there; empty for nobody.
    pub person: Box<str>,
    /// The tracing session.
    pub session: Option<Id>,
    /// Its trace, where one was recorded or kept.
    pub trace: Option<TraceId>,
    /// Why it is traced or kept: `session`, `page`, `force`, `ratio`, `route`, `kept`, `tail`; empty if it is not.
    pub trigger: Box<str>,
    /// The moments that it reached, in order: nanoseconds after `start`.
    pub moments: Vec<(Moment, u64)>,
    /// The header fields at four places of its way; for traced requests only, and redacted.
    pub headers: Option<Box<HeaderSets>>,
}

/// The cache's decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheOutcome {
    /// `hit`, `miss`, `stale`, `revalidated`, `collapsed`, `bypass`; empty where no cache was asked.
    pub status: Box<str>,
    /// Why, in one sentence.
    pub reason: Box<str>,
}

/// A moment of a request that the Logs draw its phases from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Its route was known.
    Routed,
    /// An endpoint was chosen.
    Chosen,
    /// A connection to it was at hand.
    Connected,
    /// The request was sent.
    Sent,
    /// The response's head was read.
    FirstByte,
}

/// The header fields of a request at four places of its way, redacted, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderSets {
    /// As the client sent them.
    pub received: Vec<(Box<str>, Box<str>)>,
    /// As the upstream was sent them, in the last attempt.
    pub forwarded: Vec<(Box<str>, Box<str>)>,
    /// As the upstream answered.
    pub upstream: Vec<(Box<str>, Box<str>)>,
    /// As the client was answered.
    pub sent: Vec<(Box<str>, Box<str>)>,
}

impl RequestRow {
    /// Whether a trace of it can be shown.
    pub fn is_traced(&self) -> bool {
        self.trace.is_some()
    }
}

impl Record for RequestRow {
    fn text(&self, field: TextField) -> &str {
        match field {
            TextField::Method => &self.method,
            TextField::Host => &self.host,
            TextField::Path => &self.path,
            TextField::Route => &self.route,
            TextField::Upstream => &self.upstream,
            TextField::Error => &self.error,
            TextField::Person => &self.person,
            TextField::Cache => &self.cache.status,
        }
    }

    fn number(&self, field: NumberField) -> Option<u64> {
        match field {
            NumberField::Duration => Some(self.duration),
            NumberField::FirstByte => self.first_byte,
            NumberField::Bytes => Some(self.bytes),
        }
    }

    fn id(&self, field: IdField) -> Option<u128> {
        match field {
            IdField::Request => Some(self.id),
            IdField::Trace => self.trace.map(|trace| u128::from_be_bytes(trace.to_bytes())),
        }
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn failed(&self) -> bool {
        self.status == 0 || self.status >= 500
    }

    /// A request has no attributes; its spans have.
    fn any_attribute(&self, _: Option<&str>, _: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }
}
