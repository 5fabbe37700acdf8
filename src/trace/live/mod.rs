//! What happens now, for whoever looks: requests as they end, spans as they arrive, the state of traces. Published by
//! the background in batches; readers share each batch, and what one of them encoded, so that a thousand of them cost
//! the publisher no more than one, and the request path nothing.
//!
//! Every event has a number. A reader who lost his connection goes on after the last number he saw, as long as that is
//! remembered; else, and where he is too slow, he is told which numbers he missed.

pub mod state;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use opentelemetry::trace::TraceId;
use tokio::sync::watch;

use self::state::States;
use super::{
    counters::Counters,
    quota::{Quota, QuotaState},
    requests::row::RequestRow,
    sink::Batch as SpanBatch,
};
use crate::{
    clock::{self, Instant},
    config::model::ConsoleLimits,
    rules::reading::progress::Progress,
};

/// The bounds of a hub.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Events of one batch; more are skipped, and readers told of the gap. Four batches make a second.
    pub batch_events_max: usize,
    /// Batches that are remembered for readers who come back.
    pub replay_batches_max: usize,
    /// Traces that are watched at once.
    pub watched_max: usize,
    /// Batches handed to readers in a second, over all of them: where there are many, each gets fewer and longer ones.
    pub deliveries_per_second_max: u64,
    /// Events handed to readers in a second, over all of them.
    pub delivered_events_per_second_max: u64,
}

impl HubLimits {
    /// As configured.
    pub fn of(console: &ConsoleLimits) -> Self {
        Self {
            batch_events_max: console.batch_events_max,
            replay_batches_max: console.replay_batches_max,
            watched_max: console.traces_followed_max,
            deliveries_per_second_max: console.deliveries_per_second_max,
            delivered_events_per_second_max: console.delivered_events_per_second_max,
        }
    }
}

/// How often batches are published, and how long they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    every: Duration,
    events_max: usize,
}

impl HubLimits {
    /// For so many readers. What they are handed passes through the workers that serve them: a thousand readers of a busy
    /// site would cost more than the site.
    fn pace(&self, readers: usize) -> Pace {
        let readers = readers.max(1) as u64;
        let millis = (readers * 1_000).div_ceil(self.deliveries_per_second_max.max(1));
        // It is looked at so often, and no batch goes between two looks.
        let looks = u128::from(millis).div_ceil(BATCH_EVERY.as_millis());
        let every = BATCH_EVERY.saturating_mul(u32::try_from(looks).unwrap_or(u32::MAX));
        let share = self.delivered_events_per_second_max / readers;
        let events = u128::from(share) * every.as_millis() / 1_000;
        let events_max = usize::try_from(events).unwrap_or(usize::MAX).clamp(1, self.batch_events_max.max(1));
        Pace { every, events_max }
    }
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            batch_events_max: 256,
            replay_batches_max: 64,
            watched_max: 1024,
            deliveries_per_second_max: 500,
            delivered_events_per_second_max: 32_768,
        }
    }
}

/// Batches are published this often, or less often where there are many readers.
pub const BATCH_EVERY: Duration = Duration::from_millis(250);
/// How far the quota is spent is published this often, where it changed.
pub const QUOTA_EVERY: Duration = Duration::from_secs(1);
/// What nobody looks at any more is published so much longer, for readers who come back.
const WATCH_AFTER: Duration = Duration::from_secs(60);

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A request ended.
    Request(Arc<RequestRow>),
    /// More is known of a request.
    RequestPatch(Patch),
    /// Spans of a watched trace arrived: an `ExportTraceServiceRequest` with spans of this trace only.
    Spans(TraceId, SpanBatch),
    /// A watched trace goes on, or is complete.
    State(TraceId, Progress),
    /// The month's quota was spent a little more, or begins anew.
    Quota(QuotaState),
}

/// What became known of a request after it was listed. What is `None` stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Which.
    pub id: u128,
    /// Its page view.
    pub page: Option<u128>,
    /// Its trace, and why it was kept.
    pub trace: Option<(TraceId, Box<str>)>,
}

/// Events published together.
#[derive(Debug)]
pub struct Batch {
    /// The events, with their numbers, in order.
    pub events: Vec<(u64, Event)>,
    encoded: OnceLock<Bytes>,
}

