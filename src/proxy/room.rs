//! Room for octets, which the connections of a thread lend one another: what was given back last is taken next, while the
//! processor's cache still holds it, and a connection that waits holds none. Of each kind a few pieces are kept, since what
//! was cut from one may still be on its way; what is given back beyond them is freed.
//!
//! Nothing goes from one connection to the next but room: whoever takes a piece sees only what he puts into it.

use std::{
    cell::{Cell, RefCell},
    ops::{Deref, DerefMut},
};

use bytes::BytesMut;

/// What room is for: pieces of one kind are about as large, and free again about as soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The heads of clients' requests.
    Requests,
    /// The heads of upstreams' responses, and small bodies.
    Responses,
    /// Large bodies, from either side.
    Contents,
}

impl Kind {
    /// No larger pieces are kept, in octets.
    const fn bytes_max(self) -> usize {
        match self {
            Self::Requests | Self::Responses => 8 * 1024,
            Self::Contents => 128 * 1024,
        }
    }
}

/// So many pieces of a kind are kept.
const PIECES_MAX: usize = 8;

/// No larger room to write from is kept, in octets.
const WRITTEN_BYTES_MAX: usize = 32 * 1024;

thread_local! {
    static PIECES: RefCell<[Vec<BytesMut>; 3]> = const { RefCell::new([const { Vec::new() }; 3]) };
    static WRITTEN: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What was read and not understood yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    octets: BytesMut,
    /// What the room was taken for, if there is any.
    kind: Option<Kind>,
}

impl Input {
    /// Makes room for more, of this kind where it is taken anew: `room` octets, unless there is room for `enough`.
    #[inline]
    pub(super) fn make_room(&mut self, kind: Kind, (enough, room): (usize, usize)) {
        if self.kind != Some(kind) && self.octets.is_empty() {
            self.rest();
            self.octets = piece(kind, enough);
            self.kind = Some(kind);
        }
        if self.octets.capacity() - self.octets.len() < enough {
            self.octets.reserve(room);
        }
    }

    /// Gives room back in which nothing is. What was not taken as room is freed.
    #[inline]
    pub(super) fn rest(&mut self) {
        if !self.octets.is_empty() {
            return;
        }
        let octets = std::mem::take(&mut self.octets);
        let Some(kind) = self.kind.take() else { return };
        PIECES.with_borrow_mut(|pieces| {
            let pieces = &mut pieces[kind as usize];
            if octets.capacity() <= kind.bytes_max() && pieces.len() < PIECES_MAX {
                pieces.push(octets);
            }
        });
    }

    /// The octets themselves.
    pub(super) fn into_octets(self) -> BytesMut {
        self.octets
    }
}

impl Deref for Input {
    type Target = BytesMut;

    fn deref(&self) -> &BytesMut {
        &self.octets
    }
}

impl DerefMut for Input {
    fn deref_mut(&mut self) -> &mut BytesMut {
        &mut self.octets
    }
}

/// The piece of this kind that was given back last and has so much room; none, where there is no such piece.
fn piece(kind: Kind, enough: usize) -> BytesMut {
    PIECES.with_borrow_mut(|pieces| {
        let pieces = &mut pieces[kind as usize];
        while let Some(mut piece) = pieces.pop() {
            // One of which too much is still on its way is freed with that.
            if piece.try_reclaim(enough) {
                return piece;
            }
        }
        BytesMut::new()
    })
}

/// Room to write from, if any was given back.
pub(super) fn to_write() -> Vec<u8> {
    WRITTEN.take()
}

/// Gives room back that was written from.
pub(super) fn written(mut room: Vec<u8>) {
    if (1..=WRITTEN_BYTES_MAX).contains(&room.capacity()) {
        room.clear();
        WRITTEN.set(room);
    }
}

#[cfg(test)]
mod tests;
