//! The disk tier: a file for each stored response, in a directory that one process has for itself. It only ever helps:
//! what cannot be written is not, what cannot be read is a miss, what is broken is removed; all of it is counted, and
//! tried again a while later. One thread writes, so that no request waits for the disk but to read what it asks for.

pub(super) mod blocks;
mod index;
pub(super) mod large;
mod purges;
mod record;
mod scan;
pub(super) mod stream;

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use tracing::warn;

use self::{
    index::{Index, Name},
    large::Large,
};
use super::{memory::VARIANTS_MAX, object::Object, store::now};
use crate::{
    config::model,
    rules::cache::{How, Purge},
    trace::counters::Counters,
};

/// How long a request waits for the disk.
pub(super) const READ_TIMEOUT: Duration = Duration::from_millis(500);
/// After a failure nothing is written for so long, and nothing read after one that was too slow, in milliseconds.
const REST_MILLIS: u64 = 10_000;
/// Responses that are not worth a file: those usable for no longer than this, in seconds.
const LIFE_SECONDS_MIN: u64 = 10;
/// Responses that wait to be written, at most; also bounded in octets.
const JOBS_MAX: usize = 4_096;
/// Purges that are remembered for files not looked at yet; one more has all files looked at.
const PURGES_MAX: usize = 256;
/// So many at most, while files are looked at; one more takes all that is there for purged.
const PURGES_WAITING_MAX: usize = 4 * PURGES_MAX;
/// So far the clocks of two processes may be apart, in milliseconds.
const SKEW_MILLIS_MAX: u64 = 60_000;
/// The file that says who uses the directory.
const LOCK: &str = "lock";

/// The disk tier.
pub(super) struct Disk {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    // Held as long as the process uses the directory.
    _lock: fs::File,
}

struct Shared {
    directory: PathBuf,
    bytes_max: u64,
    queue_bytes_max: u64,
    object_bytes_min: u64,
    waiting: AtomicU64,
    /// What large bodies take that no record names yet, in octets.
    loose: AtomicU64,
    /// What they may come to take, as far as room was promised.
    promised: AtomicU64,
    /// Whether it is known what an earlier process left.
    looked: AtomicBool,
    resting_until: AtomicU64,
    unread_until: AtomicU64,
    index: Mutex<Index>,
    purges: Mutex<Vec<(u64, Purge, How)>>,
    jobs: Mutex<Option<mpsc::SyncSender<Job>>>,
    counters: Arc<Counters>,
}

enum Job {
    Write(Arc<Object>),
    Forget(u64),
    Remove(Name, Option<Arc<Large>>),
    Sweep,
    #[cfg(test)]
    Tell(mpsc::SyncSender<()>),
}

