//! What requests are searched by, in memory, column by column: every filter is a pass over numbers, with texts looked up
//! once for each block of requests. Some 90 octets a request, and its path where that is its own; the rows themselves
//! are kept elsewhere.
//!
//! Blocks are shared: a search takes them as they are, and holds up nobody. A writer that finds one in use copies it.

mod block;
mod dictionary;
mod mask;
mod search;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::block::Block;
pub(super) use self::search::{SessionTally, View};
use crate::trace::requests::row::RequestRow;

/// The number of a row in its store; they only grow.
pub(super) type Seq = u64;

/// Requests in memory, to be searched.
#[derive(Debug, Default)]
pub(super) struct Index(Mutex<Vec<Arc<Block>>>);

/// Which requests are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// All.
    All,
    /// Those without a trace.
    Untraced,
}

impl Index {
    /// Takes rows in: new ones with numbers above all others, or others in place of those with their number.
    pub(super) fn put<'r>(&self, rows: impl IntoIterator<Item = (Seq, &'r RequestRow)>) {
        let mut blocks = self.blocks();
        for (seq, row) in rows {
            let place = blocks.partition_point(|block| block.last().is_some_and(|last| last < seq));
            if let Some(block) = blocks.get_mut(place) {
                Arc::make_mut(block).replace(seq, row);
                continue;
            }
            if blocks.last().is_none_or(|block| block.is_sealed()) {
                blocks.push(Arc::default());
            }
            if let Some(block) = blocks.last_mut() {
                Arc::make_mut(block).push(seq, row);
            }
        }
    }

    /// Takes in a block of rows that are older than all that is here, in ascending order.
    pub(super) fn put_older(&self, rows: &[(Seq, RequestRow)]) {
        if rows.is_empty() {
            return;
        }
        let mut block = Block::default();
        rows.iter().for_each(|(seq, row)| block.push(*seq, row));
        block.seal();
        self.blocks().insert(0, Arc::new(block));
    }

    /// Lets rows go.
    pub(super) fn remove(&self, seqs: impl IntoIterator<Item = Seq>) {
        let mut blocks = self.blocks();
        for seq in seqs {
            let place = blocks.partition_point(|block| block.last().is_some_and(|last| last < seq));
            if let Some(block) = blocks.get_mut(place) {
                Arc::make_mut(block).remove(seq);
            }
        }
        tidy(&mut blocks);
    }

    /// Lets everything go.
    pub(super) fn clear(&self) {
        self.blocks().clear();
    }

    /// Everything as it is now.
    pub(super) fn view(&self) -> View {
        View::new(self.blocks().clone())
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.blocks().iter().map(|block| block.len()).sum()
    }

    /// Rows that began before `moment`, at most `limit`, those with low numbers first.
    pub(super) fn older_than(&self, moment: u64, which: Which, limit: usize) -> Vec<Seq> {
        let blocks = self.blocks().clone();
        blocks.iter().flat_map(|block| block.older_than(moment, which)).take(limit).collect()
    }

    /// The rows with the lowest numbers, at most `limit`.
    pub(super) fn oldest(&self, limit: usize) -> Vec<Seq> {
        self.older_than(u64::MAX, Which::All, limit)
    }

    fn blocks(&self) -> MutexGuard<'_, Vec<Arc<Block>>> {
        // Poisoned by a panic elsewhere, the list is still whole: a block is changed by single rows.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops blocks that are empty, and joins neighbours that are mostly so.
fn tidy(blocks: &mut Vec<Arc<Block>>) {
    blocks.retain(|block| block.len() > 0 || !block.is_sealed());
    let mut at = 0;
    while at < blocks.len() {
        let block = &blocks[at];
        let next = blocks.get(at + 1).filter(|next| block.is_sealed() && next.is_sealed());
        if let Some(next) = next.filter(|next| block.len() + next.len() <= block::ROWS_MAX / 2) {
            blocks[at] = Arc::new(Block::gather(&[block, next]));
            blocks.remove(at + 1);
            continue;
        }
        if block.is_sealed() && block.len() < block.size() / 2 {
            blocks[at] = Arc::new(Block::gather(&[block]));
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests;
