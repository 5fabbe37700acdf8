//! [`Scope`] and [`Span`]: all that the stages of the request path ever see of tracing.
//!
//! Both are empty for a request that is not traced, and then cost a comparison and no memory.

use std::{borrow::Cow, rc::Rc, sync::Arc};

use http::StatusCode;
use opentelemetry::{
    KeyValue,
    trace::{SpanId, TraceFlags, TraceId},
};

use super::{
    attributes::{AttributeValue, Attributes},
    pace::Pace,
    record::{EventRecord, LinkRecord, Origin, Role, SpanRecord},
    recording::{Begin, Fate, Recording},
    stage::Stage,
};
use crate::{
    body::{Body, End, Watch},
    clock::{self, Instant},
    rules::{hex::Hex, trace_context::traceparent::Traceparent},
    service::Outcome,
};

/// The most events of one span.
const EVENTS_MAX: usize = 128;
/// A stream's finished spans are handed over this often, in nanoseconds.
const FLUSH_EVERY_NANOS: u64 = 1_000_000_000;

/// Where new spans of a request hang. Off carries nothing.
#[derive(Clone, Debug, Default)]
pub struct Scope(Option<Active>);

#[derive(Clone, Debug)]
struct Active {
    recording: Rc<Recording>,
    parent: SpanId,
}

impl Scope {
    /// The scope of a request that is not traced.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Whether spans are recorded here.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The trace recorded into.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.0.as_ref().map(|active| active.recording.trace_id())
    }

    /// The flags that go with the trace id.
    pub fn flags(&self) -> TraceFlags {
        self.0.as_ref().map_or(TraceFlags::NOT_SAMPLED, |active| active.recording.flags())
    }

    /// The span that new ones hang under here.
    pub fn context(&self) -> Option<Traceparent> {
        let active = self.0.as_ref()?;
        Some(Traceparent { trace_id: active.recording.trace_id(), span_id: active.parent, flags: self.flags() })
    }

    /// Hands over what is finished, though the request goes on.
    pub fn flush(&self) {
        if let Some(active) = &self.0 {
            active.recording.flush();
        }
    }

    /// Holds all spans back until [`Self::keep`] or [`Self::forget`].
    pub fn hold(&self) {
        self.decide(Fate::Undecided);
    }

    /// Hands over spans that were held back, now and from now on.
    pub fn keep(&self) {
        self.decide(Fate::Sent);
    }

    /// Forgets all spans that were held back, and those that still come.
    pub fn forget(&self) {
        self.decide(Fate::Forgotten);
    }

    fn decide(&self, fate: Fate) {
        if let Some(active) = &self.0 {
            active.recording.decide(fate);
        }
    }

    /// Opens a span here, now.
    pub fn span(&self, stage: Stage) -> Span {
        match &self.0 {
            None => Span(None),
            Some(active) => Span::open(active, stage, clock::now(), Origin::Local),
        }
    }

    /// Opens a span that began earlier.
    pub fn span_from(&self, stage: Stage, start: Instant) -> Span {
        match &self.0 {
            None => Span(None),
            Some(active) => Span::open(active, stage, start, Origin::Local),
        }
    }
}

/// One span while it is open. It ends when it is dropped.
#[must_use = "a span ends when it is dropped"]
#[derive(Debug, Default)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    recording: Rc<Recording>,
    record: SpanRecord,
    end: Option<Instant>,
}

impl Span {
    /// A span of a request that is not traced.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Begins to record a request: its root span, hanging under `parent` where the request came with one.
    pub fn root(begin: Begin, parent: Option<SpanId>, start: Instant) -> Self {
        let origin = if parent.is_some() { Origin::Remote } else { Origin::Local };
        let active = Active { recording: Recording::new(begin), parent: parent.unwrap_or(SpanId::INVALID) };
        Self::open(&active, Stage::Request, start, origin)
    }