impl Disk {
    /// Takes the directory, and begins to look at what is in it.
    ///
    /// # Errors
    /// It cannot be made or locked: above all, another process uses it.
    pub(super) fn open(wish: &model::CacheDisk, counters: Arc<Counters>) -> io::Result<Self> {
        fs::create_dir_all(&wish.directory)?;
        let lock = fs::File::create(wish.directory.join(LOCK))?;
        lock.try_lock().map_err(|_| {
            let what = format!("another process uses the cache's directory {}", wish.directory.display());
            io::Error::new(io::ErrorKind::WouldBlock, what)
        })?;
        let (jobs, wished) = mpsc::sync_channel(JOBS_MAX);
        let shared = Arc::new(Shared {
            directory: wish.directory.clone(),
            bytes_max: wish.bytes_max,
            queue_bytes_max: wish.queue_bytes_max,
            object_bytes_min: wish.object_bytes_min,
            waiting: AtomicU64::new(0),
            loose: AtomicU64::new(0),
            promised: AtomicU64::new(0),
            looked: AtomicBool::new(false),
            resting_until: AtomicU64::new(0),
            unread_until: AtomicU64::new(0),
            index: Mutex::default(),
            purges: Mutex::new(purges::read(&wish.directory)),
            jobs: Mutex::new(Some(jobs)),
            counters,
        });
        let own = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("cache-disk".to_owned()).spawn(move || own.run(&wished))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)), _lock: lock })
    }

    /// Has a response written, if there is room for it to wait.
    pub(super) fn put(&self, object: &Arc<Object>) {
        let terms = object.terms;
        let grace = u64::from(terms.stale_if_error.max(terms.stale_while_revalidate));
        let has_time = u64::try_from(terms.left(now())).unwrap_or(0) + grace >= LIFE_SECONDS_MIN;
        // A large body is there already.
        if object.part().is_some() || !has_time && object.large().is_none() {
            return self.outdate(object);
        }
        let octets = object.weight();
        let waiting = self.shared.waiting.fetch_add(octets, Ordering::Relaxed);
        let fits = waiting + octets <= self.shared.queue_bytes_max;
        if !fits || !self.shared.send(Job::Write(Arc::clone(object))) {
            self.shared.waiting.fetch_sub(octets, Ordering::Relaxed);
            self.shared.counters.cache_disk_dropped.one();
            self.outdate(object);
        }
    }

    /// What is there in the place of a response that is not written is older than that.
    fn outdate(&self, object: &Object) {
        if !self.shared.has_looked() || lock(&self.shared.index).knows(Name::of(object)) {
            self.forget(object);
        }
    }

    /// Whether anything is there for a key's URL, and may be read now.
    pub(super) fn has(&self, key: &str) -> bool {
        !self.is_slow() && lock(&self.shared.index).has(index::url_hash(key))
    }

    /// Whether somebody waited too long, and nothing is read for a while.
    pub(super) fn is_slow(&self) -> bool {
        self.shared.unread_until.load(Ordering::Relaxed) > now()
    }

    /// Somebody waited too long. For a while nobody else does, or those who wait would be ever more.
    pub(super) fn was_slow(&self) {
        self.shared.counters.cache_disk_failed.one();
        let until = now() + REST_MILLIS;
        if self.shared.unread_until.fetch_max(until, Ordering::Relaxed) + REST_MILLIS < until {
            warn!(directory = %self.shared.directory.display(), "the cache's disk is slow; it is not read for a while");
        }
    }

    /// Reads the latest that is there for a key's URL, up to so many octets. Blocks.
    pub(super) fn read(&self, key: &str, octets_max: u64) -> Vec<Object> {
        let names = lock(&self.shared.index).latest(index::url_hash(key), octets_max);
        names.into_iter().filter_map(|name| self.shared.read(name)).collect()
    }

    /// Removes what a purge means, or remembers the purge for when its files are looked at.
    pub(super) fn purge(&self, what: &Purge, how: How) {
        if let (Purge::Url(url), How::Hard) = (what, how) {
            let url = index::url_hash(url);
            // Before anything is forgotten: what is being written now is not there to be forgotten yet.
            let is_idle = self.shared.has_looked() && self.shared.waiting.load(Ordering::Acquire) == 0;
            self.shared.forget(url);
            // What waits to be written is forgotten behind it. Most often nothing does.
            if is_idle || self.shared.send(Job::Forget(url)) {
                return;
            }
        }
        self.shared.note(what, how);
    }

    /// Removes one response: from the list at once, its file behind what waits to be written.
    pub(super) fn forget(&self, object: &Object) {
        let name = Name::of(object);
        let large = lock(&self.shared.index).remove(name);
        if !self.shared.send(Job::Remove(name, large.clone())) {
            self.shared.remove(name);
            large.iter().for_each(|large| large.remove());
        }
    }

    /// How many files there are, and how many octets they have.
    pub(super) fn size(&self) -> (usize, u64) {
        let (files, octets) = lock(&self.shared.index).size();
        (files, octets + self.shared.loose.load(Ordering::Relaxed))
    }

    /// Whether it is known what an earlier process left.
    #[cfg(test)]
    pub(super) fn has_looked(&self) -> bool {
        self.shared.has_looked()
    }

    /// Waits until all that was put is written.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        let (told, tell) = mpsc::sync_channel(1);
        if self.shared.send(Job::Tell(told)) {
            tell.recv().ok();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What waits is written first.
        lock(&self.shared.jobs).take();
        if let Some(writer) = lock(&self.writer).take() {
            writer.join().ok();
        }
    }
}

