//! Traces of requests that nobody traced, made afterwards from what their record tells: a root and its phases. By a click,
//! or by a rule when the request ends.
//!
//! What rules keep has a budget of its own: an outsider can cause errors, and must not spend the quota with them.

use std::sync::Arc;

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use super::{
    entry::Entry,
    recent::Requests,
    row::{Moment, RequestRow},
};
use crate::{
    clock::{self, Instant},
    rules::{
        hex::Hex,
        keep::{Facts, Keep},
    },
    trace::{
        attributes::Attributes,
        counters::Counters,
        ids,
        live::{Event, Hub, Patch},
        outbox::Outbox,
        record::{Origin, Role, SpanRecord},
        sessions::Budget,
        stage::Stage,
        store::StoreError,
    },
};

/// Why a trace of a request that was kept afterwards is there.
pub const TRIGGER: &str = "kept";

/// What rules may keep.
#[derive(Clone, Debug)]
pub struct KeepRules {
    /// The rules; one of them must hold.
    pub rules: Arc<[Keep]>,
    /// The spans that they may record, shared with tail mode.
    pub budget: Arc<Budget>,
}

impl KeepRules {
    /// Whether a request with these facts is kept, as far as the rules go.
    pub fn keep(&self, facts: &Facts<'_>) -> bool {
        self.rules.iter().any(|rule| rule.keeps(facts))
    }
}

/// Makes traces afterwards.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// Where requests are.
    pub requests: Requests,
    /// Where it is told.
    pub hub: Arc<Hub>,
    /// Where the spans go.
    pub outbox: Outbox,
    /// What is counted.
    pub counters: Arc<Counters>,
}

impl Keeper {
    /// Keeps a recent request by a click: gives back its trace, which may have been there already; `None` if the request is
    /// not remembered any more.
    ///
    /// # Errors
    /// The store's.
    pub async fn keep(&self, id: u128) -> Result<Option<TraceId>, StoreError> {
        // Times of an earlier process mean nothing to this one's clock: only what is in the ring is recent.
        let ring = self.requests.ring();
        let Some(place) = ring.find(id) else { return Ok(None) };
        let Some((row, _)) = ring.get(place) else { return Ok(None) };
        let trace = ids::trace_id();
        let known = ring.trace(place, (trace, TRIGGER));
        if known != Some(trace) {
            return Ok(known);
        }
        self.outbox.send(spans(&row, trace));
        let patch = Patch { id, page: None, trace: Some((trace, TRIGGER.into())) };
        self.requests.patch(Some(place), &patch).await?;
        self.hub.publish(|| Event::RequestPatch(patch));
        Ok(Some(trace))
    }

    /// Keeps an ended request, if a rule holds for it and its budget is not spent.
    pub(super) fn keep_by_rule(&self, entry: &Entry<'_>, rules: &KeepRules) -> Option<TraceId> {
        if entry.trace.is_some() || !rules.keep(&entry.facts()) {
            return None;
        }
        let now = clock::unix_seconds();
        if !rules.budget.admits(now) {
            self.counters.traces_refused_quota.one();
            return None;
        }
        if rules.budget.spans_left(now) == 0 {
            self.counters.traces_refused_budget.one();
            return None;
        }
        let row = entry.row();
        let spans = spans(&row, ids::trace_id());
        rules.budget.spend(spans.len() as u64);
        let trace = spans.first().map(|span| span.trace_id);
        self.outbox.send(spans);
        self.counters.requests_kept.one();
        trace
    }
}

/// The coarse trace of a request: its root first.
fn spans(row: &RequestRow, trace: TraceId) -> Vec<SpanRecord> {
    let at = |nanos: u64| Instant::from_unix_nanos(row.start.saturating_add(nanos));
    let moment = |name| row.moments.iter().find(|(known, _)| *known == name).map(|(_, nanos)| *nanos);
    let mut root = span(trace, Stage::Request, at(0), at(row.duration));
    root.name = Some(format!("{} {}", row.method, row.route).trim_end().to_owned().into());
    root.role = Role::Root { request: row.id, trigger: TRIGGER };
    root.attributes = attributes(row);
    if !row.error.is_empty() || row.status >= 500 {
        root.error = Some("".into());
    }
    let mut spans = vec![root];
    let mut child = |stage, from: Option<u64>, to: Option<u64>| {
        if let (Some(from), Some(to)) = (from, to) {
            let mut child = span(trace, stage, at(from), at(to));
            child.parent = spans[0].span_id;
            if stage == Stage::UpstreamRequest {
                child.attributes.set("waylight.upstream", &*row.upstream);
            }
            spans.push(child);
        }
    };
    child(Stage::Route, Some(0), moment(Moment::Routed));
    child(Stage::UpstreamWait, moment(Moment::Chosen), moment(Moment::Connected));
    child(Stage::UpstreamRequest, moment(Moment::Connected), Some(row.duration));
    spans
}

fn attributes(row: &RequestRow) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.set("waylight.trigger", TRIGGER);
    attributes.set("waylight.request_id", Hex(row.id.to_be_bytes()));
    attributes.set("http.response.body.size", i64::try_from(row.bytes).unwrap_or(i64::MAX));
    attributes.set("url.scheme", row.scheme);
    attributes.set("network.protocol.version", row.version);
    let texts = [
        ("http.request.method", &row.method),
        ("url.path", &row.path),
        ("url.query", &row.query),
        ("server.address", &row.host),
        ("client.address", &row.client),
        ("http.route", &row.route),
        ("waylight.upstream", &row.upstream),
        ("error.type", &row.error),
    ];
    for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        attributes.set(key, &**text);
    }
    if row.status > 0 {
        attributes.set("http.response.status_code", i64::from(row.status));
    }
    attributes
}

fn span(trace_id: TraceId, stage: Stage, start: Instant, end: Instant) -> SpanRecord {
    SpanRecord {
        trace_id,
        span_id: ids::span_id(),
        parent: SpanId::INVALID,
        parent_origin: Origin::Local,
        flags: TraceFlags::SAMPLED,
        stage,
        role: Role::Part,
        name: None,
        start,
        end: end.max(start),
        error: None,
        attributes: Attributes::default(),
        events: Vec::new(),
        links: Vec::new(),
    }
}
