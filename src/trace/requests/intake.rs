//! The background end of the request log: takes chunks from the workers, joins requests to their page views, keeps them
//! in the ring, publishes them, and has written down what is to be stored, in batches.

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::TraceId;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::warn;

use super::{
    entry::Record,
    join::{Joined, Joiner, Member},
    keep::{KeepRules, Keeper, TRIGGER},
    log::{Chunk, RequestInbox},
    recent::Requests,
    ring::{Ended, Place},
    row::RequestRow,
};
use crate::{
    clock,
    config::model::StoreRequests,
    trace::{
        counters::Counters,
        live::{Event, Patch},
    },
};

/// Chunks taken at once.
const CHUNKS_MAX: usize = 16;
/// Rows wait so long for others, and for their page, before they are written.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// The most rows of one write.
const ROWS_MAX: usize = 4_096;
/// Writes that may wait for the store.
const WRITES_MAX: usize = 8;

/// What is stored of requests.
#[derive(Clone, Debug)]
pub struct StoreBounds {
    /// Which.
    pub which: StoreRequests,
    /// The most untraced ones in a second.
    pub untraced_per_second_max: u64,
    /// Which untraced ones are kept as traces.
    pub keep: KeepRules,
}

/// What an intake works with.
#[derive(Clone, Debug)]
pub struct IntakeParts {
    /// Where requests are, and are published, and how they are kept as traces.
    pub keeper: Keeper,
    /// What is stored; a reload may say otherwise.
    pub bounds: watch::Receiver<StoreBounds>,
}

/// A running intake.
#[derive(Debug)]
pub struct RequestIntake {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
}

impl RequestIntake {
    /// Starts on the current tokio runtime.
    pub fn start(parts: IntakeParts, inbox: RequestInbox) -> Self {
        let mut tasks = JoinSet::new();
        let (stop, stopped) = watch::channel(());
        let (write, writes) = mpsc::channel(WRITES_MAX);
        tasks.spawn(write_down(parts.keeper.requests.clone(), Arc::clone(&parts.keeper.counters), writes));
        let running = Running {
            parts,
            joiner: Joiner::default(),
            known: Vec::new(),
            pending: Vec::new(),
            write,
            second: 0,
            untraced: 0,
        };
        tasks.spawn(running.run(inbox, stopped));
        Self { tasks, stop }
    }

    /// Takes what waits, has it written, and gives up after `within`. Call it when the workers have ended.
    pub async fn shutdown(mut self, within: Duration) {
        self.stop.send_replace(());
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            warn!("the log of requests did not end in time");
        }
    }
}

enum Write {
    Rows(Vec<(Place, RequestRow)>),
    Patches(Vec<(Place, Patch)>),
}

struct Running {
    parts: IntakeParts,
    joiner: Joiner,
    /// What is known of the requests of the chunk that is being taken, in order.
    known: Vec<Known>,
    /// Rows to be stored, and where their requests are.
    pending: Vec<(Place, RequestRow)>,
    write: mpsc::Sender<Write>,
    /// The second that untraced requests are counted in, since the Unix epoch.
    second: u64,
    untraced: u64,
}

/// What became known of a request when it came.
#[derive(Clone, Copy)]
struct Known {
    page: Option<u128>,
    /// The trace that a rule made of it.
    kept: Option<TraceId>,
}

