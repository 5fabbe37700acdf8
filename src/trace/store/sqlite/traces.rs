//! How many spans traces have that were written to of late. Of others it is looked up.

use std::collections::{HashMap, hash_map::Entry};

use opentelemetry::trace::TraceId;
use rusqlite::Connection;

/// Traces whose number of spans is remembered.
const TRACES_MAX: usize = 65_536;

/// In two generations: when the younger is full, the elder is forgotten.
#[derive(Default)]
pub(super) struct Traces {
    young: HashMap<TraceId, u64>,
    old: HashMap<TraceId, u64>,
}

impl Traces {
    /// The number of spans of a trace, which may be changed.
    pub(super) fn spans(&mut self, db: &Connection, trace: TraceId) -> rusqlite::Result<&mut u64> {
        if self.young.len() >= TRACES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        match self.young.entry(trace) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let spans = match self.old.remove(&trace) {
                    Some(spans) => spans,
                    None => db
                        .prepare_cached("SELECT coalesce(sum(spans), 0) FROM batch WHERE trace = ?1")?
                        .query_row([trace.to_bytes()], |row| row.get::<_, i64>(0))?
                        .cast_unsigned(),
                };
                Ok(place.insert(spans))
            }
        }
    }

    /// What was known of this trace holds no more.
    pub(super) fn forget(&mut self, trace: TraceId) {
        self.young.remove(&trace);
        self.old.remove(&trace);
    }
}
