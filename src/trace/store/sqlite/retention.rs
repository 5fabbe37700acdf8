//! What goes: too old, too many, too large, or erased. In steps of some milliseconds, with room for writes between them;
//! the file shrinks by and by.

use std::sync::atomic::Ordering;

use opentelemetry::trace::TraceId;
use rusqlite::{Connection, ToSql, Transaction, params};

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

/// Removed in one step, at most: each of them changes a page or two of the indices, wherever it stands there, and whoever
/// writes waits for the step.
pub(super) const ROWS_STEP: usize = 128;
pub(super) const BATCHES_STEP: usize = 64;
/// Octets of them, packed: what is removed is overwritten. One batch that is larger goes by itself.
const BYTES_STEP: u64 = 1 << 20;
/// So many times as much goes in one step where there is an eighth more than may be kept: more comes in than small steps
/// remove, and writes that wait are better than writes that fail ([`bound`]).
pub(super) const HASTE: usize = 8;
/// Free pages that are given back to the disk in one step, and kept for what comes.
pub(super) const PAGES_STEP: i64 = 64;
const PAGES_SPARE: i64 = 128;

/// A batch that is there.
struct Old {
    seq: i64,
    received: u64,
    spans: u64,
    bytes: u64,
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

/// One step, in one small transaction: removes some, or gives back some pages where nothing is left to remove. Says whether
/// there is more to do.
pub(super) fn step(db: &mut Connection, settings: &Settings, shared: &Shared) -> rusqlite::Result<bool> {
    let now = clock::now().unix_nanos();
    let ago = |time: std::time::Duration| now.saturating_sub(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let keep = ago(settings.keep_traces);
    let index = &shared.index;
    let used = used(db)?;
    let is_too_large = used > settings.size_max;
    let is_far_above = |there: u64, max: u64| there > max.saturating_add(max / 8);
    let is_urgent =
        is_far_above(used, settings.size_max) || is_far_above(index.len() as u64, settings.requests_max as u64);
    let haste = if is_urgent { HASTE } else { 1 };
    let rows_max = ROWS_STEP * haste;
    let mut batches = oldest(db, haste)?;
    let (reached, until) = if is_too_large {
        // The oldest go first, requests and spans alike.
        (batches.len(), batches.last().map_or(u64::MAX, |batch| batch.received.max(keep)))
    } else {
        (batches.partition_point(|batch| batch.received < keep), keep)
    };
    // There may be as old ones behind those that were looked at.
    let are_more_batches = reached > 0 && reached == batches.len();
    batches.truncate(reached);
    let surplus = index.len().saturating_sub(settings.requests_max);
    let mut rows = index.oldest(surplus.min(rows_max));
    rows.extend(index.older_than(until, Which::All, rows_max));
    rows.extend(index.older_than(ago(settings.keep_requests), Which::Untraced, rows_max));
    rows.sort_unstable();
    rows.dedup();
    rows.truncate(rows_max);
    let are_more_rows = rows.len() == rows_max || is_too_large && !rows.is_empty();
    if !rows.is_empty() || !batches.is_empty() {
        let transaction = db.transaction()?;
        let gone = remove_rows(&transaction, &rows)?;
        if let Some(last) = batches.last() {
            transaction.prepare_cached("DELETE FROM owner WHERE batch <= ?1")?.execute([last.seq])?;
            transaction.prepare_cached("DELETE FROM batch WHERE seq <= ?1")?.execute([last.seq])?;
        }
        transaction.commit()?;
        let spans = batches.iter().map(|batch| batch.spans).sum();
        shared.removed(&rows, gone, spans);
    }
    Ok(are_more_batches || are_more_rows || shrink(db)?)
}

/// Removes what is kept of somebody, so that the file holds no octet of it once the log was copied into it. Gives the traces,
/// too.
pub(super) fn erase(
    db: &mut Connection,
    (whom, owned): (&Whom, Vec<TraceId>),
    shared: &Shared,
) -> Result<(Erased, Vec<TraceId>), StoreError> {
    let transaction = db.transaction()?;
    let (rows, mut traces) = theirs(&transaction, whom)?;
    traces.extend(owned);
    traces.extend(shared.owners.of(whom));
    traces.sort_by_key(|trace| trace.to_bytes());
    traces.dedup();
    let mut erased = Erased { requests: rows.len() as u64, ..Erased::default() };
    for trace in &traces {
        let spans: i64 = transaction
            .prepare_cached("SELECT coalesce(sum(spans), 0) FROM batch WHERE trace = ?1")?
            .query_row([trace.to_bytes()], |row| row.get(0))?;
        transaction
            .prepare_cached("DELETE FROM owner WHERE batch IN (SELECT seq FROM batch WHERE trace = ?1)")?
            .execute([trace.to_bytes()])?;
        let gone = transaction.prepare_cached("DELETE FROM batch WHERE trace = ?1")?.execute([trace.to_bytes()])?;
        erased.traces += u64::from(gone > 0);
        erased.spans += spans.cast_unsigned();
    }
    let gone = remove_rows(&transaction, &rows)?;
    transaction.commit()?;
    shared.removed(&rows, gone, erased.spans);
    Ok((erased, traces))
}

/// Requests of somebody, and traces: those of the requests, and those that browsers of theirs added to.
fn theirs(db: &Transaction<'_>, whom: &Whom) -> rusqlite::Result<(Vec<Seq>, Vec<TraceId>)> {
    // The second condition lets the index of persons be used.
    let (requests, owned, value): (_, _, &dyn ToSql) = match whom {
        Whom::Session(id) => (
            "SELECT seq, trace FROM request WHERE session = ?1",
            "SELECT DISTINCT trace FROM owner WHERE session = ?1",
            &id.to_bytes(),
        ),
        Whom::Person(name) => (
            "SELECT seq, trace FROM request WHERE person = ?1 AND person <> ''",
            "SELECT DISTINCT trace FROM owner WHERE person = ?1",
            name,
        ),
    };
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, Option<[u8; 16]>>(1)?.map(TraceId::from_bytes)))
    };
    let rows: Vec<(Seq, Option<TraceId>)> =
        db.prepare_cached(requests)?.query_map([value], read)?.collect::<rusqlite::Result<_>>()?;
    let mut traces: Vec<TraceId> = rows.iter().filter_map(|(_, trace)| *trace).collect();
    let mut statement = db.prepare_cached(owned)?;
    for trace in statement.query_map([value], |row| row.get(0).map(TraceId::from_bytes))? {
        traces.push(trace?);
    }
    Ok((rows.into_iter().map(|(seq, _)| seq).collect(), traces))
}

