//! The write-ahead log: how long it gets, and when it is emptied. Between transactions it is copied into the file as soon as
//! it has some pages, so that nobody who writes waits until the disk has taken many of them at once.
//!
//! What was erased may stand in it, and in pages of the file that it is to replace, until all of it was copied and it is
//! emptied. That needs a moment in which nobody reads of it, which a backup can put off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, hooks::Wal};
use tracing::info;

use super::schema::BUSY;
use crate::trace::counters::Counters;

/// With so many pages, 4 MiB, the log is copied into the file.
const PAGES_MAX: i32 = 512;

/// What is known of the log.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Its pages after the last transaction.
    pages: Arc<AtomicI32>,
    holds: Holds,
}

/// What may stand in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Holds {
    /// What is kept.
    #[default]
    Kept,
    /// What was erased.
    Erased,
    /// The same, and that it is in use was told.
    InUse,
}

impl Log {
    /// Counts the log's pages from now on. An earlier process may have ended before what it erased was out of it.
    pub(super) fn of(db: &mut Connection) -> rusqlite::Result<Self> {
        let pages = Arc::<AtomicI32>::default();
        let seen = Arc::clone(&pages);
        db.wal_hook(Some(move |_: &mut Wal, now| {
            seen.store(now, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, holds: Holds::Erased })
    }

    /// Whether it is time to copy it into the file.
    pub(super) fn is_long(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= PAGES_MAX
    }

    /// Copies it into the file. Pages that somebody still reads the elder ones of stay, and are copied after another
    /// transaction.
    pub(super) fn bring_home(&self, db: &Connection) -> rusqlite::Result<()> {
        self.pages.store(0, Ordering::Relaxed);
        copy(db, "PASSIVE").map(drop)
    }

    /// Something was erased.
    pub(super) fn must_be_emptied(&mut self) {
        self.holds = Holds::Erased;
    }

    /// Empties it, if something was erased. False: somebody reads of it now.
    pub(super) fn empty(&mut self, db: &Connection, counters: &Counters) -> rusqlite::Result<bool> {
        if self.holds == Holds::Kept {
            return Ok(true);
        }
        // Writes wait meanwhile: it is tried again rather than waited for.
        db.busy_timeout(Duration::ZERO)?;
        let emptied = copy(db, "TRUNCATE");
        db.busy_timeout(BUSY)?;
        let emptied = emptied?;
        match (emptied, self.holds) {
            (true, Holds::InUse) => info!("what was erased is out of the store's log"),
            (false, Holds::Erased) => {
                counters.store_log_in_use.one();
                info!("what was erased stays in the store's log until nobody reads it any more");
            }
            _ => {}
        }
        self.holds = if emptied { Holds::Kept } else { Holds::InUse };
        Ok(emptied)
    }
}

/// Copies pages into the file. False: somebody is in the way.
fn copy(db: &Connection, how: &str) -> rusqlite::Result<bool> {
    db.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| Ok(row.get::<_, i64>(0)? == 0))
}
