//! A back end's queue, bounded by spans and by octets; what is being sent counts too. A full queue drops its oldest
//! batches, and takes none that would not fit even then.

use std::{
    collections::VecDeque,
    sync::{Mutex, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time};

use super::{super::sink::Batch, lock, parts::Parts};
use crate::clock::{self, Instant};

/// The bounds of a queue, and when a message leaves it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) spans_max: usize,
    pub(super) bytes_max: usize,
    pub(super) batch_spans_max: usize,
    pub(super) batch_delay: Duration,
}

#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    /// One sender gathers at a time; the others wait here in turn.
    turn: tokio::sync::Mutex<()>,
    /// A batch has come, or a message is full.
    news: Notify,
    /// Nothing is left.
    empty: Notify,
    hurry: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<(Instant, Batch)>,
    /// Spans of `batches` alone.
    spans_waiting: usize,
    /// Spans and octets of `batches` and of messages being sent.
    spans: usize,
    bytes: usize,
}

/// What is sent at once.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Requests in a row are one request: its fields are repeated (protobuf encoding, "last one wins").
    pub(super) encoded: Parts,
    pub(super) spans: usize,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            news: Notify::new(),
            empty: Notify::new(),
            hurry: AtomicBool::new(false),
        }
    }

    /// Takes a batch, and says how many spans were dropped.
    pub(super) fn push(&self, batch: Batch) -> usize {
        let (spans, bytes) = (batch.spans(), batch.encoded().len());
        let mut state = lock(&self.state);
        let mut dropped = 0;
        while state.spans + spans > self.limits.spans_max || state.bytes + bytes > self.limits.bytes_max {
            let Some((_, oldest)) = state.batches.pop_front() else { return dropped + spans };
            dropped += oldest.spans();
            state.spans_waiting -= oldest.spans();
            state.spans -= oldest.spans();
            state.bytes -= oldest.encoded().len();
        }
        let idle = state.batches.is_empty();
        state.spans += spans;
        state.spans_waiting += spans;
        state.bytes += bytes;
        state.batches.push_back((clock::now(), batch));
        if idle || state.spans_waiting >= self.limits.batch_spans_max {
            self.news.notify_one();
        }
        dropped
    }

    /// Waits for a message: until one is full, its oldest span has waited long enough, or there is a hurry.
    pub(super) async fn gather(&self) -> Message {
        let _turn = self.turn.lock().await;
        loop {
            let due = {
                let mut state = lock(&self.state);
                let now = clock::now();
                let due = state.batches.front().map(|(since, _)| since.plus(self.limits.batch_delay));
                let full = state.spans_waiting >= self.limits.batch_spans_max;
                let hurry = self.hurry.load(Ordering::Relaxed);
                if due.is_some_and(|due| full || hurry || due <= now) {
                    return state.take(self.limits.batch_spans_max);
                }
                due.map(|due| due.since(now))
            };
            match due {
                None => self.news.notified().await,
                // Whether it was news or the time that passed: look again.
                Some(wait) => drop(time::timeout(wait, self.news.notified()).await),
            }
        }
    }

    /// The message is dealt with, one way or another.
    pub(super) fn done(&self, message: &Message) {
        let mut state = lock(&self.state);
        state.spans -= message.spans;
        state.bytes -= message.encoded.len();
        if state.spans == 0 {
            self.empty.notify_waiters();
        }
    }

    /// From now on messages do not wait to be filled.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
        self.news.notify_one();
    }

    /// Waits until nothing is left.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.empty.notified();
            if lock(&self.state).spans == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Forgets everything, and says how many spans that were.
    pub(super) fn clear(&self) -> usize {
        let State { spans, .. } = std::mem::take(&mut *lock(&self.state));
        spans
    }

    /// Spans and octets, waiting and being sent.
    pub(super) fn size(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.spans, state.bytes)
    }
}

impl State {
    /// The oldest batches that fit into one message, at least one.
    fn take(&mut self, spans_max: usize) -> Message {
        let mut taken = Vec::new();
        let mut spans = 0;
        while let Some((_, batch)) = self.batches.front() {
            if spans > 0 && spans + batch.spans() > spans_max {
                break;
            }
            spans += batch.spans();
            taken.extend(self.batches.pop_front().map(|(_, batch)| batch.encoded().clone()));
        }
        self.spans_waiting -= spans;
        Message { encoded: taken.into_iter().collect(), spans }
    }
}

#[cfg(test)]
mod tests;
