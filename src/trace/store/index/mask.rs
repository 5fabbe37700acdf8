//! Which rows of a block are meant: one bit each.

/// Some rows of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mask(Vec<u64>);

impl Mask {
    /// One more row, which is meant.
    pub(super) fn push(&mut self, row: usize) {
        if row / 64 == self.0.len() {
            self.0.push(0);
        }
        self.set(row);
    }

    /// From now on `row` is meant.
    pub(super) fn set(&mut self, row: usize) {
        self.0[row / 64] |= 1 << (row % 64);
    }

    /// From now on `row` is not meant. Says whether it was.
    pub(super) fn unset(&mut self, row: usize) -> bool {
        let bit = 1 << (row % 64);
        let was = self.0[row / 64] & bit != 0;
        self.0[row / 64] &= !bit;
        was
    }

    /// From now on no row is meant.
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Leaves those rows that `keep` says yes to; only they are asked for.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        for (index, word) in self.0.iter_mut().enumerate() {
            let mut left = *word;
            while left != 0 {
                let bit = left.trailing_zeros() as usize;
                if !keep(index * 64 + bit) {
                    *word &= !(1 << bit);
                }
                left &= left - 1;
            }
        }
    }

    /// Leaves those rows that `other` means too.
    pub(super) fn and(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Leaves those rows that `other` does not mean.
    pub(super) fn and_not(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// Whether no row is meant.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many rows are meant.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rows, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then_some(left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}