impl Batch {
    /// The events that every reader gets (requests and their patches), as `encode` writes them: once, for all readers.
    pub fn encoded(&self, encode: impl FnOnce(&[(u64, Event)]) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(&self.events)).clone()
    }

    fn last(&self) -> u64 {
        self.events.last().map_or(0, |(number, _)| *number)
    }
}

/// What a reader gets.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Events.
    Batch(Arc<Batch>),
    /// Events from one number to another, both included, are lost to this reader.
    Gap {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
}

/// Where events are published and read.
#[derive(Debug)]
pub struct Hub {
    limits: HubLimits,
    counters: Arc<Counters>,
    inner: Mutex<Inner>,
    states: Mutex<States>,
    /// The number of the last event published.
    published: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The last number given away.
    number: u64,
    /// Events of one batch, as many readers as there are now.
    events_max: usize,
    pending: Vec<(u64, Event)>,
    replay: VecDeque<Arc<Batch>>,
    watched: HashMap<TraceId, Watched>,
    /// Until when events are kept for readers who may come back.
    looked_at_until: Option<Instant>,
}

#[derive(Debug)]
struct Watched {
    readers: usize,
    left: Instant,
}

impl Hub {
    /// A hub without events. Numbers begin at the present moment, so that those of an earlier process are lower.
    pub fn new(limits: HubLimits, counters: Arc<Counters>) -> Arc<Self> {
        // Milliseconds: far below what a JSON number holds exactly.
        let number = clock::now().unix_nanos() / 1_000_000;
        let inner = Mutex::new(Inner { number, events_max: limits.batch_events_max, ..Inner::default() });
        Arc::new(Self { limits, counters, inner, states: Mutex::default(), published: watch::Sender::new(number) })
    }

    /// Publishes an event with the next batch. It is only made where somebody looks; it takes a number in any case, so
    /// that whoever comes back sees that something is missing.
    pub fn publish<E: Into<Option<Event>>>(&self, event: impl FnOnce() -> E) {
        self.publish_all(1, std::iter::once(event));
    }

    /// Publishes `count` events, as [`Self::publish`] does each.
    pub fn publish_all<E: Into<Option<Event>>, F: FnOnce() -> E>(&self, count: u64, events: impl Iterator<Item = F>) {
        let mut inner = self.lock();
        let looked_at = self.published.receiver_count() > 0 || inner.looked_at_until.is_some();
        if !looked_at {
            inner.number += count;
            return;
        }
        for event in events {
            inner.number += 1;
            let number = inner.number;
            // A batch has no hole: after what was skipped, the next one begins. Readers see a gap between two batches.
            let follows = inner.pending.last().is_none_or(|(last, _)| last + 1 == number);
            if !follows || inner.pending.len() >= inner.events_max {
                self.counters.live_events_skipped.one();
                continue;
            }
            inner.pending.extend(event().into().map(|event| (number, event)));
        }
    }

