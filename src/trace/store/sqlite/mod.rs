//! The store on disk: one SQLite file in write-ahead mode, and an index of its requests in memory.
//!
//! One thread writes ([`writer`]): what comes within the flush interval is one transaction, and a write is done when it
//! is on the disk. A few threads read ([`read`]). When the file cannot be written, writes fail, are counted, and are
//! tried again with the next ones; the edge runs on.

mod log;
mod packing;
mod queue;
mod read;
mod retention;
mod rows;
mod schema;
mod traces;
mod writer;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use bytes::Bytes;
use opentelemetry::trace::TraceId;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

pub use self::schema::backup;
use self::{
    queue::{Job, Queue, Waiting},
    read::{Reader, Readers},
    writer::Writer,
};
use super::{
    Capabilities, Erasures, Owners, StoreError, Stored, Survives, TraceStore,
    index::{Index, SessionTally},
    query::{Erased, Histogram, Page, RequestQuery, SessionSummary, Usage, Whom},
};
use crate::{
    clock::{self, Instant},
    config::model::Store as Settings,
    error::BoxError,
    rules::session::Id,
    service::BoxFuture,
    trace::{
        counters::Counters,
        quota::Quota,
        requests::row::RequestRow,
        sink::{Batch, Sink, SinkError, SpanSink},
    },
};

/// The store's file, in the state directory.
pub const FILE: &str = "traces.db";
/// The largest batch of one trace that is read back, in octets: more than any message that is taken in.
const BATCH_BYTES_MAX: usize = 256 << 20;

/// A store on disk.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    queue: Queue,
    readers: Readers,
    shared: Arc<Shared>,
}

/// What the threads of a store share.
#[derive(Debug)]
struct Shared {
    index: Index,
    quota: Arc<Quota>,
    counters: Arc<Counters>,
    erased: Arc<Erasures>,
    owners: Arc<Owners>,
    /// Counts files: another one takes the place of a broken one.
    file: AtomicU64,
    /// Spans that are kept.
    spans: AtomicU64,
    /// Whether the index holds all requests.
    loaded: watch::Sender<bool>,
}

impl SqliteStore {
    /// Opens the store in `directory`, on threads of its own, which end when it is dropped. A file that is broken is set
    /// aside; one that cannot be written is tried again later.
    ///
    /// # Errors
    /// A newer Waylight wrote the file, or no thread can be started.
    pub fn start(
        directory: &Path,
        settings: &Settings,
        quota: Arc<Quota>,
        counters: Arc<Counters>,
    ) -> Result<Self, BoxError> {
        let path = directory.join(FILE);
        let shared = Arc::new(Shared {
            index: Index::default(),
            quota,
            counters,
            erased: Arc::default(),
            owners: Arc::default(),
            file: AtomicU64::new(0),
            spans: AtomicU64::new(0),
            loaded: watch::Sender::new(false),
        });
        let (queue, jobs) = Queue::new(settings.queue_bytes_max);
        let mut writer = Writer::new(path.clone(), settings.clone(), Arc::clone(&shared))?;
        writer.open_first()?;
        thread::Builder::new().name("store-write".into()).spawn(move || writer.run(jobs))?;
        let readers = Readers::start(&path, &shared)?;
        Ok(Self { path, queue, readers, shared })
    }

    /// The store as a sink that does not wait until spans are on the disk: what the collector hands them to. What cannot
    /// be written is counted.
    pub fn ahead(self: &Arc<Self>) -> Arc<Sink> {
        Arc::new(Ahead(Arc::clone(self)))
    }

    async fn done<T>(
        &self,
        bytes: usize,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(job(reply), bytes).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader, &Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // Right after the start, a page would miss what is not in the index yet.
        self.shared.loaded.subscribe().wait_for(|loaded| *loaded).await.map_err(|_| StoreError::Closed)?;
        let shared = Arc::clone(&self.shared);
        self.readers.ask(move |reader| question(reader, &shared)).await
    }
}

impl SpanSink for SqliteStore {
    fn name(&self) -> &str {
        "store"
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let bytes = batch.encoded().len();
            let job = |reply| Job::Spans(batch, Waiting::For(reply));
            self.done(bytes, job).await.map_err(SinkError::new)
        })
    }

    fn flush(&self, deadline: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let within = deadline.since(clock::now());
            match tokio::time::timeout(within, self.done(0, Job::Flush)).await {
                Ok(flushed) => flushed.map_err(SinkError::new),
                Err(_) => Err(SinkError::new("the disk took too long")),
            }
        })
    }
}

