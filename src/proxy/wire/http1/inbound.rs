//! A response as it comes in: its head, then its body, RFC 9112 sections 4 to 7.

use std::{mem::MaybeUninit, ops::Range};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header::CONNECTION};
use http_body::Frame;

use super::super::WireError;
use crate::rules::framing::{
    Bounds,
    content::{Content, Part},
    response::{BodyEnd, body_end},
};

/// A response's head, in octets.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Fields of a response's head, or of its trailers.
const FIELDS_MAX: usize = 128;
/// Responses of class 1xx before the final one.
const INFORMATIONAL_MAX: u8 = 16;
/// Of a response's trailers.
const BOUNDS: Bounds = Bounds { head_bytes_max: HEAD_BYTES_MAX, fields_max: FIELDS_MAX, target_bytes_max: 0 };

/// A response that comes in.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    state: State,
    /// Where the fields of the last head stood: room that is used again.
    places: Places,
}

/// How much of a response has come.
#[derive(Debug)]
enum State {
    /// Its head is awaited.
    Head { informational: u8 },
    /// Its body is, or all of it has come.
    Body(Content),
    /// It is over, and nothing follows.
    Closed,
}

impl Default for State {
    fn default() -> Self {
        Self::Body(Content::default())
    }
}

impl Inbound {
    /// Nothing of the next response has come.
    pub(super) fn begin(&mut self) {
        self.state = State::Head { informational: 0 };
    }

    /// Whether all of it has come.
    pub(super) fn is_over(&self) -> bool {
        self.is_reusable() || matches!(self.state, State::Closed)
    }

    /// Whether all of it has come, and another response may follow.
    pub(super) fn is_reusable(&self) -> bool {
        matches!(&self.state, State::Body(content) if content.is_over())
    }

    /// What is left of the body, if that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match &self.state {
            State::Head { .. } => None,
            State::Body(content) => content.left(),
            State::Closed => Some(0),
        }
    }

    /// How much it is worth to make room for, if that is known.
    pub(super) fn wants(&self) -> Option<usize> {
        self.left().filter(|left| *left > 0).and_then(|left| usize::try_from(left).ok())
    }

    /// Takes the final response's head from `input`, to a request of `method`, if it is there; what comes before it is
    /// told to `interim`.
    pub(super) fn poll_head(
        &mut self,
        input: &mut BytesMut,
        method: &Method,
        interim: impl Fn(Response<()>),
    ) -> Result<Option<Response<()>>, WireError> {
        while let State::Head { informational } = &mut self.state {
            let Some(head) = parse(input, &mut self.places)? else { return Ok(None) };
            let status = head.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                *informational += 1;
                if *informational > INFORMATIONAL_MAX {
                    return Err(WireError::Malformed("too many informational responses before it"));
                }
                interim(head);
                continue;
            }
            let end = body_end(method, status, head.version(), head.headers()).map_err(WireError::Malformed)?;
            self.state = State::Body(match end {
                BodyEnd::Nothing => Content::default(),
                BodyEnd::Length(length) => Content::of_length(length),
                BodyEnd::Chunked => Content::in_chunks(),
                BodyEnd::Close => Content::until_close(),
            });
            return Ok(Some(head));
        }
        Ok(None)
    }

    /// The whole body, if it is there.
    pub(super) fn whole(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        match &mut self.state {
            State::Head { .. } => None,
            State::Body(content) => content.whole(input),
            State::Closed => Some(Bytes::new()),
        }
    }

    /// The next part of the body, if it is there.
    pub(super) fn frame(&mut self, input: &mut BytesMut) -> Result<Option<Frame<Bytes>>, WireError> {
        let State::Body(content) = &mut self.state else { return Ok(None) };
        let part = content.part(input, &BOUNDS).map_err(|fault| WireError::Framing(fault.reason))?;
        Ok(part.map(|part| match part {
            Part::Data(data) => Frame::data(data),
            Part::Trailers(trailers) => Frame::trailers(trailers),
        }))
    }

    /// The upstream closed the connection: the end of some bodies, and too early for others.
    pub(super) fn close(&mut self) -> Result<(), WireError> {
        let ends = match &mut self.state {
            State::Head { .. } => false,
            State::Body(content) => content.close(),
            State::Closed => true,
        };
        if !ends {
            return Err(WireError::Closed);
        }
        self.state = State::Closed;
        Ok(())
    }
}

/// Takes a whole head from `input`, if it is there.
fn parse(input: &mut BytesMut, places: &mut Places) -> Result<Option<Response<()>>, WireError> {
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
    places.note(input, parsed.headers);
    let section = input.split_to(end).freeze();
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.version_mut() = version;
    *head.headers_mut() = places.fields(&section).ok_or(WireError::Malformed("a field that is none"))?;
    Ok(Some(head))
}

/// Where the fields of a section stand in it: so that their values can share its octets.
#[derive(Debug, Default)]
struct Places(Vec<(Range32, Range32)>);

/// A range within a section, which is far shorter than 4 GiB.
type Range32 = (u32, u32);

impl Places {
    fn note(&mut self, section: &[u8], fields: &[httparse::Header<'_>]) {
        let start = section.as_ptr().addr();
        let place = |octets: &[u8]| {
            let from = octets.as_ptr().addr().wrapping_sub(start);
            (from as u32, (from + octets.len()) as u32)
        };
        self.0.clear();
        self.0.extend(fields.iter().map(|field| (place(field.name.as_bytes()), place(field.value))));
    }

    /// The fields, their values sharing `section`; `None` if one is none.
    fn fields(&self, section: &Bytes) -> Option<HeaderMap> {
        // Room for one more: few stages add any.
        let mut map = HeaderMap::with_capacity(self.0.len() + 1);
        for &(name, value) in &self.0 {
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
