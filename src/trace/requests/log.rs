//! The way of ended requests from a worker to the background: records are appended to a chunk of octets, and a chunk is
//! handed over when it is full, or a short while after its first record. No lock, and no allocation for a request: the
//! background gives the octets of a chunk back. What it has no room for is counted.

use std::{cell::RefCell, sync::Arc, time::Duration};

use tokio::sync::{Notify, mpsc};

use super::{
    entry::{ENTRY_BYTES_MAX, Entry, Record},
    row::HeaderSets,
};
use crate::trace::counters::Counters;

/// The size of a chunk, in octets.
const CHUNK_BYTES: usize = 32 * 1024;
/// Chunks of one worker that are kept to be used again.
const SPARE_MAX: usize = 4;
/// The most header sets of one chunk.
const HEADERS_MAX: usize = 64;
/// A chunk waits no longer after its first record.
pub const DELAY: Duration = Duration::from_millis(100);

/// A way to the background, for any number of workers.
#[derive(Clone, Debug)]
pub struct RequestOutbox {
    full: mpsc::Sender<Chunk>,
    counters: Arc<Counters>,
}

/// The background's end.
pub type RequestInbox = mpsc::Receiver<Chunk>;

impl RequestOutbox {
    /// A queue for `chunks_max` chunks of 32 KiB.
    pub fn new(chunks_max: usize, counters: Arc<Counters>) -> (Self, RequestInbox) {
        let (full, chunks) = mpsc::channel(chunks_max.max(1));
        (Self { full, counters }, chunks)
    }

    /// Another end of the same queue, which counts what is lost in `counters`.
    #[must_use]
    pub fn counted_by(&self, counters: Arc<Counters>) -> Self {
        Self { full: self.full.clone(), counters }
    }
}

/// Records of ended requests.
#[derive(Debug)]
pub struct Chunk {
    records: Vec<u8>,
    count: u64,
    headers: Vec<(u128, Box<HeaderSets>)>,
    back: mpsc::Sender<Vec<u8>>,
}

impl Chunk {
    /// The records, in the order in which their requests ended.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut rest = self.records.as_slice();
        std::iter::from_fn(move || Record::next(&mut rest))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes out the header sets, with the requests that they are of.
    pub fn take_headers(&mut self) -> Vec<(u128, Box<HeaderSets>)> {
        std::mem::take(&mut self.headers)
    }

    /// Gives the octets back. Where there are spare ones enough, they are freed.
    pub fn give_back(mut self) {
        self.records.clear();
        self.back.try_send(self.records).ok();
    }
}

/// The log of one worker.
#[derive(Debug)]
pub struct RequestLog {
    outbox: RequestOutbox,
    chunk: RefCell<Chunk>,
    spare: RefCell<mpsc::Receiver<Vec<u8>>>,
    begun: Notify,
}

impl RequestLog {
    /// An empty log.
    pub fn new(outbox: RequestOutbox) -> Self {
        let (back, spare) = mpsc::channel(SPARE_MAX);
        let chunk = Chunk { records: Vec::with_capacity(CHUNK_BYTES), count: 0, headers: Vec::new(), back };
        Self { outbox, chunk: RefCell::new(chunk), spare: RefCell::new(spare), begun: Notify::new() }
    }

    /// Appends the record of a request that ended.
    pub fn append(&self, entry: &Entry<'_>, headers: Option<Box<HeaderSets>>) {
        let mut chunk = self.chunk.borrow_mut();
        if chunk.count == 0 {
            self.begun.notify_one();
        }
        entry.write(&mut chunk.records);
        chunk.count += 1;
        if let Some(headers) = headers {
            chunk.headers.push((entry.id, headers));
        }
        let is_full = chunk.records.len() + ENTRY_BYTES_MAX > CHUNK_BYTES || chunk.headers.len() >= HEADERS_MAX;
        drop(chunk);
        if is_full {
            self.hand_over();
        }
    }

    /// Hands chunks over in time; never ends, and needs a runtime with time.
    pub async fn keep_handing_over(&self) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(DELAY).await;
            self.hand_over();
        }
    }

    /// Hands over what is there.
    pub fn hand_over(&self) {
        let mut chunk = self.chunk.borrow_mut();
        if chunk.count == 0 {
            return;
        }
        let spare = self.spare.borrow_mut().try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK_BYTES));
        let empty = Chunk { records: spare, count: 0, headers: Vec::new(), back: chunk.back.clone() };
        let full = std::mem::replace(&mut *chunk, empty);
        if let Err(refused) = self.outbox.full.try_send(full) {
            let lost = refused.into_inner();
            self.outbox.counters.requests_unlogged.add(lost.count);
            lost.give_back();
        }
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        self.hand_over();
    }
}

#[cfg(test)]
mod tests;
