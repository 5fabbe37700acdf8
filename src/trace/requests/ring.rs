//! The last requests, listed or kept afterwards from here: their records in octets, some 250 octets each with all that
//! belongs to them, at most so many. Shared by the background; a reader copies references out and looks at leisure.
//!
//! Records lie one behind the other in blocks, so that a request that nobody looks at costs little more than copying its
//! record. Where each lies is known by its place; by its id only from the first time on that somebody asks for one.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use foldhash::fast::RandomState;
use opentelemetry::trace::TraceId;

use super::{
    entry::{self, Record},
    row::RequestRow,
};
use crate::trace::live::Patch;

/// Octets of a block.
const BLOCK_BYTES: usize = 64 * 1024;

/// The last requests.
#[derive(Debug)]
pub struct Ring {
    max: usize,
    inner: Mutex<Inner>,
}

/// Where a request is, as long as it is here: how many came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u64);

/// A request that ended.
#[derive(Clone, Debug)]
pub struct Ended<'a> {
    /// Its record.
    pub octets: &'a [u8],
    /// The page it belongs to.
    pub page: Option<u128>,
    /// The trace that was made of it, and why.
    pub trace: Option<(TraceId, &'static str)>,
}

/// Where else a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptIn {
    /// Nowhere.
    RingOnly,
    /// In the store, too.
    Store,
}

#[derive(Debug, Default)]
struct Inner {
    /// The eldest first.
    blocks: VecDeque<Arc<Block>>,
    /// The eldest that is not forgotten, and the place of the next one.
    begin: u64,
    end: u64,
    /// The place of each id, of those in front of `indexed`.
    places: HashMap<u128, u64, RandomState>,
    indexed: u64,
    /// The octets of a block that was forgotten, to be filled again.
    spare: Vec<u8>,
}

/// Requests one after the other.
#[derive(Clone, Debug, Default)]
struct Block {
    /// The place of the first.
    first: u64,
    octets: Vec<u8>,
    slots: Vec<Slot>,
    /// The traces that were made of some, by their number here, and why.
    traces: BTreeMap<usize, (TraceId, Box<str>)>,
}

/// One request.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Where its record begins; `None` if it was erased.
    start: Option<u32>,
    kept_in: KeptIn,
    /// Whether a trace was made of it that what is on its way to the store may not know of.
    is_ahead: bool,
}

impl Place {
    /// The place behind so many others.
    pub const fn new(before: u64) -> Self {
        Self(before)
    }

    /// The place so many further on.
    #[must_use]
    pub fn plus(self, further: u64) -> Self {
        Self(self.0 + further)
    }
}

impl Ring {
    /// An empty ring for so many requests.
    pub fn new(max: usize) -> Self {
        Self { max, inner: Mutex::default() }
    }

    /// The place of the request that is put in next.
    pub fn end(&self) -> Place {
        Place(self.lock().end)
    }