impl Running {
    async fn run(mut self, mut inbox: RequestInbox, mut stopped: watch::Receiver<()>) {
        let mut chunks = Vec::with_capacity(CHUNKS_MAX);
        let mut due = tokio::time::interval(WRITE_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                _ = due.tick() => self.write_pending(),
                taken = inbox.recv_many(&mut chunks, CHUNKS_MAX) => {
                    if taken == 0 {
                        break;
                    }
                    self.take(&mut chunks);
                }
            }
        }
        inbox.close();
        while inbox.recv_many(&mut chunks, CHUNKS_MAX).await > 0 {
            self.take(&mut chunks);
        }
        self.write_pending();
    }

    fn take(&mut self, chunks: &mut Vec<Chunk>) {
        let bounds = self.parts.bounds.borrow_and_update().clone();
        let requests = self.parts.keeper.requests.clone();
        let mut patches = Vec::new();
        for mut chunk in chunks.drain(..) {
            let first = requests.ring().end();
            self.look(&chunk, first, &bounds.keep, &mut patches);
            let events = chunk.records().zip(&self.known);
            // Read where somebody wants it, and else not.
            let events = events.map(|(record, known)| move || Some(Event::Request(Arc::new(row(record, *known)?))));
            self.parts.keeper.hub.publish_all(chunk.count(), events);
            if requests.store().is_some() {
                self.store(&mut chunk, first, &bounds);
            }
            requests.ring().push(chunk.records().zip(&self.known).map(|(record, known)| Ended {
                octets: record.octets,
                page: known.page,
                trace: known.kept.map(|trace| (trace, TRIGGER)),
            }));
            chunk.give_back();
        }
        self.patch(patches);
        if self.pending.len() >= ROWS_MAX {
            self.write_pending();
        }
    }

    /// Finds out what can be known of a chunk's requests, the first of which will be in the place `first`.
    fn look(&mut self, chunk: &Chunk, first: Place, keep: &KeepRules, patches: &mut Vec<(Place, Patch)>) {
        self.known.clear();
        for (record, further) in chunk.records().zip(0..) {
            let Joined { page, late } = self.joiner.join(first.plus(further), record.brief);
            let patch = |Member { id, place }| (place, Patch { id, page, trace: None });
            patches.extend(late.into_iter().map(patch));
            let kept = self.kept(record, keep);
            self.known.push(Known { page, kept });
        }
    }

    /// The trace that a rule made of a request.
    fn kept(&self, record: Record<'_>, keep: &KeepRules) -> Option<TraceId> {
        if record.is_traced || keep.rules.is_empty() {
            return None;
        }
        self.parts.keeper.keep_by_rule(&record.entry()?, keep)
    }

    /// Has those of a chunk's requests written down that are to be.
    fn store(&mut self, chunk: &mut Chunk, first: Place, bounds: &StoreBounds) {
        let mut headers = chunk.take_headers();
        for (at, record) in chunk.records().enumerate() {
            let known = self.known[at];
            if !(record.is_traced || known.kept.is_some() || self.has_room(bounds)) {
                continue;
            }
            let sets = headers.iter().position(|(id, _)| *id == record.brief.id);
            let headers = sets.map(|at| headers.swap_remove(at).1);
            self.pending.extend(row(record, known).map(|row| (first.plus(at as u64), RequestRow { headers, ..row })));
        }
    }

    /// Whether an untraced request is stored, by the settings.
    fn has_room(&mut self, bounds: &StoreBounds) -> bool {
        if bounds.which == StoreRequests::Traced {
            return false;
        }
        let second = clock::unix_seconds();
        if self.second != second {
            (self.second, self.untraced) = (second, 0);
        }
        if self.untraced >= bounds.untraced_per_second_max {
            self.parts.keeper.counters.requests_unstored.one();
            return false;
        }
        self.untraced += 1;
        true
    }

    fn patch(&mut self, mut patches: Vec<(Place, Patch)>) {
        for (place, patch) in &patches {
            self.parts.keeper.hub.publish(|| Event::RequestPatch(patch.clone()));
            self.parts.keeper.requests.ring().patch(*place, patch);
        }
        patches.retain(|(place, patch)| match self.pending.binary_search_by_key(place, |(place, _)| *place) {
            Ok(at) => {
                let (_, row) = &mut self.pending[at];
                row.page = patch.page.or(row.page);
                false
            }
            Err(_) => self.parts.keeper.requests.store().is_some(),
        });
        // Rows that are written already, or are being written: after them.
        let count = patches.len() as u64;
        if count > 0 && self.write.try_send(Write::Patches(patches)).is_err() {
            self.parts.keeper.counters.requests_unstored.add(count);
        }
    }

    fn write_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.pending);
        let count = rows.len() as u64;
        if self.write.try_send(Write::Rows(rows)).is_err() {
            self.parts.keeper.counters.requests_unstored.add(count);
        }
    }
}

/// What a record tells, and what became known of its request.
fn row(record: Record<'_>, known: Known) -> Option<RequestRow> {
    let mut row = record.entry()?.row();
    row.page = known.page;
    if let Some(trace) = known.kept {
        (row.trace, row.trigger) = (Some(trace), TRIGGER.into());
    }
    Some(row)
}

/// Writes to the store, one thing after the other, until nothing comes any more.
async fn write_down(requests: Requests, counters: Arc<Counters>, mut writes: mpsc::Receiver<Write>) {
    while let Some(write) = writes.recv().await {
        match write {
            Write::Rows(rows) => {
                let Some(store) = requests.store() else { continue };
                let (places, rows): (Vec<Place>, Vec<RequestRow>) = rows.into_iter().unzip();
                match store.write_requests(rows).await {
                    Ok(()) => patch_stored(&requests, requests.ring().stored(places)).await,
                    Err(error) => {
                        counters.requests_unstored.add(places.len() as u64);
                        warn!(%error, requests = places.len(), "requests were not stored");
                    }
                }
            }
            Write::Patches(patches) => patch_stored(&requests, patches).await,
        }
    }
}

async fn patch_stored(requests: &Requests, patches: Vec<(Place, Patch)>) {
    for (place, patch) in patches {
        if let Err(error) = requests.patch(Some(place), &patch).await {
            warn!(%error, "a stored request could not be joined to its page or its trace");
        }
    }
}

#[cfg(test)]
mod tests;
