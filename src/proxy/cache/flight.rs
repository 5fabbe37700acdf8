//! Request collapsing: of many requests for the same, one asks the upstream, and the others wait for what comes of it.
//! Whatever happens to the one who asks, those who wait hear of it: if he fails or leaves, the next one asks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, StatusCode};
use opentelemetry::trace::{SpanId, TraceId};
use tokio::sync::watch;

use super::{filling::Filling, object::Object};
use crate::rules::cache::Terms;

/// Requests in progress that others may wait for, of all workers.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<String, Flight>>);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// The name of the request that asks.
    pub(super) by: u128,
    /// What becomes of it.
    pub(super) landing: watch::Receiver<Landing>,
}

/// What became of the request that asked.
#[derive(Clone, Debug, Default)]
pub(super) enum Landing {
    /// Nothing yet.
    #[default]
    Asking,
    /// This response is stored.
    Stored(Arc<Object>),
    /// This response is on its way into the cache.
    Filling(Arc<OnItsWay>),
    /// Its answer is for itself only.
    Private,
    /// The upstream failed, and what is stale stood in.
    Unanswered,
    /// There is no answer.
    Failed,
}

/// A response on its way into the cache.
#[derive(Debug)]
pub(super) struct OnItsWay {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its header fields, as they will be stored.
    pub(super) headers: HeaderMap,
    /// What it was answered to, of the headers that it varies by.
    pub(super) vary: String,
    /// How long it may be used.
    pub(super) terms: Terms,
    /// Its body.
    pub(super) filling: Arc<Filling>,
    /// The span that asked for it.
    pub(super) filled_by: Option<(TraceId, SpanId)>,
    /// How many purges there had been when it was asked for.
    pub(super) since: u64,
}

/// The part of a request in a flight.
pub(super) enum Part {
    /// It asks.
    Leader(Leader),
    /// It waits.
    Follower(Flight),
}

/// Asks for others too. Dropped without a word it has failed.
#[derive(Debug)]
pub(super) struct Leader {
    flights: Arc<Flights>,
    name: String,
    landing: watch::Sender<Landing>,
}

impl Flights {
    /// Joins the flight of this name, or begins it as the request `by`.
    pub(super) fn join(self: &Arc<Self>, name: &str, by: u128) -> Part {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(name) {
            return Part::Follower(flight.clone());
        }
        let (told, landing) = watch::channel(Landing::Asking);
        flights.insert(name.to_owned(), Flight { by, landing });
        Part::Leader(Leader { flights: Arc::clone(self), name: name.to_owned(), landing: told })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Leader {
    /// Tells the others what they can have. Those who come later find it too, until this is dropped.
    pub(super) fn tell(&self, landing: Landing) {
        self.landing.send_replace(landing);
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        // First of all nobody joins any more.
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        self.landing.send_if_modified(|landing| {
            let is_open = matches!(landing, Landing::Asking);
            if is_open {
                *landing = Landing::Failed;
            }
            is_open
        });
    }
}
