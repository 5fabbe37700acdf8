//! The one thread that writes. What comes within the flush interval becomes one transaction; whoever waits is answered
//! when it is on the disk. Between transactions it fills the index, and removes what is too old or too much.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use opentelemetry::trace::TraceId;
use rusqlite::{Connection, Transaction, params};
use tokio::{
    runtime::Builder,
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tracing::{error, info, warn};

use super::{
    Shared,
    log::Log,
    packing,
    queue::{Group, Job, Queued},
    retention, rows,
    schema::{self, OpenError},
    traces::Traces,
};
use crate::{
    clock,
    config::model::Store as Settings,
    error::BoxError,
    trace::{
        quota,
        sink::{Batch, Source},
        store::{
            Owner, StoreError,
            index::Seq,
            query::{Erased, Whom},
            split::Splitter,
        },
    },
};

/// Between two looks at what is too old.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// The same, while there is more to remove: in small steps, with room for writes between them.
const TIDY_AGAIN: Duration = Duration::from_millis(10);
/// The same, while somebody reads what was erased from the log.
const EMPTY_AGAIN: Duration = Duration::from_millis(250);
/// Between two attempts to open a file that cannot be written, and two complaints about it.
const RETRY: Duration = Duration::from_secs(1);
const COMPLAIN: Duration = Duration::from_secs(30);
/// Rows that are read into the index at once.
const LOAD_ROWS: usize = 16_384;
pub(super) const HOUR_NANOS: u64 = 3_600_000_000_000;

/// The writer.
pub(super) struct Writer {
    path: PathBuf,
    pub(super) settings: Settings,
    pub(super) shared: Arc<Shared>,
    db: Option<Connection>,
    log: Log,
    try_open_at: Option<Instant>,
    complained: Option<Instant>,
    splitter: Splitter,
    compressor: zstd::bulk::Compressor<'static>,
    traces: Traces,
    next_row: Seq,
    next_batch: Seq,
    /// Rows below this number are not in the index yet.
    loaded_from: Seq,
    /// Spans that nobody asked for, as far as the file says it.
    unasked: u64,
}

/// What a transaction changes in memory, once it is on the disk.
#[derive(Default)]
struct Change {
    rows: Vec<(Seq, usize, usize)>,
    spans: u64,
    refused: u64,
    erased: u64,
    over_quota: u64,
    /// Jobs that are no message.
    malformed: Vec<usize>,
}

impl Writer {
    pub(super) fn new(path: PathBuf, settings: Settings, shared: Arc<Shared>) -> Result<Self, BoxError> {
        Ok(Self {
            path,
            settings,
            shared,
            db: None,
            log: Log::default(),
            try_open_at: None,
            complained: None,
            splitter: Splitter::default(),
            compressor: packing::packer()?,
            traces: Traces::default(),
            next_row: 1,
            next_batch: 1,
            loaded_from: 1,
            unasked: 0,
        })
    }

    /// Opens the file before anything else runs.
    pub(super) fn open_first(&mut self) -> Result<(), OpenError> {
        match self.open() {
            Err(newer @ OpenError::Newer { .. }) => Err(newer),
            Err(error) => {
                self.complain(&error);
                // What cannot be read now is not waited for.
                self.shared.loaded.send_replace(true);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Writes until the last [`Queue`] is gone and everything that waited is written.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Queued>) {
        let runtime = match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return error!(%error, "the store cannot run"),
        };
        runtime.block_on(async {
            let mut tidy_at = Instant::now();
            let mut group = Group::default();
            loop {
                // What waits for others to join it delays nothing else that is to be done.
                let idle_until = if self.is_loading() { Instant::now() } else { tidy_at };
                let until = group.due().map_or(idle_until, |due| due.min(idle_until));
                let is_idle = match timeout_at(until, jobs.recv()).await {
                    Ok(Some(job)) => {
                        group.add(job, self.settings.flush_interval);
                        false
                    }
                    Ok(None) => return self.write(group.take()),
                    Err(_) => true,
                };
                if group.due().is_some_and(|due| due <= Instant::now()) {
                    self.write(group.take());
                    self.load();
                } else if is_idle && self.is_loading() {
                    self.load();
                }
                if Instant::now() >= tidy_at || self.log.is_long() {
                    tidy_at = Instant::now() + self.tidy();
                }
            }
        });
    }

    fn is_loading(&self) -> bool {
        self.db.is_some() && self.loaded_from > 1
    }

    /// Reads some of the rows that an earlier process wrote into the index, the latest first.
    fn load(&mut self) {
        let Some(db) = self.db.as_ref().filter(|_| self.loaded_from > 1) else { return };
        match rows::before(db, self.loaded_from, LOAD_ROWS) {
            Ok(rows) => {
                self.loaded_from = rows.first().filter(|_| rows.len() == LOAD_ROWS).map_or(1, |(seq, _)| *seq);
                self.shared.index.put_older(&rows);
            }
            Err(error) => {
                self.loaded_from = 1;
                self.failed(&error);
            }
        }
        if self.loaded_from == 1 {
            self.shared.loaded.send_replace(true);
        }
    }

    /// Copies the log into the file, if it is long; else removes some of what is to go. Says when to look again.
    fn tidy(&mut self) -> Duration {
        let is_loading = self.is_loading();
        let Some(db) = self.db.as_mut() else { return TIDY_EVERY };
        if self.log.is_long() {
            if let Err(error) = self.log.bring_home(db) {
                self.failed(&error);
            }
            return TIDY_AGAIN;
        }
        if is_loading {
            return TIDY_AGAIN;
        }
        let more = retention::step(db, &self.settings, &self.shared).unwrap_or_else(|error| {
            self.failed(&error);
            false
        });
        let is_empty = self.empty_log();
        match () {
            () if more => TIDY_AGAIN,
            () if is_empty => TIDY_EVERY,
            () => EMPTY_AGAIN,
        }
    }

    /// Empties the log of what was erased. False: somebody still reads it.
    fn empty_log(&mut self) -> bool {
        let Some(db) = &self.db else { return true };
        self.log.empty(db, &self.shared.counters).unwrap_or_else(|error| {
            self.failed(&error);
            false
        })
    }

    /// Writes a group in one transaction, and answers whoever waits.
    fn write(&mut self, mut jobs: Vec<Job>) {
        let last = jobs.pop_if(|job| matches!(job, Job::Erase(..) | Job::Flush(_)));
        if !jobs.is_empty() {
            match self.commit(&jobs) {
                Ok(change) => self.accept(jobs, &change),
                Err(error) => self.refuse(jobs, &error),
            }
        }
        match last {
            Some(Job::Erase(whom, owned, reply)) => drop(reply.send(self.erase(&whom, owned))),
            Some(Job::Flush(reply)) => drop(reply.send(Ok(()))),
            _ => {}
        }
    }

    fn commit(&mut self, jobs: &[Job]) -> Result<Change, StoreError> {
        self.ensure_open()?;
        let Some(mut db) = self.db.take() else { return Err(StoreError::Closed) };
        let done = self.transact(&mut db, jobs);
        self.db = Some(db);
        done.map_err(|error| {
            // What was counted of their traces may not have been written.
            self.traces = Traces::default();
            if let StoreError::Full(cause) | StoreError::Failed(cause) = &error
                && let Some(cause) = cause.downcast_ref()
            {
                self.failed(cause);
            }
            if matches!(error, StoreError::Full(_)) {
                // Room for the next ones, if there is anything to remove.
                self.tidy();
            }
            error
        })
    }

    fn transact(&mut self, db: &mut Connection, jobs: &[Job]) -> Result<Change, StoreError> {
        let mut change = Change::default();
        let unasked = self.shared.quota.unasked();
        let transaction = db.transaction()?;
        for (index, job) in jobs.iter().enumerate() {
            match job {
                Job::Spans(batch, _) => self.put_spans(&transaction, batch, index, &mut change)?,
                Job::Rows(rows, _) => {
                    let mut statement = rows::prepare_put(&transaction)?;
                    for (place, row) in rows.iter().enumerate() {
                        let seq = rows::put(&mut statement, self.next_row, row)?;
                        self.next_row = self.next_row.max(seq + 1);
                        change.rows.push((seq, index, place));
                    }
                }
                Job::Erase(..) | Job::Flush(_) => {}
            }
        }
        if change.spans > 0 {
            let hour = clock::now().unix_nanos() / HOUR_NANOS;
            // Less than before: another month.
            let more = unasked.saturating_sub(self.unasked);
            transaction
                .prepare_cached(
                    "INSERT INTO written VALUES (?1, ?2, ?3) \
                     ON CONFLICT DO UPDATE SET spans = spans + ?2, unasked = unasked + ?3",
                )?
                .execute([hour, change.spans, more].map(u64::cast_signed))?;
        }
        transaction.commit()?;
        if change.spans > 0 {
            self.unasked = unasked;
        }
        Ok(change)
    }

    fn put_spans(
        &mut self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        index: usize,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let now = clock::now();
        let received = now.unix_nanos().cast_signed();
        let mut put = transaction.prepare_cached(
            "INSERT INTO batch (seq, trace, received, spans, size, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let mut put_owner = transaction.prepare_cached("INSERT INTO owner VALUES (?1, ?2, ?3, ?4)")?;
        let Self { splitter, compressor, traces, shared, next_batch, settings, .. } = self;
        let mut failed = None;
        let split = splitter.split(batch.encoded(), |trace, spans, encoded| {
            if failed.is_some() {
                return;
            }
            if batch.source() != Source::Import && shared.erased.refuse(trace, now) {
                change.erased += spans as u64;
                return;
            }
            let mut one = || -> Result<(), StoreError> {
                let known = traces.spans(transaction, trace)?;
                // Of a trace of the edge something is there already.
                if *known == 0 && batch.source() == Source::App && !shared.quota.admits(clock::unix_seconds()) {
                    change.over_quota += spans as u64;
                    return Ok(());
                }
                if *known >= settings.spans_per_trace_max {
                    change.refused += spans as u64;
                    return Ok(());
                }
                let data = compressor.compress(encoded).map_err(super::failed)?;
                let (count, size) = (spans as i64, encoded.len() as i64);
                let seq = next_batch.cast_signed();
                put.execute(params![seq, trace.to_bytes(), received, count, size, data])?;
                if let Some(Owner { session, person }) = shared.owners.find(trace).as_deref() {
                    put_owner.execute(params![seq, trace.to_bytes(), session.to_bytes(), person])?;
                }
                *next_batch += 1;
                *known += spans as u64;
                change.spans += spans as u64;
                Ok(())
            };
            failed = one().err();
        });
        if split.is_err() {
            change.malformed.push(index);
        }
        failed.map_or(Ok(()), Err)
    }

    fn accept(&mut self, jobs: Vec<Job>, change: &Change) {
        let row = |(seq, job, place): &(Seq, usize, usize)| match &jobs[*job] {
            // One that is not in the index yet will be read as it is now.
            Job::Rows(rows, _) if *seq >= self.loaded_from => Some((*seq, &rows[*place])),
            _ => None,
        };
        self.shared.index.put(change.rows.iter().filter_map(row));
        self.shared.spans.fetch_add(change.spans, Ordering::Relaxed);
        self.shared.quota.spend(change.spans, clock::unix_seconds());
        let counters = &self.shared.counters;
        counters.spans_stored.add(change.spans);
        counters.requests_stored.add(change.rows.len() as u64);
        counters.spans_dropped_trace.add(change.refused);
        counters.spans_dropped_erased.add(change.erased);
        counters.spans_dropped_quota.add(change.over_quota);
        for (index, job) in jobs.into_iter().enumerate() {
            let malformed = change.malformed.contains(&index);
            match job {
                Job::Spans(batch, waiting) => {
                    if malformed {
                        counters.spans_dropped_store.add(batch.spans() as u64);
                    }
                    let outcome = if malformed {
                        Err(StoreError::Failed("the spans are no OTLP message".into()))
                    } else {
                        Ok(())
                    };
                    waiting.tell(outcome);
                }
                Job::Rows(_, reply) => drop(reply.send(Ok(()))),
                Job::Erase(..) | Job::Flush(_) => {}
            }
        }
    }

    fn refuse(&self, jobs: Vec<Job>, error: &StoreError) {
        let counters = &self.shared.counters;
        counters.store_writes_failed.one();
        for job in jobs {
            match job {
                Job::Spans(batch, waiting) => {
                    counters.spans_dropped_store.add(batch.spans() as u64);
                    waiting.tell(Err(error.again()));
                }
                Job::Rows(rows, reply) => {
                    counters.requests_dropped_store.add(rows.len() as u64);
                    drop(reply.send(Err(error.again())));
                }
                Job::Erase(..) | Job::Flush(_) => {}
            }
        }
    }

    fn erase(&mut self, whom: &Whom, owned: Vec<TraceId>) -> Result<Erased, StoreError> {
        self.ensure_open()?;
        let Some(db) = self.db.as_mut() else { return Err(StoreError::Closed) };
        let (erased, traces) = retention::erase(db, (whom, owned), &self.shared)?;
        // Spans of theirs that are still on their way are not wanted either.
        traces.iter().for_each(|trace| self.traces.forget(*trace));
        self.shared.erased.remember(traces, clock::now());
        self.log.must_be_emptied();
        self.empty_log();
        Ok(erased)
    }
}

/// The file.
impl Writer {
    fn ensure_open(&mut self) -> Result<(), StoreError> {
        if self.db.is_some() {
            return Ok(());
        }
        if self.try_open_at.is_some_and(|at| Instant::now() < at) {
            return Err(StoreError::Full("the store's file could not be opened; it is tried again".into()));
        }
        self.open().map_err(|error| {
            self.complain(&error);
            StoreError::Full(error.to_string().into())
        })?;
        info!(path = %self.path.display(), "the store can write again");
        Ok(())
    }

    fn open(&mut self) -> Result<(), OpenError> {
        self.try_open_at = Some(Instant::now() + RETRY);
        match self.open_file() {
            Err(OpenError::Broken(error)) => {
                self.set_aside(&*error)?;
                self.open_file()
            }
            opened => opened,
        }
    }

    fn open_file(&mut self) -> Result<(), OpenError> {
        let mut db = schema::open(&self.path)?;
        retention::bound(&db, &self.settings)?;
        let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
        self.next_row = number("SELECT coalesce(max(seq), 0) + 1 FROM request")?;
        self.next_batch = number("SELECT coalesce(max(seq), 0) + 1 FROM batch")?;
        self.shared.spans.store(number("SELECT coalesce(sum(spans), 0) FROM batch")?, Ordering::Relaxed);
        let now = clock::unix_seconds();
        let month = quota::month(now).start * 1_000_000_000 / HOUR_NANOS;
        let sum =
            |column: &str| number(&format!("SELECT coalesce(sum({column}), 0) FROM written WHERE hour >= {month}"));
        let (used, unasked) = (sum("spans")?, sum("unasked")?);
        // Opened again, it counts on.
        let quota = &self.shared.quota;
        quota.spend(used.saturating_sub(quota.state(now).used), now);
        quota.spend_unasked(unasked.saturating_sub(quota.unasked()), now);
        self.unasked = unasked;
        self.loaded_from = self.next_row;
        self.shared.loaded.send_replace(self.loaded_from == 1);
        self.shared.index.clear();
        self.traces = Traces::default();
        self.shared.file.fetch_add(1, Ordering::Release);
        self.log = Log::of(&mut db)?;
        self.db = Some(db);
        Ok(())
    }

    fn set_aside(&mut self, why: &(dyn std::error::Error + 'static)) -> Result<(), OpenError> {
        let aside = schema::set_aside(&self.path).map_err(|error| OpenError::Unwritable(error.into()))?;
        self.shared.counters.store_files_set_aside.one();
        error!(error = why, aside = %aside.display(), "the store's file is broken: it was set aside, and a new one begun");
        Ok(())
    }

    /// Something went wrong with the file.
    fn failed(&mut self, error: &rusqlite::Error) {
        if error.sqlite_error_code().is_some_and(schema::is_broken) {
            (self.db, self.log) = (None, Log::default());
            if let Err(error) = self.set_aside(error) {
                self.complain(&error);
            }
            self.try_open_at = None;
            if let Err(error) = self.open() {
                self.complain(&error);
                self.shared.loaded.send_replace(true);
            }
            return;
        }
        self.complain(error);
    }

    fn complain(&mut self, why: &(dyn std::error::Error + 'static)) {
        let now = Instant::now();
        if self.complained.is_none_or(|last| now.duration_since(last) >= COMPLAIN) {
            self.complained = Some(now);
            warn!(error = why, path = %self.path.display(), "the store cannot write; requests are served as before");
        }
    }
}
