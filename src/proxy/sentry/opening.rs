//! The beginning of an envelope: its first line, read through the coding of the body, and what was read with it. No more
//! of the envelope is read before it is known where it goes.

use std::collections::VecDeque;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;

use crate::{
    body::Body,
    error::{BoxError, ErrorType, ProxyError},
    proxy::decode::Decoder,
    rules::page::Coding,
};

/// The longest first line, in octets.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// So many octets of a compressed body may be read for it: it can be full of nothing.
const ENCODED_BYTES_MAX: usize = 2 * LINE_BYTES_MAX;

/// How an envelope begins.
pub(super) struct Opening {
    /// What was decoded: the first line, its end, and perhaps more.
    pub(super) decoded: Vec<u8>,
    /// Where the first line ends in it.
    line: usize,
    /// What decodes the rest.
    pub(super) plain: Plain,
    /// What was read, as it came.
    pub(super) read: VecDeque<Bytes>,
    /// What was not read yet.
    pub(super) rest: Body,
}

impl Opening {
    /// Reads `body` up to the end of the first line.
    ///
    /// # Errors
    /// There is none, it is too long, or the body is not in this coding.
    pub(super) async fn read(body: Body, coding: Option<Coding>) -> Result<Self, ProxyError> {
        let plain = Plain::new(coding).map_err(|error| malformed("the body cannot be decoded").with_source(error))?;
        let mut opening = Self { decoded: Vec::new(), line: 0, plain, read: VecDeque::new(), rest: body };
        let mut octets = 0;
        while let Some(frame) = opening.rest.frame().await {
            // Trailers are no part of an envelope.
            let Ok(data) = frame.map_err(unread)?.into_data() else { continue };
            // Kept, empty pieces would be room without a bound.
            if data.is_empty() {
                continue;
            }
            octets += data.len();
            opening.plain.put(data.clone());
            opening.read.push_back(data);
            if opening.take_line()? {
                return Ok(opening);
            }
            if octets > ENCODED_BYTES_MAX {
                return Err(malformed("the first line is too long"));
            }
        }
        // An envelope may be nothing but its first line.
        opening.line = opening.decoded.len();
        Ok(opening)
    }

    /// The first line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.decoded[..self.line]
    }

    /// Decodes what was put in until the first line ends; says whether it does.
    fn take_line(&mut self) -> Result<bool, ProxyError> {
        loop {
            let taken = self.plain.take();
            let taken = taken.map_err(|error| malformed("the body cannot be decoded").with_source(error))?;
            let Some(piece) = taken else { return Ok(false) };
            let before = self.decoded.len();
            let end = memchr::memchr(b'\n', &piece);
            if before + end.unwrap_or(piece.len()) > LINE_BYTES_MAX {
                return Err(malformed("the first line is too long"));
            }
            self.decoded.extend_from_slice(&piece);
            if let Some(end) = end {
                self.line = before + end;
                return Ok(true);
            }
        }
    }
}

/// A body without its coding, piece by piece.
pub(super) struct Plain {
    decoder: Option<Decoder>,
    piece: Option<Bytes>,
}

impl Plain {
    fn new(coding: Option<Coding>) -> Result<Self, BoxError> {
        Ok(Self { decoder: coding.map(Decoder::new).transpose()?, piece: None })
    }

    /// Puts in what came; all that was put in before must have been taken.
    pub(super) fn put(&mut self, data: Bytes) {
        match &mut self.decoder {
            Some(decoder) => decoder.put(data),
            None => self.piece = Some(data),
        }
    }

    /// The next piece of what was put in; `None` when more must be put in.
    ///
    /// # Errors
    /// It cannot be decoded.
    pub(super) fn take(&mut self) -> Result<Option<Bytes>, BoxError> {
        match &mut self.decoder {
            Some(decoder) => decoder.take(),
            None => Ok(self.piece.take()),
        }
    }
}

/// An envelope that is none.
pub(super) fn malformed(detail: &'static str) -> ProxyError {
    ProxyError::client(ErrorType::HttpRequestError).with_status(StatusCode::BAD_REQUEST).with_detail(detail)
}

/// A body that could not be read: too large, perhaps, which it tells itself.
fn unread(error: BoxError) -> ProxyError {
    match error.downcast::<ProxyError>() {
        Ok(told) => *told,
        Err(error) => malformed("the body ended early").with_source(error),
    }
}

#[cfg(test)]
mod tests;
