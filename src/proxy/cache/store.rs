//! What all workers share of the cache: what is stored, who is asking for what, and what was found not to be storable.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use quick_cache::sync::Cache;
use tokio::time::timeout;

use super::{
    disk::{Disk, READ_TIMEOUT},
    flight::{Flights, Landing, Part},
    memory::{self, Memory},
    object::{self, Object},
};
use crate::{
    clock,
    config::model,
    rules::cache::{Why, key},
    trace::counters::Counters,
};

/// How many keys are remembered whose responses were not stored.
const REFUSALS_MAX: usize = 16_384;
/// How long others do not wait for a response under a key whose last one was not for them, in milliseconds.
const REFUSAL_MILLIS: u64 = 10_000;
/// So many purges are remembered for what was asked for before them.
const PURGES_MAX: usize = 64;

/// The cache of the process.
#[derive(Debug)]
pub struct CacheStore {
    pub(super) memory: Memory,
    pub(super) flights: Arc<Flights>,
    refusals: Cache<u64, Refusal>,
    purges: Mutex<Purges>,
    disk: Option<Arc<Disk>>,
}

/// The latest purges: what was asked for before one of them, and is meant by it, must not be stored after it.
#[derive(Debug, Default)]
struct Purges {
    count: u64,
    latest: VecDeque<Purge>,
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

impl Purge {
    pub(super) fn means(&self, object: &Object) -> bool {
        match self {
            Self::All => true,
            Self::Url(url) => object.url() == url,
            Self::Prefix(prefix) => object.url().starts_with(prefix.as_str()),
            Self::Tag(tag) => object.is_named(object::name(None, tag)),
            Self::Groups(origin, groups) => {
                groups.iter().any(|group| object.is_named(object::name(Some(origin), group)))
            }
        }
    }
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
    ///
    /// # Errors
    /// The disk tier's directory cannot be used, or another process uses it.
    pub fn new(wish: &model::Cache, counters: &Arc<Counters>) -> io::Result<Self> {
        let disk = wish.disk.as_ref().map(|wish| Disk::open(wish, Arc::clone(counters))).transpose()?;
        Ok(Self {
            memory: Memory::new(wish.memory_max),
            flights: Arc::default(),
            refusals: Cache::new(REFUSALS_MAX),
            purges: Mutex::default(),
            disk: disk.map(Arc::new),
        })
    }

    /// Takes over new settings.
    pub fn apply(&self, wish: &model::Cache) {
        self.memory.resize(wish.memory_max);
    }

    /// How many URLs there are in memory, and what they take in octets.
    pub fn size(&self) -> (usize, u64) {
        self.memory.size()
    }

    /// How many files there are on disk, and how many octets they have; `None` without a disk tier.
    pub fn disk_size(&self) -> Option<(usize, u64)> {
        self.disk.as_ref().map(|disk| disk.size())
    }

    /// Reads what is on disk for a key's URL. Blocks.
    pub(super) fn on_disk(&self, key: &str) -> Vec<Object> {
        self.disk.as_ref().map_or_else(Vec::new, |disk| disk.read(key))
    }

    /// Stores a response. Gives back what is stored now: a part may have become larger.
    pub(super) fn put(&self, object: Object) -> Arc<Object> {
        let object = self.memory.put(object);
        if let Some(disk) = &self.disk {
            disk.put(&object);
        }
        object
    }

    /// Forgets one response.
    pub(super) fn forget(&self, object: &Arc<Object>) {
        self.memory.remove_object(object);
        if let Some(disk) = &self.disk {
            disk.forget(object);
        }
    }

    /// Brings what is on disk for a key's URL into memory; whether there was anything.
    pub(super) async fn promote(&self, key: &str) -> bool {
        let Some(disk) = self.disk.as_ref().filter(|disk| disk.has(key)) else { return false };
        match self.flights.join(&format!("disk\0{}", key::url(key))) {
            Part::Leader(leader) => {
                let (disk, url) = (Arc::clone(disk), key::url(key).to_owned());
                let reading = tokio::task::spawn_blocking(move || disk.read(&url));
                // A slow disk is as good as none: the upstream is asked.
                if let Ok(Ok(objects)) = timeout(READ_TIMEOUT, reading).await {
                    objects.into_iter().for_each(|object| self.memory.put_beside(object));
                }
                drop(leader);
            }
            Part::Follower(mut flight) => {
                let read = flight.wait_for(|landing| !matches!(landing, Landing::Asking));
                drop(timeout(READ_TIMEOUT, read).await);
            }
        }
        true
    }

    /// How many requests ask the upstream for others too.
    pub fn flights(&self) -> usize {
        self.flights.count()
    }

    /// Purges, and gives back how many responses were meant.
    pub fn purge(&self, what: &Purge, how: How) -> usize {
        self.note(what);
        if let Some(disk) = &self.disk {
            disk.purge(what, how);
        }
        let softly = (how == How::Soft).then(now);
        match what {
            Purge::Url(url) => self.memory.purge_url(url, softly),
            _ => self.memory.purge(softly, |object| what.means(object)),
        }
    }

    fn note(&self, what: &Purge) {
        let mut purges = self.purges.lock().unwrap_or_else(PoisonError::into_inner);
        purges.count += 1;
        if purges.latest.len() == PURGES_MAX {
            purges.latest.pop_front();
        }
        purges.latest.push_back(what.clone());
    }

    /// How many purges there have been.
    pub(super) fn purges(&self) -> u64 {
        self.purges.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Whether `object` was purged after the first `since` purges.
    pub(super) fn is_outdated(&self, object: &Object, since: u64) -> bool {
        let purges = self.purges.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = purges.count - since;
        let known = purges.latest.iter().rev().zip(0..missed);
        // What is not remembered any more may have meant it.
        missed > purges.latest.len() as u64 || known.map(|(purge, _)| purge).any(|purge| purge.means(object))
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
