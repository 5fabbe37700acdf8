//! Pages, histograms and sums over the blocks as they were at one moment. Nothing is locked here.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    Seq,
    block::{Block, is_failure},
    mask::Mask,
};
use crate::{
    rules::session::Id,
    trace::store::query::{BINS_MAX, Bin, Cursor, Histogram, PAGE_MAX, RequestQuery, SessionSummary, Traced},
};

/// All blocks at one moment, those with the latest requests first.
#[derive(Debug)]
pub(in crate::trace::store) struct View(Vec<Arc<Block>>);

/// A request that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::trace::store) struct Hit {
    /// Its place in the list.
    pub(in crate::trace::store) place: Cursor,
    /// Its number in the store.
    pub(in crate::trace::store) seq: Seq,
}

/// What can be said of a session from its requests.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::trace::store) struct SessionTally {
    /// Its id.
    pub(in crate::trace::store) id: Id,
    /// Its latest request.
    pub(in crate::trace::store) latest: Hit,
    /// When its first began.
    pub(in crate::trace::store) first: u64,
    /// Its requests.
    pub(in crate::trace::store) requests: u64,
    /// Its failed requests.
    pub(in crate::trace::store) failed: u64,
    /// Its page views.
    pub(in crate::trace::store) pages: HashSet<u128>,
    /// Its traces.
    pub(in crate::trace::store) traces: HashSet<u128>,
}

impl SessionTally {
    /// With what only the store knows.
    pub(in crate::trace::store) fn summary(self, person: Box<str>, host: Box<str>, spans: u64) -> SessionSummary {
        SessionSummary {
            id: self.id,
            person,
            host,
            first: self.first,
            last: self.latest.place.start,
            requests: self.requests,
            pages: self.pages.len() as u64,
            traces: self.traces.len() as u64,
            spans,
            failed: self.failed,
        }
    }
}

/// Conditions of a query, each with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Find,
    Time,
    Session,
    Browser,
    Page,
    Trace,
    Traced,
}

impl Part {
    // What is decided by single numbers goes first.
    const ALL: [(Self, &'static str); 7] = [
        (Self::Time, "time"),
        (Self::Session, "session"),
        (Self::Browser, "browser"),
        (Self::Page, "page"),
        (Self::Trace, "trace"),
        (Self::Traced, "traced"),
        (Self::Find, "find"),
    ];

    fn is_asked(self, query: &RequestQuery) -> bool {
        match self {
            Self::Find => !query.find.is_empty(),
            Self::Time => query.from.is_some() || query.to.is_some(),
            Self::Session => query.session.is_some(),
            Self::Browser => query.identity.is_some(),
            Self::Page => query.page.is_some(),
            Self::Trace => query.trace.is_some(),
            Self::Traced => query.traced == Traced::Only,
        }
    }

    /// Leaves the rows of `block` that fulfil this condition.
    fn apply(self, block: &Block, query: &RequestQuery, mask: &mut Mask) {
        let is = |column: &super::dictionary::Values<u128>, wanted: Option<[u8; 16]>, mask: &mut Mask| {
            if let Some(wanted) = wanted {
                mask.retain(column.is(u128::from_be_bytes(wanted)));
            }
        };
        match self {
            Self::Find => block.find(&query.find, mask),
            Self::Time => {
                let (from, to) = (query.from.unwrap_or(0), query.to.unwrap_or(u64::MAX));
                if block.start_min < from || block.start_max >= to {
                    mask.retain(|row| (from..to).contains(&block.place(row).0));
                }
            }
            Self::Session => is(&block.sessions, query.session.map(Id::to_bytes), mask),
            Self::Browser => is(&block.identities, query.identity.map(Id::to_bytes), mask),
            Self::Page => is(&block.pages, query.page.map(u128::to_be_bytes), mask),
            Self::Trace => is(&block.traces, query.trace.map(|trace| trace.to_bytes()), mask),
            Self::Traced => {
                if query.traced == Traced::Only {
                    mask.retain(|row| block.traces.is_there(row));
                }
            }
        }
    }
}

impl View {
    pub(super) fn new(mut blocks: Vec<Arc<Block>>) -> Self {
        blocks.sort_by_key(|block| Reverse(block.start_max));
        Self(blocks)
    }

    /// The requests that come first in the list, at most as many as asked for, and where the next page begins.
    pub(in crate::trace::store) fn page(&self, query: &RequestQuery) -> (Vec<Hit>, Option<Cursor>) {
        let limit = query.limit.clamp(1, PAGE_MAX);
        // One more than wanted tells whether there is another page. The least of them is on top.
        let mut best = BinaryHeap::with_capacity(limit + 2);
        for block in &self.0 {
            let full = best.len() > limit;
            if full && best.peek().is_some_and(|Reverse(least): &Reverse<Hit>| block.start_max < least.place.start) {
                break;
            }
            if query.before.is_some_and(|before| block.start_min > before.start) {
                continue;
            }
            for row in select(block, query).rows() {
                let (start, id) = block.place(row);
                let hit = Hit { place: Cursor { start, id }, seq: block.seq(row) };
                if query.before.is_some_and(|before| hit.place >= before) {
                    continue;
                }
                if best.len() <= limit {
                    best.push(Reverse(hit));
                } else if best.peek().is_some_and(|Reverse(least)| hit > *least) {
                    best.pop();
                    best.push(Reverse(hit));
                }
            }
        }
        let mut hits: Vec<_> = best.into_sorted_vec().into_iter().map(|Reverse(hit)| hit).collect();
        let more = hits.len() > limit;
        hits.truncate(limit);
        let next = hits.last().filter(|_| more).map(|hit| hit.place);
        (hits, next)
    }

