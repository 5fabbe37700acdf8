//! What is asked of a store, and what it answers.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use opentelemetry::trace::TraceId;

use crate::{
    rules::{find::Find, session::Id},
    trace::requests::row::RequestRow,
};

/// The most requests of a page.
pub const PAGE_MAX: usize = 1_000;
/// The most bins of a histogram.
pub const BINS_MAX: usize = 1_000;

/// Which requests are asked for. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestQuery {
    /// Words and conditions, as typed into the search field.
    pub find: Find,
    /// Not before this moment: nanoseconds since the Unix epoch.
    pub from: Option<u64>,
    /// Before this moment.
    pub to: Option<u64>,
    /// Of this session.
    pub session: Option<Id>,
    /// Of this browser: one sign-in.
    pub identity: Option<Id>,
    /// Of this page view.
    pub page: Option<u128>,
    /// With this trace.
    pub trace: Option<TraceId>,
    /// Traced ones only, or all.
    pub traced: Traced,
    /// Only those after this place of the list, which the page before named.
    pub before: Option<Cursor>,
    /// At most so many; between 1 and [`PAGE_MAX`].
    pub limit: usize,
}

/// Whether only traced requests are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Traced {
    /// All.
    #[default]
    Any,
    /// Traced ones.
    Only,
}

/// A place in the list of requests, newest first: that of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When it began.
    pub start: u64,
    /// Its id, where several began at once.
    pub id: u128,
}

impl Cursor {
    /// Reads what [`fmt::Display`] wrote. Whatever else it is given is none; what it takes can only name a place.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 24];
        if text.len() != 32 || URL_SAFE_NO_PAD.decode_slice(text, &mut octets).ok()? != octets.len() {
            return None;
        }
        let (start, id) = octets.split_first_chunk()?;
        Some(Self { start: u64::from_be_bytes(*start), id: u128::from_be_bytes(id.try_into().ok()?) })
    }
}

/// Opaque: nothing but a store should look into it.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut octets = [0; 24];
        octets[..8].copy_from_slice(&self.start.to_be_bytes());
        octets[8..].copy_from_slice(&self.id.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(octets))
    }
}

/// A page of requests, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The requests; without their header sets.
    pub items: Vec<RequestRow>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
    /// Where the first page is empty: how many requests each condition alone keeps out, by its name (`find`, `time`,
    /// `session`, `browser`, `page`, `trace`, `traced`), the guiltiest first.
    pub excluded_by: Vec<(&'static str, u64)>,
}

/// How many requests there were, over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Where the first bin begins: nanoseconds since the Unix epoch.
    pub from: u64,
    /// The length of each bin, in nanoseconds.
    pub width: u64,
    /// The bins, oldest first.
    pub bins: Vec<Bin>,
}

/// One bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// All requests.
    pub all: u64,
    /// Those that were traced.
    pub traced: u64,
    /// Those answered with 4xx.
    pub client_errors: u64,
    /// Those answered with 5xx, or not at all.
    pub server_errors: u64,
}

/// A session, as far as something of it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSummary {
    /// Its id.
    pub id: Id,
    /// Who started it, by name.
    pub person: Box<str>,
    /// The host.
    pub host: Box<str>,
    /// Its first request: nanoseconds since the Unix epoch.
    pub first: u64,
    /// Its last request.
    pub last: u64,
    /// Its requests.
    pub requests: u64,
    /// Its page views.
    pub pages: u64,
    /// Its traces.
    pub traces: u64,
    /// Spans kept of it.
    pub spans: u64,
    /// Its requests that failed: 5xx, or none at all.
    pub failed: u64,
}

/// Whose data are erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// One session's.
    Session(Id),
    /// One person's, by name.
    Person(String),
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Requests.
    pub requests: u64,
    /// Traces.
    pub traces: u64,
    /// Spans.
    pub spans: u64,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Spans written since the hour of the moment asked for.
    pub spans_since: u64,
    /// Requests kept.
    pub requests: u64,
    /// Spans kept.
    pub spans: u64,
    /// Octets on disk or in memory.
    pub bytes: u64,
    /// The oldest request kept: nanoseconds since the Unix epoch.
    pub oldest: Option<u64>,
}

#[cfg(test)]
mod tests;
