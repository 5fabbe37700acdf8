//! The embedded store: requests and spans, kept across restarts, and asked by the console.
//!
//! [`TraceStore`] says nothing of how: SQLite is one store, memory another. Writes are batched off the request path;
//! reading never waits for writing.

mod erased;
mod index;
pub mod memory;
mod owners;
pub mod query;
pub mod split;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry::trace::TraceId;

use self::query::{Erased, Histogram, Page, RequestQuery, SessionSummary, Usage, Whom};
pub use self::{
    erased::Erasures,
    owners::{Owner, Owners},
};
use super::{requests::row::RequestRow, sink::SpanSink};
use crate::{error::BoxError, rules::session::Id, service::BoxFuture};

/// What a store gives back.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Keeps requests and spans. As a [`SpanSink`] it takes spans; a span batch is durable when `write` is done.
pub trait TraceStore: SpanSink {
    /// Keeps `rows`; a row with an id that is there already replaces it. They are durable when this is done.
    fn write_requests(&self, rows: Vec<RequestRow>) -> Stored<'_, ()>;

    /// A page of requests, newest first.
    fn requests(&self, query: RequestQuery) -> Stored<'_, Page>;

    /// How many requests fall into each of `bins` equal parts of the query's time.
    fn histogram(&self, query: RequestQuery, bins: usize) -> Stored<'_, Histogram>;

    /// One request, with its header sets.
    fn request(&self, id: u128) -> Stored<'_, Option<RequestRow>>;

    /// All requests of a trace, oldest first.
    fn requests_of(&self, trace: TraceId) -> Stored<'_, Vec<RequestRow>>;

    /// The spans of a trace: any number of `ExportTraceServiceRequest`s in protobuf, in the order they came, each with
    /// spans of this trace only. Empty if nothing of it is kept.
    fn trace(&self, trace: TraceId) -> Stored<'_, Vec<Bytes>>;

    /// Sessions with something kept, the latest first; of one sign-in, or all.
    fn sessions(&self, limit: usize, identity: Option<Id>) -> Stored<'_, Vec<SessionSummary>>;

    /// Removes what is kept of somebody, or of a session: requests, their traces, those that browsers of theirs added to, and
    /// those that are `owned` though nothing says so here. Spans of all of them that come within the next minutes are not
    /// kept, but for those that somebody [imports](super::sink::Source::Import).
    fn erase(&self, whom: Whom, owned: Vec<TraceId>) -> Stored<'_, Erased>;

    /// What was erased of late.
    fn erasures(&self) -> Arc<Erasures>;

    /// Whose traces are that browsers add to. What is said there counts for spans that are written afterwards, and is kept
    /// with them.
    fn owners(&self) -> Arc<Owners>;

    /// Spans written since the hour of `since` (nanoseconds since the Unix epoch), and the size of what is kept.
    fn usage(&self, since: u64) -> Stored<'_, Usage>;

    /// What this store can do.
    fn capabilities(&self) -> Capabilities;
}

/// What a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Its kind, for people: `sqlite`, `memory`.
    pub kind: &'static str,
    /// Whether what it holds outlives the process.
    pub survives: Survives,
}

/// Whether what a store holds outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// It does.
    Restart,
    /// It does not.
    Nothing,
}

/// Why a store could not do what it was asked.
#[derive(Debug)]
pub enum StoreError {
    /// The disk is full, or the directory cannot be written: what was to be kept is not.
    Full(BoxError),
    /// It ended.
    Closed,
    /// Anything else.
    Failed(BoxError),
}

impl StoreError {
    /// The same, for somebody else whom it concerns.
    fn again(&self) -> Self {
        match self {
            Self::Full(error) => Self::Full(error.to_string().into()),
            Self::Closed => Self::Closed,
            Self::Failed(error) => Self::Failed(error.to_string().into()),
        }
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(error) => write!(f, "the store cannot write: {error}"),
            Self::Closed => f.write_str("the store has ended"),
            Self::Failed(error) => write!(f, "the store failed: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Full(error) | Self::Failed(error) => Some(&**error),
            Self::Closed => None,
        }
    }
}
