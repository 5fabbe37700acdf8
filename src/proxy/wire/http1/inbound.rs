//! A response as it comes in: its head, then its body, RFC 9112 sections 4 to 7.

use std::{mem::MaybeUninit, ops::Range};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header::CONNECTION};
use http_body::Frame;

use super::super::WireError;
use crate::rules::framing::{
    chunks::{Chunks, Next},
    response::{BodyEnd, body_end},
};

/// A response's head, in octets.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Fields of a response's head, or of its trailers.
const FIELDS_MAX: usize = 128;
/// A response's trailers, in octets.
const TRAILER_BYTES_MAX: usize = 16 * 1024;
/// Responses of class 1xx before the final one.
const INFORMATIONAL_MAX: u8 = 16;

/// How much of a response has come.
#[derive(Debug)]
pub(super) enum Inbound {
    /// Its head is awaited.
    Head { informational: u8 },
    /// So many octets of its body are.
    Length(u64),
    /// Chunks are.
    Chunks(Chunks),
    /// What follows the last chunk is.
    Trailers,
    /// It goes on until the upstream closes.
    Close,
    /// It is over, and another may follow.
    Over,
    /// It is over, and nothing follows.
    Closed,
}

impl Inbound {
    /// Nothing of a response has come.
    pub(super) fn head() -> Self {
        Self::Head { informational: 0 }
    }

    /// Whether all of it has come.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over | Self::Closed)
    }

    /// Whether all of it has come, and another response may follow.
    pub(super) fn is_reusable(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// What is left of the body, if that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Over | Self::Closed => Some(0),
            _ => None,
        }
    }

    /// How much it is worth to make room for, if that is known.
    pub(super) fn wants(&self) -> Option<usize> {
        match self {
            Self::Length(left) => usize::try_from(*left).ok(),
            _ => None,
        }
    }

    /// Takes the final response's head from `input`, to a request of `method`, if it is there.
    pub(super) fn poll_head(
        &mut self,
        input: &mut BytesMut,
        method: &Method,
    ) -> Result<Option<Response<()>>, WireError> {
        while let Self::Head { informational } = self {
            let Some(head) = parse(input)? else { return Ok(None) };
            let status = head.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                *informational += 1;
                if *informational > INFORMATIONAL_MAX {
                    return Err(WireError::Malformed("too many informational responses before it"));
                }
                continue;
            }
            let end = body_end(method, status, head.version(), head.headers()).map_err(WireError::Malformed)?;
            *self = match end {
                BodyEnd::Nothing | BodyEnd::Length(0) => Self::Over,
                BodyEnd::Length(length) => Self::Length(length),
                BodyEnd::Chunked => Self::Chunks(Chunks::default()),
                BodyEnd::Close => Self::Close,
            };
            return Ok(Some(head));
        }
        Ok(None)
    }

    /// The whole body, if it is there.
    pub(super) fn whole(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        match self {
            Self::Over | Self::Closed => Some(Bytes::new()),
            Self::Length(length) => {
                let length = usize::try_from(*length).ok().filter(|length| *length <= input.len())?;
                *self = Self::Over;
                Some(input.split_to(length).freeze())
            }
            _ => None,
        }
    }

    /// The next part of the body, if it is there.
    pub(super) fn frame(&mut self, input: &mut BytesMut) -> Result<Option<Frame<Bytes>>, WireError> {
        match self {
            Self::Head { .. } | Self::Over | Self::Closed => Ok(None),
            Self::Close => Ok(data(input, u64::MAX)),
            Self::Length(left) => {
                let frame = data(input, *left);
                *left -= length(frame.as_ref());
                if *left == 0 {
                    *self = Self::Over;
                }
                Ok(frame)
            }
            Self::Chunks(chunks) => {
                let (used, next) = chunks.next(input);
                drop(input.split_to(used));
                match next.map_err(|fault| WireError::Framing(fault.reason))? {
                    Next::More => Ok(None),
                    Next::Data(left) => {
                        let frame = data(input, left);
                        chunks.took(length(frame.as_ref()));
                        Ok(frame)
                    }
                    Next::Last => {
                        *self = Self::Trailers;
                        self.trailers(input)
                    }
                }
            }
            Self::Trailers => self.trailers(input),
        }
    }

    /// The upstream closed the connection: the end of some bodies, and too early for others.
    pub(super) fn close(&mut self) -> Result<(), WireError> {
        match self {
            Self::Close => {
                *self = Self::Closed;
                Ok(())
            }
            Self::Over | Self::Closed => Ok(()),
            _ => Err(WireError::Closed),
        }
    }

    fn trailers(&mut self, input: &mut BytesMut) -> Result<Option<Frame<Bytes>>, WireError> {
        if input.starts_with(b"\r\n") {
            drop(input.split_to(2));
            *self = Self::Over;
            return Ok(None);
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (end, places) = match httparse::parse_headers(input, &mut fields) {
            Ok(httparse::Status::Complete((end, fields))) => (end, Places::of(input, fields)),
            Ok(httparse::Status::Partial) if input.len() <= TRAILER_BYTES_MAX => return Ok(None),
            _ => return Err(WireError::Framing("trailers that are no fields")),
        };
        let section = input.split_to(end).freeze();
        *self = Self::Over;
        let trailers = places.fields(&section).ok_or(WireError::Framing("trailers that are no fields"))?;
        Ok(Some(Frame::trailers(trailers)))
    }
}

