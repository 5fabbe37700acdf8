//! A store in memory: for tests, and for whoever wants nothing kept. The eldest goes when a bound is reached.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use opentelemetry::trace::TraceId;

use super::{
    Capabilities, StoreError, Stored, Survives, TraceStore,
    erased::Erasures,
    index::{Index, Seq, SessionTally},
    owners::Owners,
    query::{Erased, Histogram, Page, RequestQuery, SessionSummary, Usage, Whom},
    split::Splitter,
};
use crate::{
    clock::{self, Instant},
    config::model::Store,
    rules::session::Id,
    service::BoxFuture,
    trace::{
        counters::Counters,
        quota::Quota,
        requests::row::RequestRow,
        sink::{Batch, SinkError, Source, SpanSink},
    },
};

/// Hours of which written spans are counted: a month and a day.
const HOURS_MAX: usize = 24 * 32;
const HOUR_NANOS: u64 = 3_600_000_000_000;

/// The bounds of a store in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Requests.
    pub requests_max: usize,
    /// Spans, over all traces.
    pub spans_max: usize,
    /// Spans of one trace.
    pub spans_per_trace_max: usize,
    /// Octets of spans, encoded.
    pub bytes_max: usize,
}

impl MemoryLimits {
    /// As the settings of a store say; spans are bounded by their octets.
    pub fn of(settings: &Store) -> Self {
        Self {
            requests_max: settings.requests_max,
            spans_max: usize::MAX,
            spans_per_trace_max: usize::try_from(settings.spans_per_trace_max).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(settings.size_max).unwrap_or(usize::MAX),
        }
    }
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { requests_max: 100_000, spans_max: 1_000_000, spans_per_trace_max: 100_000, bytes_max: 256 << 20 }
    }
}

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    limits: MemoryLimits,
    quota: Arc<Quota>,
    counters: Arc<Counters>,
    index: Index,
    kept: Mutex<Kept>,
    erased: Arc<Erasures>,
    owners: Arc<Owners>,
}

#[derive(Debug, Default)]
struct Kept {
    seq: Seq,
    rows: BTreeMap<Seq, RequestRow>,
    ids: HashMap<u128, Seq>,
    traces: HashMap<TraceId, Spans>,
    /// In the order in which they began.
    order: VecDeque<TraceId>,
    spans: usize,
    bytes: usize,
    /// Spans written in each hour since the Unix epoch.
    written: BTreeMap<u64, u64>,
    splitter: Splitter,
}