    /// Puts requests in, the latest last; as many of the eldest are forgotten.
    pub fn push<'a>(&self, requests: impl IntoIterator<Item = Ended<'a>>) {
        let mut inner = self.lock();
        for request in requests {
            if self.max == 0 {
                // Places are counted all the same.
                (inner.begin, inner.end) = (inner.begin + 1, inner.end + 1);
                continue;
            }
            while inner.held() >= self.max {
                inner.forget_eldest();
            }
            inner.push(&request);
        }
    }

    /// Where a request is.
    pub fn find(&self, id: u128) -> Option<Place> {
        let mut inner = self.lock();
        inner.index();
        inner.places.get(&id).copied().map(Place)
    }

    /// The row of a request, and where else it is.
    pub fn get(&self, place: Place) -> Option<(RequestRow, KeptIn)> {
        let inner = self.lock();
        let (block, at) = inner.at(place)?;
        Some((block.row(at)?, block.slots[at].kept_in))
    }

    /// Adds what became known; says whether the request is still here.
    pub fn patch(&self, place: Place, patch: &Patch) -> Option<KeptIn> {
        let mut inner = self.lock();
        let (block, at) = inner.at_mut(place)?;
        block.record(at)?;
        if let Some(page) = patch.page {
            block.join(at, page);
        }
        if let Some(trace) = &patch.trace {
            block.trace(at, trace.clone());
        }
        Some(block.slots[at].kept_in)
    }

    /// Gives a request this trace, unless it has one, and says which it has then; `None` if it is not here. Of two who
    /// give it one at the same moment, the first does.
    pub fn trace(&self, place: Place, trace: (TraceId, &str)) -> Option<TraceId> {
        let mut inner = self.lock();
        let (block, at) = inner.at_mut(place)?;
        if let Some(known) = block.row(at)?.trace {
            return Some(known);
        }
        block.trace(at, (trace.0, trace.1.into()));
        Some(trace.0)
    }

    /// This request is in the store now, as it is here.
    pub fn put(&self, place: Place) {
        if let Some((block, at)) = self.lock().at_mut(place) {
            block.slots[at].kept_in = KeptIn::Store;
        }
    }

    /// These requests are in the store now, as they were when they ended. Gives back what became known of them since.
    pub fn stored(&self, places: impl IntoIterator<Item = Place>) -> Vec<(Place, Patch)> {
        let mut inner = self.lock();
        let mut ahead = Vec::new();
        for place in places {
            let Some((block, at)) = inner.at_mut(place) else { continue };
            block.slots[at].kept_in = KeptIn::Store;
            if std::mem::take(&mut block.slots[at].is_ahead) {
                ahead.extend(block.patch_of(at).map(|patch| (place, patch)));
            }
        }
        ahead
    }

    /// The rows of all requests that are in no store, the eldest first. Nobody waits while they are read.
    pub fn unstored(&self) -> impl Iterator<Item = RequestRow> + use<> {
        let inner = self.lock();
        let begin = inner.begin;
        let has_some = |block: &&Arc<Block>| block.slots.iter().any(|slot| slot.kept_in == KeptIn::RingOnly);
        let blocks: Vec<Arc<Block>> = inner.blocks.iter().filter(has_some).map(Arc::clone).collect();
        blocks.into_iter().flat_map(move |block| {
            let forgotten = usize::try_from(begin.saturating_sub(block.first)).unwrap_or(usize::MAX);
            let left = forgotten.min(block.slots.len())..block.slots.len();
            // What is in the store is not even read.
            left.filter_map(move |at| if block.slots[at].kept_in == KeptIn::RingOnly { block.row(at) } else { None })
        })
    }

    /// Forgets the requests that `gone` says, and how many they were.
    pub fn erase(&self, gone: impl Fn(&RequestRow) -> bool) -> u64 {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let mut erased = 0;
        for block in &mut inner.blocks {
            let which: Vec<usize> =
                (0..block.slots.len()).filter(|at| block.row(*at).is_some_and(|row| gone(&row))).collect();
            // What is forgotten already may still lie in a block with others.
            erased += which.iter().filter(|at| block.first + **at as u64 >= inner.begin).count() as u64;
            if !which.is_empty() {
                Arc::make_mut(block).erase(&which);
            }
        }
        (inner.places, inner.indexed) = (HashMap::default(), inner.begin);
        inner.spare = Vec::new();
        erased
    }

    /// How many there are, those included that were erased since they came.
    pub fn len(&self) -> usize {
        self.lock().held()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Poisoned by a panic elsewhere, it is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn held(&self) -> usize {
        usize::try_from(self.end - self.begin).unwrap_or(usize::MAX)
    }

    fn push(&mut self, request: &Ended<'_>) {
        let has_room = |block: &Arc<Block>| block.octets.len() + request.octets.len() <= BLOCK_BYTES;
        if !self.blocks.back().is_some_and(has_room) {
            let mut octets = std::mem::take(&mut self.spare);
            octets.clear();
            octets.reserve_exact(BLOCK_BYTES);
            self.blocks.push_back(Arc::new(Block { first: self.end, octets, ..Block::default() }));
        }
        if let Some(block) = self.blocks.back_mut() {
            Arc::make_mut(block).push(request);
            self.end += 1;
        }
    }

    fn forget_eldest(&mut self) {
        let Some(block) = self.blocks.front() else { return };
        if self.begin < self.indexed {
            let record = usize::try_from(self.begin - block.first).ok().and_then(|at| block.record(at));
            record.map(|record| self.places.remove(&record.brief.id));
        }
        self.begin += 1;
        if self.begin == block.end() {
            let block = self.blocks.pop_front().and_then(Arc::into_inner);
            self.spare = block.map(|block| block.octets).unwrap_or_default();
        }
    }

    /// Which block has this place, and where in it.
    fn whereabouts(&self, Place(place): Place) -> Option<(usize, usize)> {
        let number = self.blocks.partition_point(|block| block.first <= place).checked_sub(1)?;
        let at = usize::try_from(place - self.blocks[number].first).ok()?;
        (self.begin..self.end).contains(&place).then_some((number, at))
    }

    fn at(&self, place: Place) -> Option<(&Block, usize)> {
        let (number, at) = self.whereabouts(place)?;
        Some((&self.blocks[number], at))
    }

    fn at_mut(&mut self, place: Place) -> Option<(&mut Block, usize)> {
        let (number, at) = self.whereabouts(place)?;
        Some((Arc::make_mut(&mut self.blocks[number]), at))
    }

    /// Sees to it that every request is found by its id.
    fn index(&mut self) {
        let begin = self.indexed.max(self.begin);
        for block in self.blocks.iter().filter(|block| block.end() > begin) {
            for at in 0..block.slots.len() {
                let place = block.first + at as u64;
                if let Some(record) = block.record(at).filter(|_| place >= begin) {
                    self.places.insert(record.brief.id, place);
                }
            }
        }
        self.indexed = self.end;
    }
}

