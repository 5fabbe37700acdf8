//! A body that another task makes: whole, or piece by piece through a bounded channel. The maker waits while its reader
//! is slow, and hears when he is gone.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// The pieces that wait for a slow reader.
const PIECES_MAX: usize = 4;

/// A body that crosses threads.
#[derive(Debug)]
pub struct Piped(Inner);

#[derive(Debug)]
enum Inner {
    Whole(Bytes),
    Pieces(mpsc::Receiver<Bytes>),
}

/// Where pieces go in.
#[derive(Clone, Debug)]
pub struct Pipe(mpsc::Sender<Bytes>);

/// The reader is gone: whatever else is made is for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Piped {
    /// A body that ends when its pipe is dropped.
    pub fn new() -> (Pipe, Self) {
        let (pipe, pieces) = mpsc::channel(PIECES_MAX);
        (Pipe(pipe), Self(Inner::Pieces(pieces)))
    }

    /// All of it, if it is there.
    pub(super) fn whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Whole(whole) => Ok(whole),
            Inner::Pieces(_) => Err(self),
        }
    }
}

impl Pipe {
    /// Hands on a piece, when there is room for it.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn send(&self, piece: Bytes) -> Result<(), Gone> {
        self.0.send(piece).await.map_err(|_| Gone)
    }

    /// Waits until the reader is gone.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl<T: Into<Bytes>> From<T> for Piped {
    fn from(whole: T) -> Self {
        Self(Inner::Whole(whole.into()))
    }
}

impl http_body::Body for Piped {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.0 {
            Inner::Whole(whole) if whole.is_empty() => return Poll::Ready(None),
            Inner::Whole(whole) => Some(std::mem::take(whole)),
            Inner::Pieces(pieces) => std::task::ready!(pieces.poll_recv(cx)),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Inner::Whole(whole) if whole.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(whole) => SizeHint::with_exact(whole.len() as u64),
            Inner::Pieces(_) => SizeHint::default(),
        }
    }
}
