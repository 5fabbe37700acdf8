//! Repeated operations: many spans of one name under one parent. Where that is a query, it is the N+1 fault: one query
//! for a list, and one more for each of its items.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::{Trace, Work};

/// So many make a repetition.
pub const COUNT_MIN: usize = 5;

/// An operation that was done again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The span under which it was done, by its index.
    pub parent: usize,
    /// The first of them, by its index.
    pub first: usize,
    /// How often.
    pub count: usize,
    /// How long they took together, in nanoseconds.
    pub total: u64,
    /// What it is.
    pub work: Work,
}

/// Operations of one name and service that were done at least [`COUNT_MIN`] times under one span; what took longest
/// first. A page that loads many resources repeats nothing, and neither do queries of one name that ask different things.
pub fn repeats(trace: &Trace) -> Vec<Repeat> {
    let mut groups: HashMap<(usize, usize, &str, u64), Repeat, RandomState> = HashMap::default();
    for row in &trace.rows {
        let Some(parent) = trace.parent(row.index) else { continue };
        let span = &trace.spans[row.index];
        // What a page loads is named by its host only, by some SDKs.
        if span.stage.starts_with("resource.") {
            continue;
        }
        // Some instrumentations name a query by the statement itself, values and all.
        let name = if span.statement == 0 { &*span.name } else { "" };
        let group = groups.entry((parent, span.process, name, span.statement)).or_insert(Repeat {
            parent,
            first: row.index,
            count: 0,
            total: 0,
            work: span.work,
        });
        group.count += 1;
        group.total = group.total.saturating_add(trace.length(row.index));
    }
    let mut repeats: Vec<Repeat> = groups.into_values().filter(|repeat| repeat.count >= COUNT_MIN).collect();
    repeats.sort_by_key(|repeat| (std::cmp::Reverse(repeat.total), repeat.first));
    repeats
}
