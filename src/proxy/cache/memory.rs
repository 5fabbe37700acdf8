//! The memory tier: what is stored, by key, within a budget of octets. `quick_cache` decides what stays (S3-FIFO: what is
//! asked for once does not displace what is asked for often); every URL has one place for all that is stored under it.

use std::sync::{
    Arc, LazyLock, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use foldhash::quality::RandomState;
use http::HeaderMap;
use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::{
    filling::compact,
    object::{Chunks, Object, Parts},
};
use crate::rules::cache::{
    Why, key,
    range::{ContentRange, Span},
    validate,
};

/// The most responses of one URL; the oldest go first.
pub(super) const VARIANTS_MAX: usize = 128;
/// Writers of one key wait for one another; those of others seldom.
const STRIPES: usize = 64;
/// No shard is smaller, in octets, unless the whole tier is.
const SHARD_BYTES_MIN: u64 = 32 << 20;
/// The most shards.
const SHARDS_MAX: usize = 64;

/// How keys and names are hashed, in this process.
pub(super) static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The hash of a key's URL.
pub(super) fn hash(key: &str) -> u64 {
    use std::hash::BuildHasher as _;
    HASHING.hash_one(key::url(key))
}

/// What is stored under one URL.
#[derive(Clone, Debug)]
enum Slot {
    One(Arc<Object>),
    Many(Arc<Vec<Arc<Object>>>),
}

impl Slot {
    fn of(mut variants: Vec<Arc<Object>>) -> Option<Self> {
        match variants.len() {
            0 => None,
            1 => variants.pop().map(Self::One),
            _ => Some(Self::Many(Arc::new(variants))),
        }
    }

    fn variants(&self) -> &[Arc<Object>] {
        match self {
            Self::One(object) => std::slice::from_ref(object),
            Self::Many(variants) => variants,
        }
    }

    fn is_of(&self, url: &str) -> bool {
        self.variants().first().is_some_and(|object| object.url() == url)
    }
}

/// Keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed;

impl std::hash::BuildHasher for Hashed {
    type Hasher = Same;

    fn build_hasher(&self) -> Same {
        Same(0)
    }
}

/// The hash of a hash.
#[derive(Debug)]
struct Same(u64);

impl std::hash::Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(octet);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[derive(Clone, Copy, Debug)]
struct Octets;

impl Weighter<u64, Slot> for Octets {
    fn weight(&self, _: &u64, slot: &Slot) -> u64 {
        slot.variants().iter().map(|object| object.weight()).sum()
    }
}

/// The memory tier.
pub(super) struct Memory {
    slots: Cache<u64, Slot, Octets, Hashed>,
    stripes: [Mutex<()>; STRIPES],
}

/// What was found for a request.
#[derive(Debug)]
pub(super) enum Found {
    /// A response that may answer, as far as its variant goes.
    Variant(Arc<Object>),
    /// None; and what is known of the others, if there are any.
    None(Why, Option<Arc<Object>>),
}

impl Memory {
    /// A tier of so many octets.
    pub(super) fn new(bytes_max: u64) -> Self {
        // A guess, for the first tables only.
        let objects = usize::try_from(bytes_max / 8_192).unwrap_or(usize::MAX).clamp(256, 1 << 20);
        // One object must fit into one shard, many times over.
        let shards = usize::try_from(bytes_max / SHARD_BYTES_MIN).unwrap_or(1).clamp(1, SHARDS_MAX);
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(objects).weight_capacity(bytes_max).shards(1 << shards.ilog2());
        let slots = match options.build() {
            Ok(options) => Cache::with_options(options, Octets, Hashed, DefaultLifecycle::default()),
            Err(_) => Cache::with(objects, bytes_max, Octets, Hashed, DefaultLifecycle::default()),
        };
        Self { slots, stripes: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The largest object that can be kept, in octets: a fraction of a shard, and of all, so that it does not displace all
    /// others.
    pub(super) fn object_bytes_max(&self) -> u64 {
        (self.slots.shard_capacity() / 2).min(self.slots.capacity() / 8)
    }

    /// Changes the budget.
    pub(super) fn resize(&self, bytes_max: u64) {
        self.slots.set_capacity(bytes_max);
    }

    /// How many keys there are, and what they take in octets.
    pub(super) fn size(&self) -> (usize, u64) {
        (self.slots.len(), self.slots.weight())
    }

    /// The response to a request like this one: of several the newest, and a whole one before a part.
    pub(super) fn find(&self, key: &str, request: &HeaderMap) -> Found {
        let Some(slot) = self.slots.get(&hash(key)) else { return Found::None(Why::NothingStored, None) };
        let mut best: Option<&Arc<Object>> = None;
        let mut field = None;
        let mut other = None;
        for object in slot.variants().iter().filter(|object| object.key() == key) {
            other = Some(object);
            match object.differs(request) {
                None => {
                    let rank = |object: &Object| (object.part().is_none(), object.answered);
                    if best.is_none_or(|best| rank(best) < rank(object)) {
                        best = Some(object);
                    }
                }
                Some(differs) => field = field.or(Some(differs)),
            }
        }
        match (best, field) {
            (Some(object), _) => Found::Variant(Arc::clone(object)),
            (None, Some(field)) => Found::None(Why::VariantDiffers { field }, other.cloned()),
            (None, None) => {
                let near = slot.variants().iter().filter(|object| object.url() == key::url(key));
                let part = near.filter_map(|object| key::differs(key, object.key())).next();
                Found::None(part.map_or(Why::NothingStored, |part| Why::KeyDiffers { part }), None)
            }
        }
    }

    /// The most that the responses of one URL take together, in octets: more than a shard's hot part is not taken at all.
    pub(super) fn url_bytes_max(&self) -> u64 {
        self.slots.shard_capacity() / 4 * 3
    }

    /// Stores a response in place of the one of the same variant. Gives back what is stored now: a part may have become
    /// larger.
    pub(super) fn put(&self, object: Object) -> Arc<Object> {
        let hash = hash(object.key());
        let _alone =
            self.stripes[usize::try_from(hash).unwrap_or(0) % STRIPES].lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self.slots.peek(&hash).filter(|slot| slot.is_of(object.url()));
        let mut variants: Vec<Arc<Object>> = Vec::new();
        let mut object = Arc::new(object);
        for known in slot.iter().flat_map(|slot| slot.variants()) {
            if known.key() != object.key() || known.vary() != object.vary() {
                variants.push(Arc::clone(known));
            } else if let Some(joined) = joined(known, &object) {
                object = Arc::new(joined);
            }
        }
        variants.sort_by_key(|known| known.answered);
        let mut octets = object.weight();
        let room = variants.iter().rev().take(VARIANTS_MAX - 1);
        let kept = room.take_while(|known| {
            octets += known.weight();
            octets <= self.url_bytes_max()
        });
        let excess = variants.len() - kept.count();
        variants.drain(..excess);
        variants.push(Arc::clone(&object));
        if let Some(slot) = Slot::of(variants) {
            self.slots.insert(hash, slot);
        }
        object
    }

    /// Stores what was read from disk, unless there is something newer.
    pub(super) fn put_beside(&self, object: Object) {
        let same = |known: &Arc<Object>| known.key() == object.key() && known.vary() == object.vary();
        if !self.known(object.url()).iter().any(same) {
            self.put(object);
        }
    }

    /// Forgets what is stored under a URL, or makes it stale where `softly` says when. Gives back how much there was.
    pub(super) fn purge_url(&self, url: &str, softly: Option<u64>) -> usize {
        let hash = hash(url);
        let Some(slot) = self.slots.peek(&hash).filter(|slot| slot.is_of(url)) else { return 0 };
        match softly {
            Some(now) => slot.variants().iter().for_each(|object| object.purge_softly(now)),
            None => drop(self.slots.remove_if(&hash, |slot| slot.is_of(url))),
        }
        slot.variants().len()
    }

    /// What is stored under a URL.
    pub(super) fn known(&self, url: &str) -> Vec<Arc<Object>> {
        let slot = self.slots.peek(&hash(url)).filter(|slot| slot.is_of(url));
        slot.map_or_else(Vec::new, |slot| slot.variants().to_vec())
    }

    /// Forgets one variant, unless another one took its place.
    pub(super) fn remove_object(&self, object: &Arc<Object>) {
        let hash = hash(object.key());
        let _alone =
            self.stripes[usize::try_from(hash).unwrap_or(0) % STRIPES].lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = self.slots.peek(&hash) else { return };
        let left: Vec<_> = slot.variants().iter().filter(|known| !Arc::ptr_eq(known, object)).cloned().collect();
        match Slot::of(left) {
            Some(slot) => self.slots.insert(hash, slot),
            None => drop(self.slots.remove(&hash)),
        }
    }

    /// Forgets every object that `is_meant`, or makes it stale where `softly` says when. Gives back how many there were.
    pub(super) fn purge(&self, softly: Option<u64>, is_meant: impl Fn(&Object) -> bool) -> usize {
        let purged = AtomicUsize::new(0);
        self.slots.retain(|_, slot| {
            // Variants of one key share its URL, and most often its tags: all of them go.
            let meant = slot.variants().iter().filter(|object| is_meant(object));
            let count = meant.inspect(|object| softly.into_iter().for_each(|now| object.purge_softly(now))).count();
            purged.fetch_add(count, Ordering::Relaxed);
            count == 0 || softly.is_some()
        });
        purged.into_inner()
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("size", &self.size()).finish_non_exhaustive()
    }
}

/// Two parts of one representation put together, RFC 9111 section 3.4. `None`: the newer one stands for itself.
fn joined(known: &Arc<Object>, new: &Arc<Object>) -> Option<Object> {
    let (was, is) = (known.part()?, new.part()?);
    let (old_headers, headers) = (known.headers(), new.headers());
    let tag = validate::strong_tag(&headers)?;
    let same = was.length == is.length && validate::strong_tag(&old_headers) == Some(tag);
    let touch = is.span.first <= was.span.last + 1 && was.span.first <= is.span.last + 1;
    if !same || !touch {
        return None;
    }
    let span = Span { first: was.span.first.min(is.span.first), last: was.span.last.max(is.span.last) };
    let whole = ContentRange { span, length: is.length };
    let mut chunks = Vec::new();
    let of = |object: &Arc<Object>, part: ContentRange, first: u64, last: u64| {
        let within = Span { first: first - part.span.first, last: last - part.span.first };
        object.body().own_part(within)
    };
    if was.span.first < is.span.first {
        chunks.extend(of(known, was, was.span.first, is.span.first - 1));
    }
    chunks.extend(new.body().all().iter().cloned());
    if was.span.last > is.span.last {
        chunks.extend(of(known, was, is.span.last + 1, was.span.last));
    }
    let complete = span.first == 0 && span.last + 1 == is.length;
    let mut headers = headers;
    headers.remove(http::header::CONTENT_LENGTH);
    if complete {
        headers.remove(http::header::CONTENT_RANGE);
    } else if let Ok(value) = whole.to_string().try_into() {
        headers.insert(http::header::CONTENT_RANGE, value);
    }
    let parts = Parts {
        key: new.key(),
        vary: new.vary(),
        status: if complete { http::StatusCode::OK } else { new.status },
        headers: &headers,
        terms: new.terms,
        answered: new.answered,
        part: (!complete).then_some(whole),
        filled_by: new.filled_by(),
    };
    Some(Object::new(&parts, &Chunks::new(compact(&chunks))))
}
