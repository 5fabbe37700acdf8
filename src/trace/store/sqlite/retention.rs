//! What goes: too old, too many, too large, or erased. In steps of some milliseconds, with room for writes between them;
//! the file shrinks by and by.

use std::sync::atomic::Ordering;

use opentelemetry::trace::TraceId;
use rusqlite::{Connection, Transaction, params};

use super::Shared;
use crate::{
    clock,
    config::model::Store as Settings,
    trace::store::{
        StoreError,
        index::{Seq, Which},
        query::{Erased, Whom},
    },
};

/// Removed in one step, at most.
const ROWS_STEP: usize = 1_000;
const BATCHES_STEP: usize = 500;
/// Free pages that are given back to the disk in one step, and kept for what comes.
const PAGES_STEP: i64 = 256;
const PAGES_SPARE: i64 = 128;

/// A batch that is there.
struct Old {
    seq: i64,
    received: u64,
    spans: u64,
}

/// Bounds the file, whatever comes before the next step: a quarter more than `size_max`. Beyond, writes fail as on a full
/// disk.
pub(super) fn bound(db: &Connection, settings: &Settings) -> rusqlite::Result<()> {
    let pages =
        settings.size_max.saturating_add(settings.size_max / 4) / pragma(db, "page_size")?.cast_unsigned().max(1);
    // SQLite's own bound is the highest.
    let pages = pages.clamp(128, 0xffff_fffe).cast_signed();
    db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

/// One step. Says whether there is more to do.
pub(super) fn step(db: &mut Connection, settings: &Settings, shared: &Shared) -> rusqlite::Result<bool> {
    let now = clock::now().unix_nanos();
    let ago = |time: std::time::Duration| now.saturating_sub(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let keep = ago(settings.keep_traces);
    let index = &shared.index;
    let mut rows = index.older_than(ago(settings.keep_requests), Which::Untraced, ROWS_STEP);
    rows.extend(index.older_than(keep, Which::All, ROWS_STEP));
    let surplus = index.len().saturating_sub(settings.requests_max);
    rows.extend(index.oldest(surplus.min(ROWS_STEP)));
    let mut batches = oldest(db)?;
    let reached = if is_too_large(db, settings)? {
        // The oldest go first, requests and spans alike.
        let until = batches.last().map_or(u64::MAX, |batch| batch.received);
        rows.extend(index.older_than(until, Which::All, ROWS_STEP));
        batches.len()
    } else {
        batches.partition_point(|batch| batch.received < keep)
    };
    batches.truncate(reached);
    rows.sort_unstable();
    rows.dedup();
    if !rows.is_empty() || !batches.is_empty() {
        let transaction = db.transaction()?;
        let gone = remove_rows(&transaction, &rows)?;
        if let Some(last) = batches.last() {
            transaction.prepare_cached("DELETE FROM batch WHERE seq <= ?1")?.execute([last.seq])?;
        }
        transaction.commit()?;
        let spans = batches.iter().map(|batch| batch.spans).sum();
        shared.removed(&rows, gone, spans);
    }
    let shrunk = shrink(db)?;
    Ok(shrunk || rows.len() >= ROWS_STEP || batches.len() >= BATCHES_STEP)
}

/// Removes what is kept of somebody, so that the file holds no octet of it. Gives the traces, too.
pub(super) fn erase(
    db: &mut Connection,
    (whom, owned): (&Whom, Vec<TraceId>),
    shared: &Shared,
) -> Result<(Erased, Vec<TraceId>), StoreError> {
    let transaction = db.transaction()?;
    let (rows, mut traces) = theirs(&transaction, whom)?;
    traces.extend(owned);
    traces.sort_by_key(|trace| trace.to_bytes());
    traces.dedup();
    let mut erased = Erased { requests: rows.len() as u64, ..Erased::default() };
    for trace in &traces {
        let spans: i64 = transaction
            .prepare_cached("SELECT coalesce(sum(spans), 0) FROM batch WHERE trace = ?1")?
            .query_row([trace.to_bytes()], |row| row.get(0))?;
        let gone = transaction.prepare_cached("DELETE FROM batch WHERE trace = ?1")?.execute([trace.to_bytes()])?;
        erased.traces += u64::from(gone > 0);
        erased.spans += spans.cast_unsigned();
    }
    let gone = remove_rows(&transaction, &rows)?;
    transaction.commit()?;
    shared.removed(&rows, gone, erased.spans);
    // The file's own pages are clean; the log still holds what was written once.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok((erased, traces))
}

fn theirs(db: &Transaction<'_>, whom: &Whom) -> rusqlite::Result<(Vec<Seq>, Vec<TraceId>)> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, Option<[u8; 16]>>(1)?.map(TraceId::from_bytes)))
    };
    let rows: Vec<(Seq, Option<TraceId>)> = match whom {
        Whom::Session(id) => db
            .prepare_cached("SELECT seq, trace FROM request WHERE session = ?1")?
            .query_map([id.to_bytes()], read)?
            .collect::<rusqlite::Result<_>>()?,
        // The second condition lets the index of persons be used.
        Whom::Person(name) => db
            .prepare_cached("SELECT seq, trace FROM request WHERE person = ?1 AND person <> ''")?
            .query_map([name], read)?
            .collect::<rusqlite::Result<_>>()?,
    };
    let traces = rows.iter().filter_map(|(_, trace)| *trace).collect();
    Ok((rows.into_iter().map(|(seq, _)| seq).collect(), traces))
}

/// Removes rows, and says how many there were.
fn remove_rows(db: &Transaction<'_>, rows: &[Seq]) -> rusqlite::Result<usize> {
    let mut statement = db.prepare_cached("DELETE FROM request WHERE seq = ?1")?;
    rows.iter().try_fold(0, |gone, seq| Ok(gone + statement.execute([seq.cast_signed()])?))
}

/// The batches that came first.
fn oldest(db: &Connection) -> rusqlite::Result<Vec<Old>> {
    let mut statement = db.prepare_cached("SELECT seq, received, spans FROM batch ORDER BY seq LIMIT ?1")?;
    let old = statement.query_map(params![BATCHES_STEP as i64], |row| {
        let unsigned = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Old { seq: row.get(0)?, received: unsigned(1)?, spans: unsigned(2)? })
    })?;
    old.collect()
}

fn is_too_large(db: &Connection, settings: &Settings) -> rusqlite::Result<bool> {
    let used = pragma(db, "page_count")? - pragma(db, "freelist_count")?;
    Ok((used * pragma(db, "page_size")?).cast_unsigned() > settings.size_max)
}

/// Gives some free pages back to the disk.
fn shrink(db: &Connection) -> rusqlite::Result<bool> {
    let free = pragma(db, "freelist_count")? - PAGES_SPARE;
    if free <= 0 {
        return Ok(false);
    }
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({})", free.min(PAGES_STEP)))?;
    let mut pages = statement.query([])?;
    while pages.next()?.is_some() {}
    Ok(free > PAGES_STEP)
}

fn pragma(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, name, |row| row.get(0))
}

impl Shared {
    fn removed(&self, rows: &[Seq], gone: usize, spans: u64) {
        self.index.remove(rows.iter().copied());
        self.spans.fetch_sub(spans, Ordering::Relaxed);
        self.counters.stored_requests_removed.add(gone as u64);
        self.counters.stored_spans_removed.add(spans);
    }
}
