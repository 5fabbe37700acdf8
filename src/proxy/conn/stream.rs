//! A client's octets: read ahead a little, and written with an eye on whether the client takes them.

use std::{
    cell::Cell,
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Buf as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::Place;
use crate::{
    clock::{self, Instant},
    proxy::room::{Input, Kind},
};

/// The first octets of a connection without a request are read in so large a piece.
const FIRST_BYTES: usize = 1024;

/// What is read in larger pieces than this is content, in octets.
const HEADS_BYTES_MAX: usize = 4 * 1024;

/// A stream, and what was read of it and not understood.
#[derive(Debug)]
pub(super) struct Stream<I> {
    pub(super) io: I,
    pub(super) input: Input,
    /// Kept as long as the socket.
    _place: Option<Place>,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Stream<I> {
    pub(super) fn new(io: I, place: Option<Place>) -> Self {
        Self { io, input: Input::default(), _place: place }
    }

    /// Reads the first octets of a request, without keeping room for them before they are there; zero octets mean the
    /// end.
    pub(super) fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut octets = [0; FIRST_BYTES];
        let mut buf = ReadBuf::new(&mut octets);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        self.input.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Reads what is there, with room for at least `room` octets where new room is made; zero octets mean the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        let kind = if room > HEADS_BYTES_MAX { Kind::Contents } else { Kind::Requests };
        // What is left of the room before is used up first, so that most requests need none of their own.
        self.input.make_room(kind, (FIRST_BYTES, room));
        let read = pin!(self.io.read_buf(&mut *self.input)).poll(cx);
        self.input.rest();
        read
    }

    /// Says goodbye, as far as that can be done without waiting.
    pub(super) async fn close(mut self) {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut self.io).poll_shutdown(cx).is_ready())).await;
    }

    /// The same stream, which notes in `blocked` whether the client takes what is written.
    pub(super) fn paced(self, blocked: Rc<Blocked>) -> Paced<I> {
        Paced { stream: self, blocked }
    }
}

/// What was read comes first: so is a stream handed over to whoever speaks another protocol.
impl<I: AsyncRead + Unpin> AsyncRead for Stream<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let octets = self.input.len().min(buf.remaining());
        buf.put_slice(&self.input[..octets]);
        self.input.advance(octets);
        if self.input.is_empty() {
            self.input.rest();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Stream<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Since when a client takes nothing of what is to be written.
#[derive(Debug, Default)]
pub(super) struct Blocked(Cell<Option<Instant>>);

impl Blocked {
    pub(super) fn since(&self) -> Option<Instant> {
        self.0.get()
    }

    /// The client took something.
    pub(super) fn moved(&self) {
        self.0.set(None);
    }

    /// Notes whether the client took something.
    pub(super) fn note<T>(&self, polled: Poll<T>) -> Poll<T> {
        if polled.is_ready() {
            self.moved();
        } else if self.0.get().is_none() {
            self.0.set(Some(clock::now()));
        }
        polled
    }
}

/// A stream whose writing is watched.
#[derive(Debug)]
pub(super) struct Paced<I> {
    stream: Stream<I>,
    blocked: Rc<Blocked>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.blocked.note(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, octets);
        self.blocked.note(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.blocked.note(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
