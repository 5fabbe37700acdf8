//! How endpoints fare, counted by all workers: what people are told, and nothing is decided by. An answer is an answer,
//! whatever its status; a client that went away says nothing of an endpoint.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{clock, config::model::Endpoint, error::ErrorType, proxy::balance::describe, rules::balance::Fared};

/// How all endpoints fare that are configured now.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<(String, String), Weak<Tally>>>);

/// One endpoint's counts.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Tally {
    attempts: AtomicU64,
    failed: AtomicU64,
    failed_in_a_row: AtomicU64,
    last_failure: Mutex<Option<(u64, &'static str)>>,
}

impl Health {
    /// The counts of an upstream's endpoints, in order. Whoever asks again is given the same, as long as somebody has them.
    pub(in crate::proxy) fn of(&self, upstream: &str, endpoints: &[Endpoint]) -> Box<[Arc<Tally>]> {
        let mut known = lock(&self.0);
        known.retain(|_, tally| tally.strong_count() > 0);
        let tally = |endpoint: &Endpoint| {
            let place = if endpoint.port == 0 { String::new() } else { describe::origin(endpoint).into() };
            let entry = known.entry((upstream.to_owned(), place)).or_default();
            entry.upgrade().unwrap_or_else(|| {
                let fresh = Arc::default();
                *entry = Arc::downgrade(&fresh);
                fresh
            })
        };
        endpoints.iter().map(tally).collect()
    }

    /// How they fared, by upstream and place.
    pub fn fared(&self) -> Vec<Fared> {
        let known = lock(&self.0);
        let fared = known.iter().filter_map(|((upstream, endpoint), tally)| {
            let tally = tally.upgrade()?;
            Some(Fared {
                upstream: upstream.clone(),
                endpoint: endpoint.clone(),
                attempts: tally.attempts.load(Relaxed),
                failed: tally.failed.load(Relaxed),
                failed_in_a_row: tally.failed_in_a_row.load(Relaxed),
                last_failure: *lock(&tally.last_failure),
            })
        });
        fared.collect()
    }
}

impl Tally {
    /// There was an answer.
    pub(super) fn answered(&self) {
        self.attempts.fetch_add(1, Relaxed);
        if self.failed_in_a_row.load(Relaxed) > 0 {
            self.failed_in_a_row.store(0, Relaxed);
        }
    }

    /// There was none.
    pub(super) fn failed(&self, kind: ErrorType) {
        self.attempts.fetch_add(1, Relaxed);
        self.failed.fetch_add(1, Relaxed);
        self.failed_in_a_row.fetch_add(1, Relaxed);
        *lock(&self.last_failure) = Some((clock::unix_seconds(), kind.token()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
