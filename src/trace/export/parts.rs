//! A message in parts, sent as one body: batches are handed to the socket where they lie, and not copied together first.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Octets in parts. Cloning shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    parts: Arc<[Bytes]>,
    next: usize,
}

impl Parts {
    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.parts.iter()
    }

    /// How many octets they have.
    pub(super) fn len(&self) -> usize {
        self.iter().map(Bytes::len).sum()
    }

    /// All of them in one piece.
    pub(super) fn joined(&self) -> Bytes {
        match &*self.parts {
            [only] => only.clone(),
            many => many.concat().into(),
        }
    }
}

impl FromIterator<Bytes> for Parts {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Self {
        Self { parts: parts.into_iter().collect(), next: 0 }
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let part = self.parts.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.parts.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.iter().skip(self.next).map(Bytes::len).sum::<usize>() as u64)
    }
}