impl Shared {
    fn run(self: &Arc<Self>, jobs: &mpsc::Receiver<Job>) {
        self.look_around();
        let mut octets = Vec::new();
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Write(object) => {
                    self.write(&object, &mut octets);
                    self.waiting.fetch_sub(object.weight(), Ordering::Release);
                }
                Job::Forget(url) => self.forget(url),
                Job::Remove(name, large) => {
                    self.remove(name);
                    large.iter().for_each(|large| large.remove());
                }
                Job::Sweep => self.sweep(),
                #[cfg(test)]
                Job::Tell(told) => drop(told.send(())),
            }
        }
    }

    fn send(&self, job: Job) -> bool {
        lock(&self.jobs).as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }

    fn has_looked(&self) -> bool {
        self.looked.load(Ordering::Acquire)
    }

    fn is_resting(&self) -> bool {
        self.resting_until.load(Ordering::Relaxed) > now()
    }

    /// It could not write, and is left alone for a while.
    fn failed(&self, error: &io::Error) {
        self.counters.cache_disk_failed.one();
        self.resting_until.store(now() + REST_MILLIS, Ordering::Relaxed);
        warn!(%error, directory = %self.directory.display(), "the cache could not write; it goes on without for a while");
    }

    /// Promises so many octets more to what no record names, of half of the disk: what is not complete must not take the
    /// place of all that is. Whether there is so much room.
    fn promise(&self, octets: u64) -> bool {
        let more = |promised: u64| promised.checked_add(octets).filter(|all| *all <= self.bytes_max / 2);
        self.promised.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn folder(&self, name: Name) -> PathBuf {
        self.directory.join(name.folder())
    }

    fn path(&self, name: Name) -> PathBuf {
        self.folder(name).join(name.text())
    }

    fn write(&self, object: &Object, octets: &mut Vec<u8>) {
        let name = Name::of(object);
        let drop_it = || {
            self.counters.cache_disk_dropped.one();
            self.remove(name);
        };
        if self.is_resting() || self.is_purged(object).is_some_and(|(_, how)| how == How::Hard) {
            return drop_it();
        }
        record::write(object, octets);
        if octets.len() as u64 > self.bytes_max / 8 {
            return drop_it();
        }
        match self.write_file(name, octets) {
            Ok(()) => {
                let large = object.large().cloned();
                // Not to be counted twice.
                let is_there = large.as_ref().is_none_or(|large| large.keep());
                let mut index = lock(&self.index);
                let replaced = index.put(name, octets.len() as u64, large);
                let crowd = index.crowd(name.url, VARIANTS_MAX);
                drop(index);
                replaced.iter().for_each(|large| large.remove());
                if !is_there {
                    return self.remove(name);
                }
                self.counters.cache_disk_written.one();
                self.make_room(crowd);
            }
            Err(error) => {
                self.remove(name);
                self.failed(&error);
            }
        }
    }

    fn write_file(&self, name: Name, octets: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let fresh = path.with_extension("new");
        let written = match fs::write(&fresh, octets) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(self.folder(name))?;
                fs::write(&fresh, octets)
            }
            written => written,
        };
        // In one step: nobody reads half a file.
        let moved = written.and_then(|()| fs::rename(&fresh, &path));
        if moved.is_err() {
            fs::remove_file(&fresh).ok();
        }
        moved
    }

    /// Removes what is too much, after `crowd`.
    fn make_room(&self, crowd: Vec<Name>) {
        let remove = |name| {
            self.remove(name);
            self.counters.cache_disk_removed.one();
        };
        crowd.into_iter().for_each(remove);
        let room = self.bytes_max.saturating_sub(self.loose.load(Ordering::Relaxed));
        let excess = lock(&self.index).excess(room);
        excess.into_iter().for_each(remove);
    }

    fn remove(&self, name: Name) {
        let large = lock(&self.index).remove(name);
        fs::remove_file(self.path(name)).ok();
        large.iter().for_each(|large| large.remove());
    }

    fn forget(&self, url: u64) {
        let names = lock(&self.index).of_url(url);
        names.into_iter().for_each(|name| self.remove(name));
    }

    fn read(&self, name: Name) -> Option<Object> {
        let octets = match fs::read(self.path(name)) {
            Ok(octets) => Bytes::from(octets),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    warn!(%error, "the cache could not read a file, and forgets it");
                }
                self.counters.cache_disk_failed.one();
                self.remove(name);
                return None;
            }
        };
        let large = |id| lock(&self.index).large(name, id);
        // Nobody knows how old is what came in the future: the clock was ahead then, or is behind now.
        let is_past = |object: &Object| object.answered <= now() + SKEW_MILLIS_MAX;
        let object = record::read(&octets, large).filter(|object| Name::of(object) == name && is_past(object));
        let Some(object) = object else {
            warn!(file = name.text(), "a file of the cache was broken, and is removed");
            self.counters.cache_disk_broken.one();
            self.remove(name);
            return None;
        };
        match self.is_purged(&object) {
            Some((_, How::Hard)) => {
                self.remove(name);
                return None;
            }
            Some((at, How::Soft)) => object.purge_softly(at),
            None => {}
        }
        lock(&self.index).used(name);
        Some(object)
    }

    /// The strictest purge that means an object and came after it.
    fn is_purged(&self, object: &Object) -> Option<(u64, How)> {
        let purges = lock(&self.purges);
        let meant = purges.iter().filter(|(at, what, _)| *at >= object.answered && object.is_meant(what));
        meant.map(|(at, _, how)| (*at, *how)).max_by_key(|(at, how)| (*how == How::Hard, *at))
    }

    fn note(&self, what: &Purge, how: How) {
        let mut purges = lock(&self.purges);
        if purges.len() >= PURGES_WAITING_MAX {
            purges.clear();
            purges.push((now(), Purge::All, How::Hard));
        }
        purges.push((now(), what.clone(), how));
        if let Err(error) = purges::write(&self.directory, &purges) {
            self.counters.cache_disk_failed.one();
            warn!(%error, "the cache could not write down a purge; after a restart it may be forgotten");
        }
        let is_full = purges.len() >= PURGES_MAX;
        drop(purges);
        if is_full {
            self.send(Job::Sweep);
        }
    }

    /// Looks at every file, so that purges need not be remembered.
    fn sweep(&self) {
        // Each purge that is one too many asks for it; after the first look there are few again.
        if lock(&self.purges).len() < PURGES_MAX {
            return;
        }
        let until = now();
        // Not in the loop's head: the lock would be held through it.
        let names = lock(&self.index).all();
        for name in names {
            let object = self.read(name);
            if let Some(object) = object.filter(Object::is_purged) {
                let mut octets = Vec::new();
                record::write(&object, &mut octets);
                self.write_file(name, &octets).ok();
                // Whoever removed it meanwhile found nothing to remove, it may be.
                if !lock(&self.index).knows(name) {
                    self.remove(name);
                }
            }
        }
        let mut purges = lock(&self.purges);
        purges.retain(|(at, ..)| *at >= until);
        purges::write(&self.directory, &purges).ok();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("directory", &self.shared.directory).field("size", &self.size()).finish()
    }
}

#[cfg(test)]
mod tests;
