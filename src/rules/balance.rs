//! Round robin: whose turn it is. Knows nothing of what the members are, nor of their health; that is only told.

use std::cell::Cell;

/// Members that take turns.
#[derive(Debug, Default)]
pub struct Rotation {
    next: Cell<usize>,
}

impl Rotation {
    /// A rotation that begins with member `first`, so that workers that start together do not all begin alike.
    pub fn starting_at(first: usize) -> Self {
        Self { next: Cell::new(first) }
    }

    /// Whose turn it is among `members`; the next call gives the next one. `None` if there is nobody.
    pub fn turn(&self, members: usize) -> Option<usize> {
        let turn = self.next.get().checked_rem(members)?;
        // Kept below `members`, so that the wrap-around of the number itself skips nobody.
        self.next.set((turn + 1) % members);
        Some(turn)
    }
}

/// How an endpoint fared since it was configured, at all workers. Nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fared {
    /// The upstream's name.
    pub upstream: String,
    /// Where it is, as `http://127.0.0.1:3000`; empty for a process that is started on demand.
    pub endpoint: String,
    /// Attempts that came to an end, one way or the other.
    pub attempts: u64,
    /// Those without an answer.
    pub failed: u64,
    /// Those without an answer since the last one that had one.
    pub failed_in_a_row: u64,
    /// When one failed last, in seconds since the Unix epoch, and of what.
    pub last_failure: Option<(u64, &'static str)>,
}

#[cfg(test)]
mod tests;
