//! What the process remembers of sessions: spans they have used, what was revoked, which one-time tokens were used, and
//! to which session a trace id belongs. Shared by all workers; no entry is held across an await.
//!
//! Tokens carry their own truth (`rules::session`); here is only what they cannot know. Revocations and used nonces
//! outlive the process through a [`Journal`].

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use dashmap::DashMap;
use opentelemetry::trace::TraceId;

use super::counters::Counter;
use crate::{
    error::BoxError,
    rules::session::{Id, Session},
};

/// Where revocations and used nonces are written before they count.
pub trait Journal: Send + Sync {
    /// Writes one entry durably.
    ///
    /// # Errors
    /// It could not be written; what it says does not count then.
    fn append(&self, entry: Entry) -> Result<(), BoxError>;
}

/// Something that must not be forgotten before its expiry, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What kind it is.
    pub kind: EntryKind,
    /// The nonce, session or identity.
    pub id: Id,
    /// When it may be forgotten.
    pub expiry: u64,
}

/// What kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A one-time token was used.
    Used,
    /// A session or an identity no longer counts.
    Revoked,
}

/// A journal that forgets: for tests, and where nothing must be kept.
#[derive(Clone, Copy, Debug)]
pub struct Ephemeral;

impl Journal for Ephemeral {
    fn append(&self, _: Entry) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What the process remembers of sessions.
pub struct Sessions {
    entries_max: usize,
    journal: Box<dyn Journal>,
    entries: DashMap<(EntryKind, Id), u64>,
    meters: DashMap<Id, Meter>,
    owners: Mutex<Recent<TraceId, Id>>,
    /// Entries that could not be remembered because there were too many.
    pub refused: Counter,
}

#[derive(Debug)]
struct Meter {
    spans: Arc<AtomicU64>,
    expiry: u64,
}

impl Sessions {
    /// Remembers at most `entries_max` of each kind; begins with what `entries` tells of an earlier process.
    pub fn new(entries_max: usize, journal: Box<dyn Journal>, entries: impl IntoIterator<Item = Entry>) -> Self {
        Self {
            entries_max,
            journal,
            entries: entries.into_iter().map(|entry| ((entry.kind, entry.id), entry.expiry)).collect(),
            meters: DashMap::new(),
            owners: Mutex::new(Recent::new(entries_max)),
            refused: Counter::default(),
        }
    }

    /// Uses a one-time token: true for the first who asks, false for everybody after.
    ///
    /// # Errors
    /// It could not be written down, or too many are remembered: then it does not count as used by anybody.
    pub fn use_once(&self, nonce: Id, expiry: u64, now: u64) -> Result<bool, BoxError> {
        self.remember(Entry { kind: EntryKind::Used, id: nonce, expiry }, now)
    }

    /// From now on a session or an identity does not count.
    ///
    /// # Errors
    /// It could not be written down, or too many are remembered.
    pub fn revoke(&self, id: Id, expiry: u64, now: u64) -> Result<(), BoxError> {
        self.remember(Entry { kind: EntryKind::Revoked, id, expiry }, now).map(drop)
    }

    /// Whether a session or an identity was revoked.
    pub fn is_revoked(&self, id: Id) -> bool {
        self.entries.contains_key(&(EntryKind::Revoked, id))
    }

    /// The spans that a session has used: its meter, which recordings advance.
    pub fn meter(&self, session: &Session, now: u64) -> Option<Arc<AtomicU64>> {
        if let Some(meter) = self.meters.get(&session.id) {
            return Some(Arc::clone(&meter.spans));
        }
        if self.meters.len() >= self.entries_max {
            self.meters.retain(|_, meter| meter.expiry > now);
            if self.meters.len() >= self.entries_max {
                self.refused.one();
                return None;
            }
        }
        let meter =
            self.meters.entry(session.id).or_insert_with(|| Meter { spans: Arc::default(), expiry: session.expiry });
        Some(Arc::clone(&meter.spans))
    }

    /// The spans that a session has used so far.
    pub fn spans_used(&self, session: Id) -> u64 {
        self.meters.get(&session).map_or(0, |meter| meter.spans.load(Ordering::Relaxed))
    }

    /// Whether a trace id belongs to `session`: the first to use it owns it.
    pub fn owns(&self, session: Id, trace_id: TraceId) -> bool {
        // Poisoned by a panic elsewhere, the map is still whole: it is changed by single inserts only.
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        *owners.get_or_insert(trace_id, session) == session
    }

    fn remember(&self, entry: Entry, now: u64) -> Result<bool, BoxError> {
        if self.entries.len() >= self.entries_max {
            self.entries.retain(|_, expiry| *expiry > now);
            if self.entries.len() >= self.entries_max {
                self.refused.one();
                return Err("limits.sessions_max entries are remembered".into());
            }
        }
        // The entry is held while it is written, so that of two who ask at once one is the first.
        match self.entries.entry((entry.kind, entry.id)) {
            dashmap::Entry::Occupied(_) => Ok(false),
            dashmap::Entry::Vacant(vacant) => {
                self.journal.append(entry)?;
                drop(vacant.insert(entry.expiry));
                Ok(true)
            }
        }
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("entries_max", &self.entries_max).finish_non_exhaustive()
    }
}

/// The entries used last, at most so many, in two generations: when the younger is half full, the elder is forgotten.
struct Recent<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Copy, V: Copy> Recent<K, V> {
    fn new(max: usize) -> Self {
        Self { half: (max / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    fn get_or_insert(&mut self, key: K, value: V) -> &V {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let known = self.old.remove(&key).unwrap_or(value);
        self.young.entry(key).or_insert(known)
    }
}

/// Spans that a ratio or a rule may record in a minute; shared by all workers.
#[derive(Debug)]
pub struct Budget {
    spans_per_minute_max: u64,
    minute: AtomicU64,
    spans: Arc<AtomicU64>,
}

impl Budget {
    /// A budget of so many spans a minute.
    pub fn new(spans_per_minute_max: u64) -> Self {
        Self { spans_per_minute_max, minute: AtomicU64::new(0), spans: Arc::default() }
    }

    /// Spans left in the minute of `now`, in seconds since the Unix epoch.
    pub fn spans_left(&self, now: u64) -> u64 {
        let minute = now / 60;
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.spans.store(0, Ordering::Relaxed);
        }
        self.spans_per_minute_max.saturating_sub(self.spans.load(Ordering::Relaxed))
    }

    /// What recordings advance.
    pub fn meter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.spans)
    }
}

#[cfg(test)]
mod tests;