    /// For each condition: how many requests fulfil all others, and so are kept out by it alone.
    pub(in crate::trace::store) fn excluded_by(&self, query: &RequestQuery) -> Vec<(&'static str, u64)> {
        let asked: Vec<_> = Part::ALL.into_iter().filter(|(part, _)| part.is_asked(query)).collect();
        let mut counts = vec![0; asked.len()];
        // A single condition keeps all out.
        if let [count] = &mut counts[..] {
            *count = self.0.iter().map(|block| block.len() as u64).sum();
        }
        for block in self.0.iter().filter(|_| asked.len() > 1) {
            let live = block.live();
            let masks: Vec<Mask> = asked
                .iter()
                .map(|(part, _)| {
                    let mut mask = live.clone();
                    part.apply(block, query, &mut mask);
                    mask
                })
                .collect();
            for (without, count) in counts.iter_mut().enumerate() {
                let mut rest = live.clone();
                let others = masks.iter().enumerate().filter(|(index, _)| *index != without);
                others.for_each(|(_, mask)| rest.and(mask));
                *count += rest.count() as u64;
            }
        }
        let mut excluded: Vec<_> =
            asked.iter().map(|(_, name)| *name).zip(counts).filter(|(_, count)| *count > 0).collect();
        excluded.sort_by_key(|(_, count)| Reverse(*count));
        excluded
    }

    /// How many requests fall into each part of the query's time; without bounds, of the time that was found.
    pub(in crate::trace::store) fn histogram(&self, query: &RequestQuery, bins: usize) -> Histogram {
        let bins = bins.clamp(1, BINS_MAX);
        let found: Vec<_> = self.0.iter().map(|block| (block, select(block, query))).collect();
        let starts = || found.iter().flat_map(|(block, mask)| mask.rows().map(|row| block.place(row).0));
        let (from, to) = match (query.from, query.to) {
            (Some(from), Some(to)) => (from, to),
            (from, to) => {
                let (mut first, mut last) = (u64::MAX, 0);
                starts().for_each(|start| (first, last) = (first.min(start), last.max(start)));
                let first = first.min(last);
                (from.unwrap_or(first), to.unwrap_or(last.saturating_add(1)))
            }
        };
        let width = to.saturating_sub(from).div_ceil(bins as u64).max(1);
        let mut histogram = Histogram { from, width, bins: vec![Bin::default(); bins] };
        for (block, mask) in &found {
            for row in mask.rows() {
                let index = block.place(row).0.checked_sub(from).map(|since| since / width);
                let index = index.and_then(|index| usize::try_from(index).ok());
                let Some(bin) = index.and_then(|index| histogram.bins.get_mut(index)) else { continue };
                bin.all += 1;
                bin.traced += u64::from(block.traces.is_there(row));
                let status = block.status(row);
                bin.client_errors += u64::from((400..500).contains(&status));
                bin.server_errors += u64::from(is_failure(status));
            }
        }
        histogram
    }

    /// All sessions, or those of one sign-in, the latest first, at most `limit`.
    pub(in crate::trace::store) fn sessions(&self, limit: usize, identity: Option<Id>) -> Vec<SessionTally> {
        let whose = identity.map(|id| u128::from_be_bytes(id.to_bytes()));
        let mut sessions: HashMap<u128, SessionTally> = HashMap::new();
        for block in &self.0 {
            let mut mask = block.live();
            mask.retain(|row| block.sessions.is_there(row));
            if whose.is_some() {
                mask.retain(|row| block.identities.at(row) == whose);
            }
            for row in mask.rows() {
                let Some(id) = block.sessions.at(row) else { continue };
                let (start, request) = block.place(row);
                let hit = Hit { place: Cursor { start, id: request }, seq: block.seq(row) };
                let session = sessions.entry(id).or_insert_with(|| SessionTally {
                    id: Id::from_bytes(id.to_be_bytes()),
                    latest: hit,
                    first: start,
                    requests: 0,
                    failed: 0,
                    pages: HashSet::new(),
                    traces: HashSet::new(),
                });
                session.latest = session.latest.max(hit);
                session.first = session.first.min(start);
                session.requests += 1;
                session.failed += u64::from(is_failure(block.status(row)));
                session.pages.extend(block.pages.at(row));
                session.traces.extend(block.traces.at(row));
            }
        }
        let mut sessions: Vec<_> = sessions.into_values().collect();
        sessions.sort_by_key(|session| Reverse(session.latest));
        sessions.truncate(limit);
        sessions
    }

    /// When the oldest request began.
    pub(in crate::trace::store) fn oldest(&self) -> Option<u64> {
        let starts = self.0.iter().map(|block| block.live().rows().map(|row| block.place(row).0).min());
        starts.flatten().min()
    }
}

/// The rows of a block that fulfil all conditions.
fn select(block: &Block, query: &RequestQuery) -> Mask {
    let out_of_time =
        query.from.is_some_and(|from| block.start_max < from) || query.to.is_some_and(|to| block.start_min >= to);
    if out_of_time {
        return Mask::default();
    }
    let mut mask = block.live();
    Part::ALL.iter().filter(|(part, _)| part.is_asked(query)).for_each(|(part, _)| part.apply(block, query, &mut mask));
    mask
}
