//! Content codings taken off, a bounded piece at a time: however well a body is compressed, no more of it is in memory
//! than was asked for. Pages are edited so, and envelopes read.

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, writer::StandardAlloc};
use bytes::{Buf as _, Bytes};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Operation as _};

use crate::{error::BoxError, rules::page::Coding};

/// So much is decoded at once, in octets.
const PIECE_BYTES: usize = 16 * 1024;
/// The largest window of a zstd body, as a power of two: 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The largest window of a gzip body, as a power of two.
const GZIP_WINDOW_LOG: u8 = 15;

/// A body on its way out of its coding.
pub struct Decoder {
    state: State,
    input: Bytes,
    // The last piece was full, so there may be more of what was put in.
    more: bool,
    end: End,
    // What is wrong with the octets behind the last piece.
    fault: Option<BoxError>,
}

enum State {
    Gzip(Decompress),
    Zlib(Decompress),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(zstd::stream::raw::Decoder<'static>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing came.
    Empty,
    /// In the middle.
    Open,
    /// At the end of a member or a frame.
    Reached,
}

impl Decoder {
    /// A decoder of this coding.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn new(coding: Coding) -> Result<Self, BoxError> {
        let state = match coding {
            Coding::Gzip => State::Gzip(Decompress::new_gzip(GZIP_WINDOW_LOG)),
            Coding::Deflate => State::Zlib(Decompress::new(true)),
            Coding::Brotli => State::Brotli(Box::new(BrotliState::new(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ))),
            Coding::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
                State::Zstd(decoder)
            }
        };
        Ok(Self { state, input: Bytes::new(), more: false, end: End::Empty, fault: None })
    }

    /// Puts in what came; all that was put in before must have been taken.
    pub fn put(&mut self, input: Bytes) {
        self.input = input;
    }

    /// The next piece of what was put in; `None` when more must be put in.
    ///
    /// # Errors
    /// The octets that come next cannot be decoded; nothing more can be taken then.
    pub fn take(&mut self) -> Result<Option<Bytes>, BoxError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut piece = Vec::new();
        // Not a recursion: a body may have any number of parts with nothing in them.
        loop {
            if self.end == End::Reached && !self.more && !self.begin_again() {
                self.input = Bytes::new();
            }
            if !self.more && self.input.is_empty() {
                return Ok(None);
            }
            piece.resize(PIECE_BYTES, 0);
            let before = self.input.len();
            let written = self.run(&mut piece)?;
            self.more = written == PIECE_BYTES && self.end != End::Reached;
            if written > 0 {
                piece.truncate(written);
                return Ok(Some(piece.into()));
            }
            if self.end == End::Reached {
                continue;
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if self.input.len() == before && before > 0 {
                return Err("the compressed body makes no progress".into());
            }
        }
    }

    /// Whether what stands behind the last piece cannot be decoded.
    pub fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// Nothing more will be put in.
    ///
    /// # Errors
    /// There should have been more.
    pub fn finish(&self) -> Result<(), BoxError> {
        if self.end == End::Open { Err("the compressed body ended early".into()) } else { Ok(()) }
    }

    /// Goes on behind an end: gzip and zstd bodies may have several parts. Anything else there is left out, as browsers
    /// do.
    fn begin_again(&mut self) -> bool {
        match &mut self.state {
            State::Gzip(decoder) if self.input.first() == Some(&0x1F) => {
                *decoder = Decompress::new_gzip(GZIP_WINDOW_LOG)
            }
            State::Zstd(_) if !self.input.is_empty() => {}
            _ => return false,
        }
        self.end = End::Open;
        true
    }

    fn run(&mut self, piece: &mut [u8]) -> Result<usize, BoxError> {
        let (read, written, ended) = match &mut self.state {
            State::Gzip(decoder) | State::Zlib(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(&self.input, piece, FlushDecompress::None);
                let (read, written) = (decoder.total_in() - read, decoder.total_out() - written);
                let ended = matches!(status, Ok(Status::StreamEnd));
                self.fault = status.err().map(Into::into);
                (usize::try_from(read)?, usize::try_from(written)?, ended)
            }
            State::Brotli(decoder) => {
                let (mut left, mut read, mut room, mut written) = (self.input.len(), 0, piece.len(), 0);
                let result = BrotliDecompressStream(
                    &mut left,
                    &mut read,
                    &self.input,
                    &mut room,
                    &mut written,
                    piece,
                    &mut 0,
                    decoder,
                );
                if matches!(result, BrotliResult::ResultFailure) {
                    self.fault = Some("the body is no brotli stream".into());
                }
                (read, written, matches!(result, BrotliResult::ResultSuccess))
            }
            State::Zstd(decoder) => {
                let status = decoder.run_on_buffers(&self.input, piece)?;
                (status.bytes_read, status.bytes_written, status.remaining == 0)
            }
        };
        self.input.advance(read);
        self.end = if ended { End::Reached } else { End::Open };
        Ok(written)
    }
}
