//! The content of a message as it comes in, request or response: RFC 9112 sections 6 and 7. What is there is split off,
//! not copied; values in, values out.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::{
    Bounds, Fault,
    chunks::{Chunks, Next},
    section::Section,
};

/// Trailer sections are small.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// How much of a message's content has come.
#[derive(Clone, Debug, Default)]
pub struct Content(Awaited);

/// What of it is missing.
#[derive(Clone, Debug, Default)]
enum Awaited {
    /// Nothing.
    #[default]
    Nothing,
    /// So many octets.
    Length(u64),
    /// Chunks.
    Chunks(Chunks),
    /// What follows the last chunk.
    Trailers(Box<Section>),
    /// Whatever comes until the sender closes.
    Close,
}

/// A part of a message's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Some of its octets.
    Data(Bytes),
    /// What trails it.
    Trailers(HeaderMap),
}

impl Content {
    /// Content of so many octets.
    pub fn of_length(octets: u64) -> Self {
        Self(if octets == 0 { Awaited::Nothing } else { Awaited::Length(octets) })
    }

    /// Content in chunks.
    pub fn in_chunks() -> Self {
        Self(Awaited::Chunks(Chunks::default()))
    }

    /// Content that goes on until the sender closes.
    pub fn until_close() -> Self {
        Self(Awaited::Close)
    }

    /// Whether all of it has come.
    pub fn is_over(&self) -> bool {
        matches!(self.0, Awaited::Nothing)
    }

    /// How many octets are missing, if that is known.
    pub fn left(&self) -> Option<u64> {
        match self.0 {
            Awaited::Nothing => Some(0),
            Awaited::Length(left) => Some(left),
            _ => None,
        }
    }

    /// The sender closed the connection. Whether that is how this content ends.
    pub fn close(&mut self) -> bool {
        let ends = matches!(self.0, Awaited::Close | Awaited::Nothing);
        if ends {
            self.0 = Awaited::Nothing;
        }
        ends
    }

    /// All of it, if it is there.
    pub fn whole(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        match &mut self.0 {
            Awaited::Nothing => Some(Bytes::new()),
            Awaited::Length(length) => {
                let length = usize::try_from(*length).ok().filter(|length| *length <= input.len())?;
                self.0 = Awaited::Nothing;
                Some(input.split_to(length).freeze())
            }
            _ => None,
        }
    }

    /// The next part, if it is there. At most `bounds.fields_max` fields may trail.
    ///
    /// # Errors
    /// With what is wrong with a chunk or a trailer.
    pub fn part(&mut self, input: &mut BytesMut, bounds: &Bounds) -> Result<Option<Part>, Fault> {
        match &mut self.0 {
            Awaited::Nothing => Ok(None),
            Awaited::Close => Ok(data(input, u64::MAX)),
            Awaited::Length(left) => {
                let part = data(input, *left);
                *left -= length(part.as_ref());
                if *left == 0 {
                    self.0 = Awaited::Nothing;
                }
                Ok(part)
            }
            Awaited::Chunks(chunks) => {
                let (used, next) = chunks.next(input);
                drop(input.split_to(used));
                match next? {
                    Next::More => Ok(None),
                    Next::Data(left) => {
                        let part = data(input, left);
                        chunks.took(length(part.as_ref()));
                        Ok(part)
                    }
                    Next::Last => {
                        let mut section = Box::<Section>::default();
                        section.begin_trailers();
                        self.0 = Awaited::Trailers(section);
                        self.trailers(input, bounds)
                    }
                }
            }
            Awaited::Trailers(_) => self.trailers(input, bounds),
        }
    }

    fn trailers(&mut self, input: &mut BytesMut, bounds: &Bounds) -> Result<Option<Part>, Fault> {
        let Awaited::Trailers(section) = &mut self.0 else { return Ok(None) };
        let bounds = Bounds { head_bytes_max: bounds.head_bytes_max.min(TRAILER_BYTES_MAX), ..*bounds };
        let Some(end) = section.scan(input, &bounds)? else { return Ok(None) };
        section.fields.trailing()?;
        let octets = input.split_to(end).freeze();
        let trailers = section.headers(&octets)?;
        self.0 = Awaited::Nothing;
        Ok((!trailers.is_empty()).then_some(Part::Trailers(trailers)))
    }
}

/// What is there of `left` octets.
fn data(input: &mut BytesMut, left: u64) -> Option<Part> {
    let octets = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    (octets > 0).then(|| Part::Data(input.split_to(octets).freeze()))
}

fn length(part: Option<&Part>) -> u64 {
    match part {
        Some(Part::Data(data)) => data.len() as u64,
        _ => 0,
    }
}