#[derive(Debug, Default)]
struct Spans {
    batches: Vec<Bytes>,
    spans: usize,
    bytes: usize,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(limits: MemoryLimits, quota: Arc<Quota>, counters: Arc<Counters>) -> Self {
        Self {
            limits,
            quota,
            counters,
            index: Index::default(),
            kept: Mutex::default(),
            erased: Arc::default(),
            owners: Arc::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Poisoned by a panic elsewhere: at worst a sum is off by one batch.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_spans(&self, batch: &Batch) -> Result<(), SinkError> {
        let mut kept = self.kept();
        let mut splitter = std::mem::take(&mut kept.splitter);
        let (mut taken, mut refused, mut erased, mut over_quota) = (0, 0, 0, 0);
        let now = clock::now();
        let is_full = !self.quota.admits(clock::unix_seconds());
        let split = splitter.split(batch.encoded(), |trace, spans, encoded| {
            if batch.source() != Source::Import && self.erased.refuse(trace, now) {
                erased += spans;
            } else if is_full && batch.source() == Source::App && !kept.traces.contains_key(&trace) {
                over_quota += spans;
            } else if kept.traces.get(&trace).is_some_and(|known| known.spans >= self.limits.spans_per_trace_max) {
                refused += spans;
            } else {
                taken += spans;
                kept.put(trace, spans, encoded);
            }
        });
        kept.splitter = splitter;
        let now = now.unix_nanos();
        *kept.written.entry(now / HOUR_NANOS).or_default() += taken as u64;
        while kept.written.len() > HOURS_MAX {
            kept.written.pop_first();
        }
        let mut removed = 0;
        while kept.spans > self.limits.spans_max || kept.bytes > self.limits.bytes_max {
            let Some(trace) = kept.order.pop_front() else { break };
            removed += kept.drop_trace(trace);
        }
        drop(kept);
        self.quota.spend(taken as u64, now / 1_000_000_000);
        self.counters.spans_stored.add(taken as u64);
        self.counters.spans_dropped_trace.add(refused as u64);
        self.counters.spans_dropped_erased.add(erased as u64);
        self.counters.spans_dropped_quota.add(over_quota as u64);
        self.counters.stored_spans_removed.add(removed as u64);
        split.map_err(|error| {
            self.counters.spans_dropped_store.add(batch.spans() as u64);
            SinkError::new(error)
        })
    }

    fn keep_rows(&self, rows: Vec<RequestRow>) {
        let mut kept = self.kept();
        let seqs: Vec<Seq> = rows.into_iter().map(|row| kept.put_row(row)).collect();
        self.index.put(seqs.iter().filter_map(|seq| Some((*seq, kept.rows.get(seq)?))));
        let surplus = kept.rows.len().saturating_sub(self.limits.requests_max);
        let gone: Vec<Seq> = kept.rows.keys().copied().take(surplus).collect();
        gone.iter().for_each(|seq| kept.drop_row(*seq));
        self.index.remove(gone);
        self.counters.stored_requests_removed.add(surplus as u64);
    }

    fn page(&self, query: &RequestQuery) -> Page {
        let view = self.index.view();
        let (hits, next) = view.page(query);
        let first_page_is_empty = hits.is_empty() && query.before.is_none();
        let excluded_by = if first_page_is_empty { view.excluded_by(query) } else { Vec::new() };
        let kept = self.kept();
        let bare = |row: &RequestRow| RequestRow { headers: None, ..row.clone() };
        let items = hits.iter().filter_map(|hit| kept.rows.get(&hit.seq)).map(bare).collect();
        Page { items, next, excluded_by }
    }

    fn sessions(&self, limit: usize, identity: Option<Id>) -> Vec<SessionSummary> {
        let tallies = self.index.view().sessions(limit, identity);
        let kept = self.kept();
        let spans = |trace: &u128| kept.traces.get(&TraceId::from(*trace)).map_or(0, |trace| trace.spans as u64);
        let summary = |tally: SessionTally| {
            let row = kept.rows.get(&tally.latest.seq)?;
            let spans = tally.traces.iter().map(spans).sum();
            Some(tally.summary(row.person.clone(), row.host.clone(), spans))
        };
        tallies.into_iter().filter_map(summary).collect()
    }

    fn erase(&self, whom: &Whom, owned: Vec<TraceId>) -> Erased {
        let mut kept = self.kept();
        let theirs = |row: &RequestRow| match whom {
            Whom::Session(id) => row.session == Some(*id),
            Whom::Person(name) => *row.person == **name,
        };
        let rows: Vec<_> =
            kept.rows.iter().filter(|(_, row)| theirs(row)).map(|(seq, row)| (*seq, row.trace)).collect();
        let of_browsers = self.owners.of(whom);
        let traces: HashSet<TraceId> =
            rows.iter().filter_map(|(_, trace)| *trace).chain(owned).chain(of_browsers).collect();
        let mut erased = Erased { requests: rows.len() as u64, ..Erased::default() };
        self.erased.remember(traces.iter().copied(), clock::now());
        for trace in traces {
            let spans = kept.drop_trace(trace);
            erased.traces += u64::from(spans > 0);
            erased.spans += spans as u64;
        }
        rows.iter().for_each(|(seq, _)| kept.drop_row(*seq));
        kept.forget_order();
        self.index.remove(rows.into_iter().map(|(seq, _)| seq));
        self.counters.stored_spans_removed.add(erased.spans);
        self.counters.stored_requests_removed.add(erased.requests);
        erased
    }

    fn usage(&self, since: u64) -> Usage {
        let kept = self.kept();
        Usage {
            spans_since: kept.written.range(since / HOUR_NANOS..).map(|(_, spans)| spans).sum(),
            requests: kept.rows.len() as u64,
            spans: kept.spans as u64,
            bytes: (kept.bytes + kept.rows.len() * size_of::<RequestRow>()) as u64,
            oldest: self.index.view().oldest(),
        }
    }
}

impl Kept {
    fn put(&mut self, trace: TraceId, spans: usize, encoded: &[u8]) {
        let known = self.traces.entry(trace).or_default();
        if known.batches.is_empty() {
            self.order.push_back(trace);
        }
        known.batches.push(Bytes::copy_from_slice(encoded));
        known.spans += spans;
        known.bytes += encoded.len();
        self.spans += spans;
        self.bytes += encoded.len();
    }

    /// Lets a trace go; its place in the order stays.
    fn drop_trace(&mut self, trace: TraceId) -> usize {
        let gone = self.traces.remove(&trace).unwrap_or_default();
        self.spans -= gone.spans;
        self.bytes -= gone.bytes;
        gone.spans
    }

    fn forget_order(&mut self) {
        let Self { order, traces, .. } = self;
        order.retain(|trace| traces.contains_key(trace));
    }

    fn put_row(&mut self, row: RequestRow) -> Seq {
        let next = self.seq + 1;
        let seq = *self.ids.entry(row.id).or_insert(next);
        self.seq = self.seq.max(seq);
        self.rows.insert(seq, row);
        seq
    }

    fn drop_row(&mut self, seq: Seq) {
        if let Some(row) = self.rows.remove(&seq) {
            self.ids.remove(&row.id);
        }
    }
}

impl SpanSink for MemoryStore {
    fn name(&self) -> &str {
        "store"
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move { self.keep_spans(&batch) })
    }

    fn flush(&self, _: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async { Ok(()) })
    }
}

