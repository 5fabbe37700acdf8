//! One finished span, as it leaves the request's thread. Encoding happens in the background (`collector.rs`).

use std::{borrow::Cow, sync::Arc};

use opentelemetry::{
    KeyValue,
    trace::{SpanId, TraceFlags, TraceId},
};

use super::{attributes::Attributes, stage::Stage};
use crate::clock::Instant;

/// A finished span.
#[derive(Clone, Debug)]
pub struct SpanRecord {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span it hangs under; `SpanId::INVALID` for a root.
    pub parent: SpanId,
    /// Whether the parent lives in another process.
    pub parent_origin: Origin,
    /// W3C trace flags, as handed on.
    pub flags: TraceFlags,
    /// What it is about.
    pub stage: Stage,
    /// What it is to the collector.
    pub role: Role,
    /// Its name, where it differs from the stage's.
    pub name: Option<Cow<'static, str>>,
    /// When it began.
    pub start: Instant,
    /// When it ended.
    pub end: Instant,
    /// Whether it failed: the message may be empty.
    pub error: Option<Cow<'static, str>>,
    /// What is known about it.
    pub attributes: Attributes,
    /// What happened during it.
    pub events: Vec<EventRecord>,
    /// Spans of other traces it has to do with.
    pub links: Vec<LinkRecord>,
}

/// What the collector knows of a span without looking through its attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    #[default]
    Part,
    /// The root of this request.
    Root {
        /// The request's name.
        request: u128,
        /// Why it is recorded.
        trigger: &'static str,
    },
    /// An attempt that this upstream answered: spans of the app behind it may come.
    Answered(Arc<str>),
}

/// Where a parent span was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In this process.
    Local,
    /// In another process; it came with the request.
    Remote,
}

/// Something that happened at one moment of a span.
#[derive(Clone, Debug)]
pub struct EventRecord {
    /// What happened.
    pub name: Cow<'static, str>,
    /// When.
    pub time: Instant,
    /// What is known about it.
    pub attributes: Vec<KeyValue>,
}

/// A span of another trace.
#[derive(Clone, Debug)]
pub struct LinkRecord {
    /// The other trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// Why it is linked.
    pub attributes: Vec<KeyValue>,
}
