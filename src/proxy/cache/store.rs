//! What all workers share of the cache: what is stored, who is asking for what, and what was found not to be storable.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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
    /// What bodies on their way into the cache take now, in octets.
    coming: AtomicU64,
    /// The most that they may.
    coming_max: AtomicU64,
    counters: Arc<Counters>,
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
        self.means_one(object.url(), |name| object.is_named(name))
    }

    /// Whether it means a response at this URL that has certain tags and groups.
    pub(super) fn means_one(&self, at: &str, is_named: impl Fn(u64) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::Url(url) => at == url,
            Self::Prefix(prefix) => at.starts_with(prefix.as_str()),
            Self::Tag(tag) => is_named(object::name(None, tag)),
            Self::Groups(origin, groups) => groups.iter().any(|group| is_named(object::name(Some(origin), group))),
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
            coming: AtomicU64::new(0),
            coming_max: AtomicU64::new(coming_max(wish)),
            counters: Arc::clone(counters),
        })
    }

    /// Takes over new settings.
    pub fn apply(&self, wish: &model::Cache) {
        self.memory.resize(wish.memory_max);
        self.coming_max.store(coming_max(wish), Ordering::Relaxed);
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
        self.disk.as_ref().map_or_else(Vec::new, |disk| disk.read(key, self.memory.url_bytes_max()))
    }

    /// Stores a response that was asked for after the first `since` purges. Gives back what is stored now: a part may have
    /// become larger.
    ///
    /// # Errors
    /// It was purged meanwhile: it is not stored.
    pub(super) fn put(&self, object: Object, since: u64) -> Result<Arc<Object>, Arc<Object>> {
        let before = self.purges();
        if self.is_outdated(since, |purge| purge.means(&object)) {
            return Err(Arc::new(object));
        }
        let object = self.memory.put(object);
        if let Some(disk) = &self.disk {
            disk.put(&object);
        }
        self.settle(object.url(), before);
        if self.is_outdated(before, |purge| purge.means(&object)) {
            // The purge may have come between memory and disk.
            self.take_away(&object);
            return Err(object);
        }
        Ok(object)
    }

    /// Forgets one response.
    pub(super) fn forget(&self, object: &Arc<Object>) {
        let before = self.purges();
        self.take_away(object);
        self.settle(object.url(), before);
    }

    fn take_away(&self, object: &Arc<Object>) {
        self.memory.remove_object(object);
        if let Some(disk) = &self.disk {
            disk.forget(object);
        }
    }

    /// Whoever changes what is stored under a URL may put back what a purge took away at the same moment, since a purge
    /// waits for nobody: what was purged after the first `before` purges is taken away again.
    fn settle(&self, url: &str, mut before: u64) {
        let mut now = self.purges();
        while now != before {
            let known = self.memory.known(url).into_iter();
            let outdated = known.filter(|object| self.is_outdated(before, |purge| purge.means(object)));
            outdated.for_each(|object| self.take_away(&object));
            before = now;
            now = self.purges();
        }
    }

    /// Brings what is on disk for a key's URL into memory; whether there was anything.
    pub(super) async fn promote(&self, key: &str) -> bool {
        let Some(disk) = self.disk.as_ref().filter(|disk| disk.has(key)) else { return false };
        match self.flights.join(&format!("disk\0{}", key::url(key))) {
            Part::Leader(leader) => {
                let (disk, url) = (Arc::clone(disk), key::url(key).to_owned());
                let before = self.purges();
                let octets_max = self.memory.url_bytes_max();
                let reading = tokio::task::spawn_blocking(move || disk.read(&url, octets_max));
                // A slow disk is as good as none: the upstream is asked.
                if let Ok(Ok(objects)) = timeout(READ_TIMEOUT, reading).await {
                    objects.into_iter().for_each(|object| self.memory.put_beside(object));
                    self.settle(key::url(key), before);
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

    /// Purges, and gives back how many responses were meant. Blocks where there is a disk tier.
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

    /// Purges on a worker, whom nothing may block: but for one URL in memory, all of it may have to be looked at.
    pub(super) async fn purge_beside(self: &Arc<Self>, purges: Vec<Purge>) -> usize {
        let is_short = self.disk.is_none() && purges.iter().all(|what| matches!(what, Purge::Url(_)));
        let purge = move |store: &Self| purges.iter().map(|what| store.purge(what, How::Hard)).sum::<usize>();
        if is_short {
            return purge(self);
        }
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || purge(&store)).await.unwrap_or(0)
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

    /// Whether one of the purges after the first `since` means it.
    pub(super) fn is_outdated(&self, since: u64, means: impl Fn(&Purge) -> bool) -> bool {
        let purges = self.purges.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = purges.count - since;
        let known = purges.latest.iter().rev().zip(0..missed);
        // What is not remembered any more may have meant it.
        missed > purges.latest.len() as u64 || known.map(|(purge, _)| purge).any(means)
    }

    /// A body on its way into the cache takes `now` octets, no longer `before`. Gives back how many octets more all of
    /// them may take.
    pub(super) fn comes(&self, before: u64, now: u64) -> u64 {
        let more = now.wrapping_sub(before);
        let coming = self.coming.fetch_add(more, Ordering::Relaxed).wrapping_add(more);
        self.coming_max.load(Ordering::Relaxed).saturating_sub(coming)
    }

    /// A response that was begun to be stored was not.
    pub(super) fn give_up(&self, key: &str, why: Why) {
        self.counters.cache_not_stored.one();
        self.refuse(key, why);
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

/// Bodies on their way take a quarter of what stored responses may, at most: whoever asked does not read what was asked
/// for, it may be, and it is fetched all the same.
fn coming_max(wish: &model::Cache) -> u64 {
    wish.memory_max / 4
}

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    clock::now().unix_nanos() / 1_000_000
}
