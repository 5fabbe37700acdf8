//! What all workers share of the cache: what is stored, who is asking for what, and what was found not to be storable.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use quick_cache::sync::Cache;
use tokio::time::timeout;

use super::{
    disk::{Disk, READ_TIMEOUT, large::Opened, stream::Stream},
    flight::{Flights, Landing, Part},
    memory::{self, Memory},
    object::Object,
    purges::Purges,
    save::Limits,
};
use crate::{
    clock,
    config::model,
    rules::cache::{How, Purge, Why, key},
    trace::counters::Counters,
};

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
    purges: Mutex<Purges>,
    disk: Option<Arc<Disk>>,
    /// What bodies on their way into the cache take now, in octets.
    pub(super) coming: Arc<AtomicU64>,
    /// The most that they may.
    coming_max: AtomicU64,
    counters: Arc<Counters>,
}

/// Whether a response is a whole one, or a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    Yes,
    No,
}

/// A response that was not stored.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Why.
    pub(super) why: Why,
    /// When, in milliseconds since the Unix epoch.
    pub(super) at: u64,
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
            coming: Arc::default(),
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

    /// Whether it is known what is on disk.
    #[cfg(test)]
    pub(super) fn has_looked(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.has_looked())
    }

    /// Waits until all is written.
    #[cfg(test)]
    pub(super) fn settled(&self) {
        self.disk.iter().for_each(|disk| disk.settle());
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
        if self.is_outdated(since, object.url(), |purge| object.is_meant(purge)) {
            return Err(Arc::new(object));
        }
        let object = self.memory.put(object);
        if let Some(disk) = &self.disk {
            disk.put(&object);
        }
        self.settle(object.url(), before);
        if self.is_outdated(before, object.url(), |purge| object.is_meant(purge)) {
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
            let outdated =
                known.filter(|object| self.is_outdated(before, object.url(), |purge| object.is_meant(purge)));
            outdated.for_each(|object| self.take_away(&object));
            before = now;
            now = self.purges();
        }
    }

    /// Brings what is on disk for a key's URL into memory, for the request `by`; whether there was anything.
    pub(super) async fn promote(&self, key: &str, by: u128) -> bool {
        let Some(disk) = self.disk.as_ref().filter(|disk| disk.has(key)) else { return false };
        match self.flights.join(&format!("disk\0{}", key::url(key)), by) {
            Part::Leader(leader) => {
                let (read, url) = (Arc::clone(disk), key::url(key).to_owned());
                let before = self.purges();
                let octets_max = self.memory.url_bytes_max();
                let mut reading = tokio::task::spawn_blocking(move || read.read(&url, octets_max));
                match timeout(READ_TIMEOUT, &mut reading).await {
                    Ok(objects) => {
                        objects.into_iter().flatten().for_each(|object| self.memory.put_beside(object));
                        self.settle(key::url(key), before);
                    }
                    // A slow disk is as good as none: the upstream is asked.
                    Err(_) => {
                        reading.abort();
                        disk.was_slow();
                    }
                }
                drop(leader);
            }
            Part::Follower(mut flight) => {
                let read = flight.landing.wait_for(|landing| !matches!(landing, Landing::Asking));
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
            _ => self.memory.purge(softly, |object| object.is_meant(what)),
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
        self.purges.lock().unwrap_or_else(PoisonError::into_inner).note(what);
    }

    /// How many purges there have been.
    pub(super) fn purges(&self) -> u64 {
        self.purges.lock().unwrap_or_else(PoisonError::into_inner).count()
    }

    /// Whether one of the purges after the first `since` means a response at this URL.
    pub(super) fn is_outdated(&self, since: u64, url: &str, means: impl Fn(&Purge) -> bool) -> bool {
        self.purges.lock().unwrap_or_else(PoisonError::into_inner).mean(since, url, means)
    }

    /// How large bodies may be, of which a route stores so much: parts are in memory only.
    pub(super) fn limits(&self, route: u64, is_whole: Whole) -> Limits {
        let memory = self.memory.object_bytes_max();
        let disk = self.disk.as_ref().filter(|_| is_whole == Whole::Yes);
        let streamed = disk.and_then(|disk| Some((disk.object_bytes_max(), disk.streams(memory)?)));
        let (stored, held) = streamed.unwrap_or((memory, memory));
        Limits { stored: stored.min(route), held: held.min(route) }
    }

    /// Begins to take a large body to disk, of so many octets at least; `None`: it cannot take it.
    pub(super) async fn stream(&self, name: (&str, &str), octets: u64) -> Option<Stream> {
        self.disk.as_ref()?.stream(name, octets).await
    }

    /// Opens what is found on disk only, so that it can answer; as long as the file is held it can.
    pub(super) async fn open(&self, object: &Arc<Object>) -> Result<Option<Arc<Opened>>, Why> {
        let (Some(large), Some(disk)) = (object.large(), &self.disk) else { return Ok(None) };
        if let Some(opened) = large.opened() {
            return Ok(Some(opened));
        }
        if disk.is_slow() {
            return Err(Why::Unreadable);
        }
        let own = Arc::clone(large);
        let open = tokio::task::spawn_blocking(move || own.open().inspect_err(|error| own.lost(error)).ok());
        match timeout(READ_TIMEOUT, open).await {
            Ok(Ok(Some(opened))) => Ok(Some(opened)),
            Ok(_) => {
                self.forget(object);
                Err(Why::Unreadable)
            }
            Err(_) => {
                disk.was_slow();
                Err(Why::Unreadable)
            }
        }
    }

    /// Whether bodies on their way into the cache may take more.
    pub(super) fn has_room(&self) -> bool {
        self.coming.load(Ordering::Relaxed) < self.coming_max.load(Ordering::Relaxed)
    }

    /// A response that was begun to be stored was not.
    pub(super) fn give_up(&self, key: &str, why: Why) {
        self.counters.cache_not_stored.one();
        if why == Why::DiskBusy {
            self.counters.cache_disk_given_up.one();
        }
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
