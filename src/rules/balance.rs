//! Round robin: whose turn it is. Knows nothing of what the members are, nor of their health.

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

#[cfg(test)]
mod tests;