impl TraceStore for SqliteStore {
    fn write_requests(&self, rows: Vec<RequestRow>) -> Stored<'_, ()> {
        Box::pin(async move {
            let bytes = rows.len() * size_of::<RequestRow>() * 2;
            self.done(bytes, |reply| Job::Rows(rows, reply)).await
        })
    }

    fn requests(&self, query: RequestQuery) -> Stored<'_, Page> {
        Box::pin(self.ask(move |reader, shared| page(reader, shared, &query)))
    }

    fn histogram(&self, query: RequestQuery, bins: usize) -> Stored<'_, Histogram> {
        Box::pin(self.ask(move |_, shared| Ok(shared.index.view().histogram(&query, bins))))
    }

    fn request(&self, id: u128) -> Stored<'_, Option<RequestRow>> {
        Box::pin(self.readers.ask(move |reader| rows::by_id(reader.db()?, id)))
    }

    fn requests_of(&self, trace: TraceId) -> Stored<'_, Vec<RequestRow>> {
        Box::pin(self.readers.ask(move |reader| rows::by_trace(reader.db()?, trace)))
    }

    fn trace(&self, trace: TraceId) -> Stored<'_, Vec<Bytes>> {
        Box::pin(self.readers.ask(move |reader| batches(reader.db()?, trace)))
    }

    fn sessions(&self, limit: usize, identity: Option<Id>) -> Stored<'_, Vec<SessionSummary>> {
        Box::pin(self.ask(move |reader, shared| {
            let tallies = shared.index.view().sessions(limit, identity);
            let db = reader.db()?;
            tallies.into_iter().filter_map(|tally| summary(db, tally).transpose()).collect()
        }))
    }

    fn erase(&self, whom: Whom, owned: Vec<TraceId>) -> Stored<'_, Erased> {
        Box::pin(self.done(0, |reply| Job::Erase(whom, owned, reply)))
    }

    fn erasures(&self) -> Arc<Erasures> {
        Arc::clone(&self.shared.erased)
    }

    fn owners(&self) -> Arc<Owners> {
        Arc::clone(&self.shared.owners)
    }

    fn usage(&self, since: u64) -> Stored<'_, Usage> {
        let path = self.path.clone();
        Box::pin(self.ask(move |reader, shared| {
            let hour = (since / writer::HOUR_NANOS).cast_signed();
            let spans_since: i64 = reader
                .db()?
                .prepare_cached("SELECT coalesce(sum(spans), 0) FROM written WHERE hour >= ?1")?
                .query_row([hour], |row| row.get(0))?;
            Ok(Usage {
                spans_since: spans_since.cast_unsigned(),
                requests: shared.index.len() as u64,
                spans: shared.spans.load(Ordering::Relaxed),
                bytes: size_on_disk(&path),
                oldest: shared.index.view().oldest(),
            })
        }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kind: "sqlite", survives: Survives::Restart }
    }
}

/// The store as a sink that does not wait.
struct Ahead(Arc<SqliteStore>);

impl SpanSink for Ahead {
    fn name(&self) -> &str {
        "store"
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let bytes = batch.encoded().len();
            self.0.queue.send(Job::Spans(batch, Waiting::Nobody), bytes).await.map_err(SinkError::new)
        })
    }

    fn flush(&self, deadline: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        self.0.flush(deadline)
    }
}

fn page(reader: &mut Reader, shared: &Shared, query: &RequestQuery) -> Result<Page, StoreError> {
    let view = shared.index.view();
    let (hits, next) = view.page(query);
    let first_page_is_empty = hits.is_empty() && query.before.is_none();
    let excluded_by = if first_page_is_empty { view.excluded_by(query) } else { Vec::new() };
    if hits.is_empty() {
        return Ok(Page { items: Vec::new(), next, excluded_by });
    }
    let db = reader.db()?;
    // One that has gone meanwhile is left out.
    let items = hits.iter().filter_map(|hit| rows::by_seq(db, hit.seq).transpose()).collect::<Result<_, _>>()?;
    Ok(Page { items, next, excluded_by })
}

fn batches(db: &Connection, trace: TraceId) -> Result<Vec<Bytes>, StoreError> {
    let mut statement = db.prepare_cached("SELECT size, data FROM batch WHERE trace = ?1 ORDER BY seq")?;
    let mut rows = statement.query([trace.to_bytes()])?;
    let mut decompressor = packing::unpacker().map_err(failed)?;
    let mut batches = Vec::new();
    while let Some(row) = rows.next()? {
        let size = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(0).min(BATCH_BYTES_MAX);
        let packed = row.get_ref(1)?.as_blob().map_err(|error| StoreError::Failed(error.into()))?;
        batches.push(decompressor.decompress(packed, size).map_err(failed)?.into());
    }
    Ok(batches)
}

fn summary(db: &Connection, tally: SessionTally) -> Result<Option<SessionSummary>, StoreError> {
    let Some(latest) = rows::by_seq(db, tally.latest.seq)? else { return Ok(None) };
    let mut statement = db.prepare_cached("SELECT coalesce(sum(spans), 0) FROM batch WHERE trace = ?1")?;
    let mut spans = 0;
    for trace in &tally.traces {
        spans += statement.query_row([trace.to_be_bytes()], |row| row.get::<_, i64>(0))?.cast_unsigned();
    }
    Ok(Some(tally.summary(latest.person, latest.host, spans)))
}

fn size_on_disk(path: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    size(path) + size(&schema::with_suffix(path, "-wal"))
}

fn failed(error: io::Error) -> StoreError {
    StoreError::Failed(error.into())
}

#[cfg(test)]
mod tests;