/// Removes rows, and says how many there were.
fn remove_rows(db: &Transaction<'_>, rows: &[Seq]) -> rusqlite::Result<usize> {
    let mut statement = db.prepare_cached("DELETE FROM request WHERE seq = ?1")?;
    rows.iter().try_fold(0, |gone, seq| Ok(gone + statement.execute([seq.cast_signed()])?))
}

/// The batches that came first, as many as one step may remove in such haste.
fn oldest(db: &Connection, haste: usize) -> rusqlite::Result<Vec<Old>> {
    let mut statement =
        db.prepare_cached("SELECT seq, received, spans, length(data) FROM batch ORDER BY seq LIMIT ?1")?;
    let old = statement.query_map(params![(BATCHES_STEP * haste) as i64], |row| {
        let unsigned = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Old { seq: row.get(0)?, received: unsigned(1)?, spans: unsigned(2)?, bytes: unsigned(3)? })
    })?;
    let mut batches: Vec<Old> = Vec::new();
    let mut bytes = 0;
    for batch in old {
        let batch = batch?;
        bytes += batch.bytes;
        if bytes > BYTES_STEP * haste as u64 && !batches.is_empty() {
            break;
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// Octets of the file that hold something.
pub(super) fn used(db: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(db, "page_count")? - pragma(db, "freelist_count")?;
    Ok((pages * pragma(db, "page_size")?).cast_unsigned())
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
