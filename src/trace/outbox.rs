//! The bounded way from the workers to the collector. A full queue drops spans and counts them; it never waits.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{counters::Counters, record::SpanRecord};

/// A worker's end of the queue. A clone is the same end.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<End>);

#[derive(Debug)]
struct End {
    queue: mpsc::Sender<Vec<SpanRecord>>,
    counters: Arc<Counters>,
}

/// The collector's end of the queue.
pub type Inbox = mpsc::Receiver<Vec<SpanRecord>>;

impl Outbox {
    /// A queue for `batches_max` batches, one batch a request.
    pub fn new(batches_max: usize, counters: Arc<Counters>) -> (Self, Inbox) {
        let (queue, inbox) = mpsc::channel(batches_max.max(1));
        (Self(Arc::new(End { queue, counters })), inbox)
    }

    /// Another end of the same queue, which counts what it takes in `counters`.
    #[must_use]
    pub fn counted_by(&self, counters: Arc<Counters>) -> Self {
        Self(Arc::new(End { queue: self.0.queue.clone(), counters }))
    }

    pub(super) fn send(&self, spans: Vec<SpanRecord>) {
        let count = spans.len() as u64;
        self.0.counters.spans_recorded.add(count);
        if self.0.queue.try_send(spans).is_err() {
            self.0.counters.spans_dropped_queue.add(count);
        }
    }

    pub(super) fn count_refused(&self, spans: u32) {
        if spans > 0 {
            self.0.counters.spans_dropped_limit.add(u64::from(spans));
        }
    }
}