/// What is there of `left` octets.
fn data(input: &mut BytesMut, left: u64) -> Option<Frame<Bytes>> {
    let octets = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    (octets > 0).then(|| Frame::data(input.split_to(octets).freeze()))
}

fn length(frame: Option<&Frame<Bytes>>) -> u64 {
    frame.and_then(Frame::data_ref).map_or(0, |data| data.len() as u64)
}

/// Takes a whole head from `input`, if it is there.
fn parse(input: &mut BytesMut) -> Result<Option<Response<()>>, WireError> {
    if input.is_empty() {
        return Ok(None);
    }
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let end = match parser.parse_response_with_uninit_headers(&mut parsed, input, &mut fields) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) if input.len() <= HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(WireError::TooLarge),
        Err(_) => return Err(WireError::Malformed("a head that is no HTTP")),
    };
    if end > HEAD_BYTES_MAX {
        return Err(WireError::TooLarge);
    }
    let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(WireError::Malformed("a status that is none"))?;
    let places = Places::of(input, parsed.headers);
    let section = input.split_to(end).freeze();
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.version_mut() = version;
    *head.headers_mut() = places.fields(&section).ok_or(WireError::Malformed("a field that is none"))?;
    Ok(Some(head))
}

/// Where the fields of a section stand in it: so that their values can share its octets.
struct Places {
    at: [(Range32, Range32); FIELDS_MAX],
    count: usize,
}

/// A range within a section, which is far shorter than 4 GiB.
type Range32 = (u32, u32);

impl Places {
    fn of(section: &[u8], fields: &[httparse::Header<'_>]) -> Self {
        let start = section.as_ptr().addr();
        let place = |octets: &[u8]| {
            let from = octets.as_ptr().addr().wrapping_sub(start);
            (from as u32, (from + octets.len()) as u32)
        };
        let mut at = [((0, 0), (0, 0)); FIELDS_MAX];
        for (place_of, field) in at.iter_mut().zip(fields) {
            *place_of = (place(field.name.as_bytes()), place(field.value));
        }
        Self { at, count: fields.len() }
    }

    /// The fields, their values sharing `section`; `None` if one is none.
    fn fields(&self, section: &Bytes) -> Option<HeaderMap> {
        // Room for a few more, which stages add.
        let mut map = HeaderMap::with_capacity(self.count + 4);
        for &(name, value) in &self.at[..self.count] {
            let name = HeaderName::from_bytes(section.get(range(name))?).ok()?;
            if name == CONNECTION && section.get(range(value))?.eq_ignore_ascii_case(b"keep-alive") {
                // What HTTP/1.1 does anyway, and what HTTP/1.0 is not believed.
                continue;
            }
            map.append(name, HeaderValue::from_maybe_shared(section.slice(range(value))).ok()?);
        }
        Some(map)
    }
}

fn range((from, to): Range32) -> Range<usize> {
    from as usize..to as usize
}