impl Block {
    /// The place behind the last.
    fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    fn push(&mut self, request: &Ended<'_>) {
        let at = self.slots.len();
        // No block is longer than `BLOCK_BYTES`.
        let start = u32::try_from(self.octets.len()).ok();
        self.slots.push(Slot { start, kept_in: KeptIn::RingOnly, is_ahead: false });
        self.octets.extend_from_slice(request.octets);
        if let Some(page) = request.page {
            self.join(at, page);
        }
        if let Some((trace, why)) = request.trace {
            self.traces.insert(at, (trace, why.into()));
        }
    }

    fn record(&self, at: usize) -> Option<Record<'_>> {
        Record::next(&mut self.octets.get(self.start(at)?..)?)
    }

    fn start(&self, at: usize) -> Option<usize> {
        usize::try_from(self.slots.get(at)?.start?).ok()
    }

    /// The row of a request; `None` if it was erased.
    fn row(&self, at: usize) -> Option<RequestRow> {
        let record = self.record(at)?;
        let mut row = record.entry()?.row();
        row.page = record.page();
        if let Some((trace, trigger)) = self.traces.get(&at) {
            row.trace = Some(*trace);
            row.trigger.clone_from(trigger);
        }
        Some(row)
    }

    fn join(&mut self, at: usize, page: u128) {
        if let Some(octets) = self.start(at).and_then(|start| self.octets.get_mut(start..)) {
            entry::join(octets, page);
        }
    }

    fn trace(&mut self, at: usize, trace: (TraceId, Box<str>)) {
        self.traces.insert(at, trace);
        self.slots[at].is_ahead |= self.slots[at].kept_in == KeptIn::RingOnly;
    }

    /// All that became known of a request.
    fn patch_of(&self, at: usize) -> Option<Patch> {
        let record = self.record(at)?;
        Some(Patch { id: record.brief.id, page: record.page(), trace: self.traces.get(&at).cloned() })
    }

    /// Forgets these requests, in order; the places of the others stay.
    fn erase(&mut self, which: &[usize]) {
        let mut left = Vec::with_capacity(BLOCK_BYTES);
        for at in 0..self.slots.len() {
            let record = self.record(at).filter(|_| which.binary_search(&at).is_err());
            let start = record.as_ref().and_then(|_| u32::try_from(left.len()).ok());
            left.extend_from_slice(record.map_or(&[], |record| record.octets));
            self.slots[at].start = start;
        }
        self.octets = left;
        self.traces.retain(|at, _| which.binary_search(at).is_err());
    }
}

#[cfg(test)]
mod tests;
