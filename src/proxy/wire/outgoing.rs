//! A message's octets on their way out, RFC 9112: what is our own of it (its head, the sizes of chunks, trailers), and
//! the content between, which is not copied unless it is small.

use std::{
    io::{self, IoSlice, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::AsyncWrite;

use crate::{body::More, proxy::room, rules::headers::trailers::may_trail};

/// Content of so many octets is copied: a second slice costs the kernel more.
const COPIED_BYTES_MAX: usize = 4 * 1024;
/// So many octets of our own, copied content included, are written before more is taken.
const OWN_BYTES_MAX: usize = 16 * 1024;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Octets of our own.
    own: Vec<u8>,
    /// So many of them have gone.
    own_gone: usize,
    /// Content, which follows them.
    data: Bytes,
    /// The end of a chunk, which follows the content.
    tail: &'static [u8],
    written: u64,
    /// Whether something was written that TLS may still hold back.
    is_held: bool,
}

impl Outgoing {
    /// Begins with another message.
    pub fn begin(&mut self) {
        *self = Self { own: std::mem::take(&mut self.own), is_held: self.is_held, ..Self::default() };
        self.own.clear();
    }

    /// Where octets of our own are put. There must be [room](Self::has_room).
    pub fn own(&mut self) -> &mut Vec<u8> {
        if self.own.capacity() == 0 {
            self.own = room::to_write();
        }
        &mut self.own
    }

    /// Whether more may be added.
    pub fn has_room(&self) -> bool {
        self.data.is_empty() && self.tail.is_empty() && self.own.len() < OWN_BYTES_MAX
    }

    /// Whether everything has gone.
    pub fn has_gone(&self) -> bool {
        self.is_written() && !self.is_held
    }

    fn is_written(&self) -> bool {
        self.own_gone == self.own.len() && self.data.is_empty() && self.tail.is_empty()
    }

    /// Octets written of the message begun last.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds content.
    pub fn data(&mut self, data: Bytes) {
        if data.len() <= COPIED_BYTES_MAX {
            self.own().extend_from_slice(&data);
        } else {
            self.data = data;
        }
    }

    /// Adds content as a chunk, RFC 9112 section 7.1; after the last one the message is over.
    pub fn chunk(&mut self, data: Bytes, more: More) {
        if !data.is_empty() {
            // Writing to memory cannot fail.
            write!(self.own(), "{:x}\r\n", data.len()).ok();
            self.data(data);
            self.end(b"\r\n");
        }
        if more == More::No {
            self.end(if self.tail.is_empty() { b"0\r\n\r\n" } else { b"\r\n0\r\n\r\n" });
        }
    }

    /// Adds the last chunk, and `trailers`.
    pub fn trailers(&mut self, trailers: &HeaderMap) {
        self.own().extend_from_slice(b"0\r\n");
        fields(self.own(), trailers.iter().filter(|(name, _)| may_trail(name)));
        self.own().extend_from_slice(b"\r\n");
    }

    /// Ends a chunk.
    fn end(&mut self, tail: &'static [u8]) {
        if self.data.is_empty() {
            self.own().extend_from_slice(tail);
        } else {
            self.tail = tail;
        }
    }

    /// Writes what can be written. Ready when everything has gone.
    ///
    /// # Errors
    /// Those of `io`, after which nothing is left to be written.
    pub fn poll<I: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, io: &mut I) -> Poll<io::Result<()>> {
        let polled = self.poll_write(cx, io);
        if let Poll::Ready(Err(_)) = polled {
            *self = Self { written: self.written, ..Self::default() };
        }
        polled
    }

    fn poll_write<I: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, io: &mut I) -> Poll<io::Result<()>> {
        while !self.is_written() {
            let slices = [&self.own[self.own_gone..], &self.data, self.tail].map(IoSlice::new);
            let written = if self.data.is_empty() && self.tail.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, &slices[0]))?
            } else {
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
            self.is_held = true;
        }
        room::written(std::mem::take(&mut self.own));
        self.own_gone = 0;
        if self.is_held {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.is_held = false;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize) {
        self.written += written as u64;
        let own = written.min(self.own.len() - self.own_gone);
        self.own_gone += own;
        let data = (written - own).min(self.data.len());
        self.data.advance(data);
        self.tail = &self.tail[written - own - data..];
    }
}

/// Writes fields.
pub fn fields<'a>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = (&'a HeaderName, &'a HeaderValue)>) {
    for (name, value) in fields {
        field(out, name.as_str(), value.as_bytes());
    }
}

/// Writes one field.
#[inline]
pub fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The number that a field's value is.
pub fn number(value: &HeaderValue) -> Option<u64> {
    std::str::from_utf8(value.as_bytes()).ok()?.parse().ok()
}

/// Writes `Content-Length`.
pub fn content_length(out: &mut Vec<u8>, mut octets: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (octets % 10) as u8;
        octets /= 10;
        if octets == 0 {
            break;
        }
    }
    field(out, "content-length", &digits[at..]);
}

#[cfg(test)]
mod tests;