    fn open(active: &Active, stage: Stage, start: Instant, parent_origin: Origin) -> Self {
        let Some(span_id) = active.recording.open() else { return Self(None) };
        let record = SpanRecord {
            trace_id: active.recording.trace_id(),
            span_id,
            parent: active.parent,
            parent_origin,
            flags: active.recording.flags(),
            stage,
            role: Role::Part,
            name: None,
            start,
            end: start,
            error: None,
            attributes: Attributes::with_room(room(stage)),
            events: Vec::new(),
            links: Vec::new(),
        };
        Self(Some(Box::new(Open { recording: Rc::clone(&active.recording), record, end: None })))
    }

    /// Hangs this span under one of another process, which is known only now.
    pub fn hang_under(&mut self, parent: SpanId) {
        if let Some(open) = &mut self.0 {
            (open.record.parent, open.record.parent_origin) = (parent, Origin::Remote);
        }
    }

    /// Whether this span is recorded.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// This span's id.
    pub fn id(&self) -> Option<SpanId> {
        self.0.as_ref().map(|open| open.record.span_id)
    }

    /// The scope in which spans hang under this one.
    pub fn scope(&self) -> Scope {
        Scope(self.0.as_ref().map(|open| Active { recording: Rc::clone(&open.recording), parent: open.record.span_id }))
    }

    /// Sets an attribute; `value` is only computed when the span is recorded. A later value replaces an earlier one.
    #[inline(always)]
    pub fn set<V: AttributeValue>(&mut self, key: &str, value: impl FnOnce() -> V) {
        if let Some(open) = &mut self.0 {
            open.record.attributes.set(key, value());
        }
    }

    /// Sets attributes that were written before; `others` is only asked for when the span is recorded.
    pub fn set_all<'a>(&mut self, others: impl FnOnce() -> &'a Attributes) {
        if let Some(open) = &mut self.0 {
            open.record.attributes.set_all(others());
        }
    }

    /// Says which request this is the root span of, and why that is recorded: attribute `waylight.trigger` is still to set.
    pub fn tell_request(&mut self, request: u128, trigger: &'static str) {
        if let Some(open) = &mut self.0 {
            open.record.role = Role::Root { request, trigger };
        }
        self.set("waylight.request_id", || Hex(request.to_be_bytes()));
    }

    /// The upstream answered: from now on spans of the app behind it are awaited.
    pub fn answered_by(&mut self, upstream: &Arc<str>) {
        if let Some(open) = &mut self.0 {
            open.record.role = Role::Answered(Arc::clone(upstream));
        }
    }

    /// Gives the span a name of its own.
    pub fn rename<N: Into<Cow<'static, str>>>(&mut self, name: impl FnOnce() -> N) {
        if let Some(open) = &mut self.0 {
            open.record.name = Some(name().into());
        }
    }

    /// Records that something happened, now.
    pub fn event(&mut self, name: impl Into<Cow<'static, str>>, attributes: impl FnOnce() -> Vec<KeyValue>) {
        self.event_at(name, clock::now(), attributes);
    }

    /// Records that something happened at `time`.
    pub fn event_at(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        time: Instant,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) {
        let Some(open) = &mut self.0 else { return };
        if open.record.events.len() < EVENTS_MAX {
            open.record.events.push(EventRecord { name: name.into(), time, attributes: attributes() });
        }
    }

    /// Links another trace's span, with the reason.
    pub fn link(&mut self, trace_id: TraceId, span_id: SpanId, reason: &'static str) {
        if let Some(open) = &mut self.0 {
            let attributes = vec![KeyValue::new("waylight.link.reason", reason)];
            open.record.links.push(LinkRecord { trace_id, span_id, attributes });
        }
    }

    /// Marks the span as failed: `error_type` is the low-cardinality word of the OpenTelemetry conventions.
    pub fn fail(&mut self, error_type: impl AttributeValue, message: impl FnOnce() -> String) {
        if self.0.is_none() {
            return;
        }
        self.set("error.type", || error_type);
        if let Some(open) = &mut self.0 {
            open.record.error = Some(Cow::Owned(message()));
        }
    }

    /// Records the status or the error of what the span was about, as [`Self::status`] does.
    pub fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(response) => self.status(response.status()),
            Err(error) => self.fail(error.kind.token(), || error.to_string()),
        }
    }

    /// Records the status of what the span was about. A `SERVER` span fails at 5xx, a `CLIENT` span at 4xx too
    /// (OpenTelemetry semantic conventions, HTTP spans).
    pub fn status(&mut self, status: StatusCode) {
        let Some(open) = &self.0 else { return };
        let fails_from = if open.record.stage == Stage::UpstreamRequest { 400 } else { 500 };
        let status = status.as_u16();
        self.set("http.response.status_code", || i64::from(status));
        if status >= fails_from {
            self.fail(status.to_string(), String::new);
        }
    }

    /// Fixes the moment of the end, for a span that is dropped later.
    pub fn ended_at(&mut self, end: Instant) {
        if let Some(open) = &mut self.0 {
            open.end = Some(end);
        }
    }

    /// Ends the span with `body`: when its last frame was taken, when it failed, or when its taker went away.
    pub fn end_with(self, body: Body) -> Body {
        let Some(open) = &self.0 else { return body };
        let is_upstream = open.record.stage == Stage::UpstreamRequest;
        let flushed = body.is_streamed().then(clock::now);
        let (body, pace) = if is_upstream { Pace::of(body) } else { (body, None) };
        body.watched(Rc::new(BodySpan {
            pace,
            octets: std::cell::Cell::new(0),
            flushed: std::cell::Cell::new(flushed),
            span: std::cell::RefCell::new(self),
        }))
    }
}

