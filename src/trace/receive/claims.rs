//! Which traces a session may add a browser's spans to, and how many. A browser makes trace ids of its own for later routes
//! of a page: the first session to use one owns it; one that others use already is nobody's to add to.

use std::sync::atomic::Ordering;

use opentelemetry::trace::TraceId;

use super::browser::Cleaned;
use crate::{
    clock,
    rules::session::{Identity, Session},
    trace::{
        requests::recent::Requests,
        sessions::Sessions,
        store::{Owner, StoreError},
    },
};

/// The most traces of one message.
const TRACES_MAX: usize = 8;

/// What claims are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'c> {
    /// Who owns a trace, and what sessions have used.
    pub sessions: &'c Sessions,
    /// Who has used one.
    pub requests: &'c Requests,
}

impl Claims<'_> {
    /// What is left of a message of a session's browser: spans of the trace `known`, and of others that belong to the
    /// session. The rest is rejected. Whose these traces are is kept with their spans.
    ///
    /// # Errors
    /// The store's.
    pub async fn own(
        &self,
        message: Cleaned,
        (session, whose): (&Session, &Identity),
        known: Option<TraceId>,
    ) -> Result<Cleaned, StoreError> {
        let mut own = Vec::new();
        for (trace, _) in message.traces.iter().take(TRACES_MAX) {
            if Some(*trace) == known || self.may_claim(session, *trace).await? {
                own.push(*trace);
            }
        }
        if let Some(store) = self.requests.store() {
            let owner = Owner { session: session.id, person: whose.name.as_str().into() };
            store.owners().remember(&own, owner);
        }
        Ok(message.only(|trace| own.contains(&trace)))
    }

    /// Whether a trace that the browser made belongs to its session: nobody else uses it.
    ///
    /// # Errors
    /// The store's.
    pub async fn may_claim(&self, session: &Session, trace: TraceId) -> Result<bool, StoreError> {
        if let Some(owner) = self.sessions.owner(trace) {
            return Ok(owner == session.id);
        }
        let requests = self.requests.of_trace(trace).await?;
        if requests.iter().any(|row| row.session != Some(session.id)) {
            return Ok(false);
        }
        // Spans that no request belongs to are an app's own.
        let is_free = !requests.is_empty()
            || match self.requests.store() {
                Some(store) => store.trace(trace).await?.is_empty(),
                None => true,
            };
        Ok(is_free && self.sessions.owns(session.id, trace))
    }

    /// Takes so many spans from what a person's session has left.
    ///
    /// # Errors
    /// There are not so many.
    pub fn spend(&self, session: &Session, whose: &Identity, spans: usize) -> Result<(), Spent> {
        let meter = self.sessions.meter(session, whose, clock::unix_seconds()).ok_or(Spent)?;
        let next = |used: u64| Some(used.saturating_add(spans as u64)).filter(|used| *used <= session.spans_max);
        meter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map(drop).map_err(|_| Spent)
    }
}

/// A session's spans are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent;
