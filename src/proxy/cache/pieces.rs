//! The body of an answer in pieces: those that are in memory, and those that are read from disk when their turn comes.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{disk::blocks::Blocks, object::Object};
use crate::{body::Body, error::BoxError, rules::cache::range::Span};

/// A piece of a body.
#[derive(Debug)]
pub(super) enum Piece {
    /// It is there.
    There(Bytes),
    /// These octets of the stored body, which is on disk.
    OnDisk(Span),
}

impl Piece {
    pub(super) fn octets(&self) -> u64 {
        match self {
            Self::There(octets) => octets.len() as u64,
            Self::OnDisk(span) => span.octets(),
        }
    }
}

/// A body of pieces of a stored response, and between them.
pub(super) fn pieces(object: &Object, pieces: Vec<Piece>) -> Body {
    let left = pieces.iter().map(Piece::octets).sum();
    Body::boxed(Pieces { pieces: pieces.into(), left, blocks: object.large().map(Blocks::new) })
}

struct Pieces {
    pieces: VecDeque<Piece>,
    left: u64,
    blocks: Option<Blocks>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let octets = match (this.pieces.front_mut(), &mut this.blocks) {
            (Some(Piece::OnDisk(span)), Some(blocks)) => {
                let octets = match ready!(blocks.poll_next(cx, (span.first, span.last + 1))) {
                    Ok(octets) => octets,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                };
                span.first += octets.len() as u64;
                if span.first > span.last {
                    this.pieces.pop_front();
                }
                octets
            }
            (Some(Piece::There(octets)), _) => {
                let octets = std::mem::take(octets);
                this.pieces.pop_front();
                octets
            }
            (Some(Piece::OnDisk(_)) | None, _) => return Poll::Ready(None),
        };
        this.left -= octets.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(octets))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
