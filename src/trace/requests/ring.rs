//! The last requests, listed or kept afterwards from here: their records in octets, some 350 octets each with all that
//! belongs to them, at most so many. Shared by the background; a reader copies references out and looks at leisure.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use foldhash::fast::RandomState;
use opentelemetry::trace::TraceId;

use super::{entry::Record, row::RequestRow};
use crate::trace::live::Patch;

/// The last requests.
#[derive(Debug)]
pub struct Ring {
    max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    slots: VecDeque<Arc<Slot>>,
    /// The place of the first slot, counted from the beginning of time.
    first: u64,
    places: HashMap<u128, u64, RandomState>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Slot {
    octets: Box<[u8]>,
    page: Option<u128>,
    trace: Option<(TraceId, Box<str>)>,
    kept_in: KeptIn,
    /// Whether a trace was made of it that what is on its way to the store may not know of.
    is_ahead: bool,
}

/// Where else a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptIn {
    /// Nowhere.
    RingOnly,
    /// In the store, too.
    Store,
}

impl Slot {
    /// A request that is in no store.
    pub fn new(octets: &[u8], page: Option<u128>) -> Self {
        Self { octets: octets.into(), page, trace: None, kept_in: KeptIn::RingOnly, is_ahead: false }
    }

    /// The same, with the trace that was made of it, and why.
    #[must_use]
    pub fn traced(self, trace: Option<(TraceId, Box<str>)>) -> Self {
        Self { trace, ..self }
    }

    /// Where else it is.
    pub fn kept_in(&self) -> KeptIn {
        self.kept_in
    }

    /// Its row; `None` only by a fault of ours.
    pub fn row(&self) -> Option<RequestRow> {
        let mut row = Record::next(&mut &*self.octets)?.entry()?.row();
        row.page = self.page;
        if let Some((trace, trigger)) = &self.trace {
            row.trace = Some(*trace);
            row.trigger.clone_from(trigger);
        }
        Some(row)
    }
}

impl Ring {
    /// An empty ring for so many requests.
    pub fn new(max: usize) -> Self {
        Self { max, inner: Mutex::default() }
    }

    /// Puts requests in, the latest last; as many of the eldest are forgotten.
    pub fn push(&self, slots: impl IntoIterator<Item = (u128, Slot)>) {
        let mut inner = self.lock();
        for (id, slot) in slots {
            if self.max == 0 {
                return;
            }
            while inner.slots.len() >= self.max {
                inner.forget_eldest();
            }
            let place = inner.first + inner.slots.len() as u64;
            inner.slots.push_back(Arc::new(slot));
            inner.places.insert(id, place);
        }
    }

    /// One request.
    pub fn find(&self, id: u128) -> Option<Arc<Slot>> {
        let mut inner = self.lock();
        inner.slot(id).map(|slot| Arc::clone(slot))
    }

    /// Adds what became known; says whether the request is still here.
    pub fn patch(&self, patch: &Patch) -> Option<KeptIn> {
        let mut inner = self.lock();
        let slot = Arc::make_mut(inner.slot(patch.id)?);
        slot.page = patch.page.or(slot.page);
        if let Some(trace) = &patch.trace {
            slot.trace = Some(trace.clone());
            slot.is_ahead |= slot.kept_in == KeptIn::RingOnly;
        }
        Some(slot.kept_in)
    }

    /// Gives a request this trace, unless it has one, and says which it has then; `None` if it is not here. Of two who
    /// give it one at the same moment, the first does.
    pub fn trace(&self, id: u128, trace: (TraceId, &str)) -> Option<TraceId> {
        let mut inner = self.lock();
        let slot = inner.slot(id)?;
        if let Some(known) = slot.row()?.trace {
            return Some(known);
        }
        let slot = Arc::make_mut(slot);
        slot.trace = Some((trace.0, trace.1.into()));
        slot.is_ahead |= slot.kept_in == KeptIn::RingOnly;
        Some(trace.0)
    }

    /// This request is in the store now, as it is here.
    pub fn put(&self, id: u128) {
        if let Some(slot) = self.lock().slot(id) {
            Arc::make_mut(slot).kept_in = KeptIn::Store;
        }
    }

    /// These requests are in the store now, as they were when they ended. Gives back what became known of them since.
    pub fn stored(&self, ids: impl IntoIterator<Item = u128>) -> Vec<Patch> {
        let mut inner = self.lock();
        let mut ahead = Vec::new();
        for id in ids {
            let Some(slot) = inner.slot(id).map(Arc::make_mut) else { continue };
            slot.kept_in = KeptIn::Store;
            if std::mem::take(&mut slot.is_ahead) {
                ahead.push(Patch { id, page: slot.page, trace: slot.trace.clone() });
            }
        }
        ahead
    }

    /// All requests that are in no store, the eldest first.
    pub fn unstored(&self) -> Vec<Arc<Slot>> {
        let inner = self.lock();
        inner.slots.iter().filter(|slot| slot.kept_in == KeptIn::RingOnly).map(Arc::clone).collect()
    }

    /// Forgets the requests that `gone` says, and how many they were.
    pub fn erase(&self, gone: impl Fn(&RequestRow) -> bool) -> u64 {
        let mut inner = self.lock();
        let slots = std::mem::take(&mut inner.slots);
        let before = slots.len();
        let left = slots.into_iter().filter_map(|slot| {
            let row = slot.row().filter(|row| !gone(row))?;
            Some((row.id, slot))
        });
        let left: Vec<_> = left.collect();
        let erased = before - left.len();
        inner.places = left.iter().enumerate().map(|(at, (id, _))| (*id, at as u64)).collect();
        inner.first = 0;
        inner.slots = left.into_iter().map(|(_, slot)| slot).collect();
        erased as u64
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().slots.len()
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
    fn slot(&mut self, id: u128) -> Option<&mut Arc<Slot>> {
        let at = self.places.get(&id)?.checked_sub(self.first)?;
        self.slots.get_mut(usize::try_from(at).ok()?)
    }

    fn forget_eldest(&mut self) {
        let Some(eldest) = self.slots.pop_front() else { return };
        self.first += 1;
        if let Some(record) = Record::next(&mut &*eldest.octets) {
            self.places.remove(&record.brief.id);
        }
    }
}

#[cfg(test)]
mod tests;
