//! A request as it goes out: its head, then its body, RFC 9112 sections 3, 6 and 7.

use std::{
    io::{self, IoSlice, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::{Body as _, Frame};
use tokio::io::AsyncWrite as _;

use super::super::{Io, WireError};
use crate::{body::Body, service::Request};

/// Fields that mean something only in a head (RFC 9110 section 6.5.1).
const NOT_IN_TRAILERS: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];

/// How much of a request has gone.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    /// Octets of our own: the head, a chunk's size, trailers.
    own: Vec<u8>,
    /// So many of them have gone.
    own_gone: usize,
    /// The body's next octets, which follow.
    data: Bytes,
    /// The end of a chunk, which follows them.
    tail: &'static [u8],
    rest: Rest,
    written: u64,
}

/// What is to follow what is at hand.
#[derive(Debug, Default)]
enum Rest {
    /// Nothing.
    #[default]
    Nothing,
    /// A body of so many octets.
    Length(Body, u64),
    /// A body in chunks.
    Chunks(Body),
}

impl Outbound {
    /// Takes up a request with this body.
    pub(super) fn begin(&mut self, request: &Request, body: Option<Body>) {
        self.own.clear();
        self.own_gone = 0;
        self.written = 0;
        let headers = request.headers();
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        for part in [request.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
            self.own.extend_from_slice(part.as_bytes());
        }
        fields(&mut self.own, headers);
        self.rest = match body {
            None => Rest::Nothing,
            Some(body) => match length(headers).map_or_else(|| body.size_hint().exact(), Some) {
                Some(length) => {
                    if !headers.contains_key(header::CONTENT_LENGTH) {
                        // Writing to memory cannot fail.
                        write!(self.own, "content-length: {length}\r\n").ok();
                    }
                    Rest::Length(body, length)
                }
                None => {
                    self.own.extend_from_slice(b"transfer-encoding: chunked\r\n");
                    Rest::Chunks(body)
                }
            },
        };
        self.own.extend_from_slice(b"\r\n");
    }

    /// Whether everything has gone.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.rest, Rest::Nothing) && self.has_gone()
    }

    /// Octets written, of the request begun last.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes what can be written. Ready when everything has gone, or nothing more will.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<Result<(), WireError>> {
        loop {
            // What is at hand of a body goes together with what stands before it.
            let body = if self.data.is_empty() && self.tail.is_empty() { self.poll_body(cx) } else { Poll::Pending };
            if let Poll::Ready(Err(error)) = body {
                self.rest = Rest::Nothing;
                return Poll::Ready(Err(error));
            }
            let had = !self.has_gone();
            if let Err(error) = ready!(self.poll_write(cx, io)) {
                *self = Self { written: self.written, ..Self::default() };
                return Poll::Ready(Err(WireError::Io(error)));
            }
            if self.is_over() {
                return Poll::Ready(Ok(()));
            }
            if !had && body.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Takes more of the body, if it has more now.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let body = match &mut self.rest {
            Rest::Nothing => return Poll::Ready(Ok(())),
            Rest::Length(body, _) | Rest::Chunks(body) => body,
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx)).transpose().map_err(WireError::Body)?;
        let more = if frame.is_none() || body.is_end_stream() { More::No } else { More::Yes };
        match &mut self.rest {
            Rest::Nothing => {}
            Rest::Length(_, left) => {
                self.data = frame.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
                match left.checked_sub(self.data.len() as u64) {
                    Some(0) => self.rest = Rest::Nothing,
                    Some(fewer) if more == More::Yes => *left = fewer,
                    _ => return Poll::Ready(Err(WireError::Body("the body is not as long as its head says".into()))),
                }
            }
            Rest::Chunks(_) => self.chunk(frame.as_ref(), more),
        }
        Poll::Ready(Ok(()))
    }

    /// RFC 9112 section 7.1.
    fn chunk(&mut self, frame: Option<&Frame<Bytes>>, more: More) {
        if let Some(data) = frame.and_then(Frame::data_ref).filter(|data| !data.is_empty()) {
            // Writing to memory cannot fail.
            write!(self.own, "{:x}\r\n", data.len()).ok();
            self.data = data.clone();
            self.tail = if more == More::Yes { b"\r\n" } else { b"\r\n0\r\n\r\n" };
        } else if let Some(trailers) = frame.and_then(Frame::trailers_ref) {
            self.own.extend_from_slice(b"0\r\n");
            let allowed = trailers.iter().filter(|(name, _)| !NOT_IN_TRAILERS.contains(name));
            fields(&mut self.own, allowed);
            self.own.extend_from_slice(b"\r\n");
            self.rest = Rest::Nothing;
        } else if more == More::No {
            self.own.extend_from_slice(b"0\r\n\r\n");
        }
        if more == More::No {
            self.rest = Rest::Nothing;
        }
    }

    fn has_gone(&self) -> bool {
        self.own_gone == self.own.len() && self.data.is_empty() && self.tail.is_empty()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<io::Result<()>> {
        while !self.has_gone() {
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
        }
        self.own.clear();
        self.own_gone = 0;
        Pin::new(io).poll_flush(cx)
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

/// Whether a body goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    Yes,
    No,
}

fn fields<'a>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = (&'a HeaderName, &'a HeaderValue)>) {
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

/// What the head says of the body's length.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