impl TraceStore for MemoryStore {
    fn write_requests(&self, rows: Vec<RequestRow>) -> Stored<'_, ()> {
        answer(move || self.keep_rows(rows))
    }

    fn requests(&self, query: RequestQuery) -> Stored<'_, Page> {
        answer(move || self.page(&query))
    }

    fn histogram(&self, query: RequestQuery, bins: usize) -> Stored<'_, Histogram> {
        answer(move || self.index.view().histogram(&query, bins))
    }

    fn request(&self, id: u128) -> Stored<'_, Option<RequestRow>> {
        answer(move || {
            let kept = self.kept();
            kept.ids.get(&id).and_then(|seq| kept.rows.get(seq)).cloned()
        })
    }

    fn requests_of(&self, trace: TraceId) -> Stored<'_, Vec<RequestRow>> {
        answer(move || {
            let kept = self.kept();
            let mut rows: Vec<_> = kept.rows.values().filter(|row| row.trace == Some(trace)).cloned().collect();
            rows.sort_by_key(|row| (row.start, row.id));
            rows
        })
    }

    fn trace(&self, trace: TraceId) -> Stored<'_, Vec<Bytes>> {
        answer(move || self.kept().traces.get(&trace).map(|spans| spans.batches.clone()).unwrap_or_default())
    }

    fn sessions(&self, limit: usize, identity: Option<Id>) -> Stored<'_, Vec<SessionSummary>> {
        answer(move || self.sessions(limit, identity))
    }

    fn erase(&self, whom: Whom, owned: Vec<TraceId>) -> Stored<'_, Erased> {
        answer(move || self.erase(&whom, owned))
    }

    fn erasures(&self) -> Arc<Erasures> {
        Arc::clone(&self.erased)
    }

    fn owners(&self) -> Arc<Owners> {
        Arc::clone(&self.owners)
    }

    fn usage(&self, since: u64) -> Stored<'_, Usage> {
        answer(move || self.usage(since))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kind: "memory", survives: Survives::Nothing }
    }
}

fn answer<'a, T>(work: impl FnOnce() -> T + Send + 'a) -> Stored<'a, T> {
    Box::pin(async move { Ok::<T, StoreError>(work()) })
}

#[cfg(test)]
mod tests;
