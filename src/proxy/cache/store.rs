//! What all workers share of the cache: what is stored, who is asking for what, and what was found not to be storable.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::{
    flight::Flights,
    memory::{self, Memory},
    object,
};
use crate::{clock, config::model, rules::cache::Why};

/// How many keys are remembered whose responses were not stored.
const REFUSALS_MAX: usize = 16_384;
/// How long others do not wait for a response under a key whose last one was not for them, in milliseconds.
const REFUSAL_MILLIS: u64 = 10_000;

/// The cache of the process.
#[derive(Debug)]
pub struct CacheStore {
    pub(super) memory: Memory,
    pub(super) flights: Arc<Flights>,
    refusals: Cache<u64, Refusal>,
}

/// A response that was not stored.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Why.
    pub(super) why: Why,
    /// When, in milliseconds since the Unix epoch.
    pub(super) at: u64,
}

/// What is purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Everything.
    All,
    /// This URL, with all of its variants and key parts.
    Url(String),
    /// Every URL that begins so.
    Prefix(String),
    /// Whatever has this tag.
    Tag(String),
    /// Whatever of this origin has one of these groups, RFC 9875.
    Groups(String, Vec<String>),
}

/// Whether what is purged may still be validated, and answer where a stale response may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is gone.
    Hard,
    /// It is stale from now on.
    Soft,
}

impl CacheStore {
    /// A cache as `wish` has it.
    pub fn new(wish: &model::Cache) -> Self {
        Self { memory: Memory::new(wish.memory_max), flights: Arc::default(), refusals: Cache::new(REFUSALS_MAX) }
    }

    /// Takes over new settings.
    pub fn apply(&self, wish: &model::Cache) {
        self.memory.resize(wish.memory_max);
    }

    /// How many URLs there are in memory, and what they take in octets.
    pub fn size(&self) -> (usize, u64) {
        self.memory.size()
    }

    /// How many requests ask the upstream for others too.
    pub fn flights(&self) -> usize {
        self.flights.count()
    }

    /// Purges, and gives back how many responses were meant.
    pub fn purge(&self, what: &Purge, how: How) -> usize {
        let softly = (how == How::Soft).then(now);
        match what {
            Purge::All => self.memory.purge(softly, |_| true),
            Purge::Url(url) => self.memory.purge_url(url, softly),
            Purge::Prefix(prefix) => self.memory.purge(softly, |object| object.url().starts_with(prefix.as_str())),
            Purge::Tag(tag) => {
                let name = object::name(None, tag);
                self.memory.purge(softly, |object| object.is_named(name))
            }
            Purge::Groups(origin, groups) => {
                let names: Vec<u64> = groups.iter().map(|group| object::name(Some(origin), group)).collect();
                self.memory.purge(softly, |object| names.iter().any(|name| object.is_named(*name)))
            }
        }
    }

    /// Remembers that a response was not stored.
    pub(super) fn refuse(&self, key: &str, why: Why) {
        self.refusals.insert(memory::hash(key), Refusal { why, at: now() });
    }

    /// Forgets that, since one was.
    pub(super) fn accept(&self, key: &str) {
        self.refusals.remove(&memory::hash(key));
    }

    /// The last response under this URL that was not stored.
    pub(super) fn refusal(&self, url: &str) -> Option<Refusal> {
        self.refusals.get(&memory::hash(url))
    }

    /// Whether the last response under this key was for its own request only, a moment ago.
    pub(super) fn is_refused(&self, key: &str) -> bool {
        self.refusals.get(&memory::hash(key)).is_some_and(|refusal| refusal.at + REFUSAL_MILLIS > now())
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    clock::now().unix_nanos() / 1_000_000
}
