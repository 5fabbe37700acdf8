//! The part of a document that was read but not yet given on: pieces as they came, by their offsets. Nothing is copied.

use std::collections::VecDeque;

use bytes::Bytes;

/// Pieces that wait. Their octets are counted from the document's beginning, those taken out included.
#[derive(Debug, Default)]
pub(super) struct Segments {
    pieces: VecDeque<Bytes>,
    // The offset of the first octet that waits.
    from: u64,
    // Ranges to take out, in order.
    cuts: VecDeque<(u64, u64)>,
}

impl Segments {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.pieces.push_back(piece);
    }

    /// Takes out the octets from `start` to `end` when their turn comes.
    pub(super) fn cut(&mut self, start: u64, end: u64) {
        self.cuts.push_back((start, end));
    }

    /// Gives on what stands in front of `offset`.
    pub(super) fn pass_to(&mut self, offset: u64, out: &mut impl Extend<Bytes>) {
        while let Some((start, end)) = self.cuts.front().copied().filter(|(start, _)| *start < offset) {
            self.cuts.pop_front();
            self.take_to(start, |piece| out.extend([piece]));
            self.take_to(end, drop);
        }
        self.take_to(offset, |piece| out.extend([piece]));
    }

    fn take_to(&mut self, offset: u64, mut give: impl FnMut(Bytes)) {
        while let Some(piece) = self.pieces.front_mut() {
            let wanted = offset.saturating_sub(self.from);
            if wanted == 0 {
                return;
            }
            let taken = usize::try_from(wanted).map_or(piece.len(), |wanted| wanted.min(piece.len()));
            self.from += taken as u64;
            if taken < piece.len() {
                return give(piece.split_to(taken));
            }
            self.pieces.pop_front().into_iter().for_each(&mut give);
        }
    }
}