/// Room for the attributes of most spans of a stage, in octets.
fn room(stage: Stage) -> usize {
    match stage {
        Stage::Request => 768,
        Stage::UpstreamRequest => 640,
        _ => 160,
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let Open { recording, mut record, end } = *open;
        record.end = end.unwrap_or_else(clock::now).max(record.start);
        recording.finish(record);
    }
}

/// A span that lives as long as a body.
struct BodySpan {
    /// Of what an upstream sends.
    pace: Option<Rc<Pace>>,
    octets: std::cell::Cell<u64>,
    /// Of what streams: when finished spans were handed over last.
    flushed: std::cell::Cell<Option<Instant>>,
    span: std::cell::RefCell<Span>,
}

impl Watch for BodySpan {
    fn data(&self, octets: usize) {
        self.octets.set(self.octets.get() + octets as u64);
        let Some(flushed) = self.flushed.get() else { return };
        // A long stream's finished spans must not wait for its end.
        let now = clock::now();
        if now.nanos() - flushed.nanos() > FLUSH_EVERY_NANOS {
            self.flushed.set(Some(now));
            if let Some(open) = &self.span.borrow().0 {
                open.recording.flush();
            }
        }
    }

    fn end(&self, end: End) {
        let mut span = std::mem::take(&mut *self.span.borrow_mut());
        span.set("http.response.body.size", || i64::try_from(self.octets.get()).unwrap_or(i64::MAX));
        if let Some(pace) = &self.pace {
            let micros = |nanos: u64| move || i64::try_from(nanos / 1_000).unwrap_or(i64::MAX);
            span.set("waylight.body.pieces", || i64::try_from(pace.pieces.get()).unwrap_or(i64::MAX));
            span.set("waylight.body.upstream_us", micros(pace.giver.get()));
            span.set("waylight.body.stall_us", micros(pace.stall.get()));
            span.set("waylight.body.client_us", micros(pace.taker.get()));
        }
        match end {
            End::Complete => {}
            End::Failed => span.fail("http_response_incomplete", || "the response ended early".to_owned()),
            End::Dropped => span.fail("client_disconnected", || "the client went away".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