    /// Publishes batches for ever.
    pub async fn run(self: Arc<Self>) {
        let mut due = tokio::time::interval(BATCH_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = clock::now();
        loop {
            due.tick().await;
            let pace = self.limits.pace(self.published.receiver_count());
            let now = clock::now();
            // A tick may come a little early by another clock.
            if now.since(last) + BATCH_EVERY / 2 >= pace.every {
                last = now;
                self.flush();
            }
            self.lock().events_max = pace.events_max;
        }
    }

    /// Publishes for ever how far the month's quota is spent: once a second at most, and where it changed only.
    pub async fn tell_quota(self: Arc<Self>, quota: Arc<Quota>) {
        let mut due = tokio::time::interval(QUOTA_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = quota.state(clock::unix_seconds());
        loop {
            due.tick().await;
            let state = quota.state(clock::unix_seconds());
            if state != told {
                self.publish(|| Event::Quota(state));
                told = state;
            }
        }
    }

    /// Publishes what waits, now.
    pub fn flush(&self) {
        let mut inner = self.lock();
        let now = clock::now();
        inner.watched.retain(|_, watched| watched.readers > 0 || now.since(watched.left) < WATCH_AFTER);
        if self.published.receiver_count() > 0 {
            inner.looked_at_until = Some(now.plus(WATCH_AFTER));
        } else if inner.looked_at_until.is_some_and(|until| until <= now) {
            inner.looked_at_until = None;
            inner.replay.clear();
            inner.pending.clear();
        }
        if !inner.pending.is_empty() {
            let events = std::mem::take(&mut inner.pending);
            inner.replay.push_back(Arc::new(Batch { events, encoded: OnceLock::new() }));
            if inner.replay.len() > self.limits.replay_batches_max {
                inner.replay.pop_front();
            }
        }
        let number = inner.number;
        drop(inner);
        self.published.send_if_modified(|published| std::mem::replace(published, number) != number);
    }

    /// Reads from now on; or after the number that `after` names, the last that the reader saw.
    pub fn subscribe(self: &Arc<Self>, after: Option<u64>) -> Reader {
        let published = self.published.subscribe();
        let now = self.lock().number;
        // A number that was never given away is no reader's of this process.
        let next = after.map_or(now, |after| after.min(now)) + 1;
        Reader { hub: Arc::clone(self), published, next }
    }

    /// From now on the spans of `trace` are published, until what is given back is dropped. `None` where too many are
    /// watched.
    pub fn watch(self: &Arc<Self>, trace: TraceId) -> Option<Watching> {
        let mut inner = self.lock();
        if inner.watched.len() >= self.limits.watched_max && !inner.watched.contains_key(&trace) {
            return None;
        }
        let watched = inner.watched.entry(trace).or_insert(Watched { readers: 0, left: clock::now() });
        watched.readers += 1;
        Some(Watching { hub: Arc::clone(self), trace })
    }

    /// Whether somebody looks at `trace`.
    pub fn is_watched(&self, trace: TraceId) -> bool {
        let inner = self.lock();
        !inner.watched.is_empty() && inner.watched.contains_key(&trace)
    }

    /// How far a trace is; `None` if nothing is known of it, which means that it is long over.
    pub fn state(&self, trace: TraceId) -> Option<Progress> {
        self.states().state(trace, clock::now())
    }

    /// Publishes how far watched traces are, where that changed.
    pub fn publish_states(&self) {
        let watched: Vec<TraceId> = self.lock().watched.keys().copied().collect();
        if watched.is_empty() {
            return;
        }
        let changed = self.states().changed(&watched, clock::now());
        for (trace, state) in changed {
            self.publish(|| Event::State(trace, state));
        }
    }

    /// The state of recent traces.
    pub(super) fn states(&self) -> MutexGuard<'_, States> {
        // Poisoned by a panic elsewhere, it is still whole.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Poisoned by a panic elsewhere, it is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first batch with something at or after `next`.
    fn find(&self, next: u64) -> Option<Arc<Batch>> {
        let inner = self.lock();
        let at = inner.replay.partition_point(|batch| batch.last() < next);
        inner.replay.get(at).map(Arc::clone)
    }
}

/// Keeps the spans of a trace being published.
#[derive(Debug)]
pub struct Watching {
    hub: Arc<Hub>,
    trace: TraceId,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(watched) = self.hub.lock().watched.get_mut(&self.trace) {
            watched.readers = watched.readers.saturating_sub(1);
            watched.left = clock::now();
        }
    }
}

/// One who looks.
#[derive(Debug)]
pub struct Reader {
    hub: Arc<Hub>,
    published: watch::Receiver<u64>,
    next: u64,
}

impl Reader {
    /// What comes next. May be dropped and asked again: nothing is lost.
    pub async fn next(&mut self) -> Delivery {
        let next = self.next;
        // What is waited for is not held across another await.
        let waited = self.published.wait_for(|published| *published >= next).await.map(|published| *published);
        let published = match waited {
            Ok(published) => published,
            // The hub, which this reader holds, never goes away before it.
            Err(_) => std::future::pending().await,
        };
        let Some(batch) = self.hub.find(next) else {
            // Everything up to there was skipped, or is forgotten.
            self.next = published + 1;
            return Delivery::Gap { from: next, to: published };
        };
        let first = batch.events.first().map_or(next, |(number, _)| *number);
        if first > next {
            self.next = first;
            return Delivery::Gap { from: next, to: first - 1 };
        }
        self.next = batch.last() + 1;
        if first == next {
            return Delivery::Batch(batch);
        }
        // Begun in the middle: a batch of its own, for this reader alone.
        let events = batch.events.iter().filter(|(number, _)| *number >= next).cloned().collect();
        Delivery::Batch(Arc::new(Batch { events, encoded: OnceLock::new() }))
    }
}

#[cfg(test)]
mod tests;
