//! Requests out of a client's octets, RFC 9112; and which of them could be understood in two ways.
//!
//! Stricter than the RFC wherever leniency is what smuggling lives on. A head is looked at once: what is checked is what
//! is handed on, so no parser behind can take it for something else.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Uri, Version};

use super::{
    Bounds, Fault,
    content::{Content, Part},
    section::{Framing, Section, Wishes},
};

/// Follows one connection.
#[derive(Clone, Debug)]
pub struct Requests {
    bounds: Bounds,
    state: State,
    section: Section,
    content: Content,
}

/// Where in a client's octets we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between requests, or within one.
    Clear,
    /// Within or after a request whose answer decides what follows it.
    Undecided,
    /// After a refusal.
    Refused(Fault),
}

/// A request's head.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The target.
    pub target: Uri,
    /// HTTP/1.1 or 1.0.
    pub version: Version,
    /// The fields.
    pub headers: HeaderMap,
    /// What it says of the connection it came on.
    pub wishes: Wishes,
}

impl Requests {
    /// A connection on which nothing was read.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: State::Clear, section: Section::default(), content: Content::default() }
    }

    /// Holds requests to other bounds from the next one on.
    pub fn bound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Takes the next request's head from `input`, if it is there whole. What is left must be there the next time.
    ///
    /// # Errors
    /// If the request is refused; so is whatever follows.
    pub fn head(&mut self, input: &mut BytesMut) -> Result<Option<Head>, Fault> {
        match self.state {
            State::Refused(fault) => return Err(fault),
            State::Undecided => return Ok(None),
            State::Clear if !self.content.is_over() => return Ok(None),
            State::Clear => {}
        }
        self.next(input).inspect_err(|fault| self.state = State::Refused(*fault))
    }

    fn next(&mut self, input: &mut BytesMut) -> Result<Option<Head>, Fault> {
        let Some(end) = self.section.scan(input, &self.bounds)? else { return Ok(None) };
        let section = &self.section;
        let framing = section.fields.framing()?;
        let wishes = section.fields.wishes();
        let octets = input.split_to(end).freeze();
        let head = Head {
            method: section.method(&octets)?,
            target: section.target(&octets)?,
            version: section.fields.version(),
            headers: section.headers(&octets)?,
            wishes,
        };
        self.section.begin_head();
        if wishes.upgrades {
            self.state = State::Undecided;
        }
        self.content = match framing {
            Framing::Length(length) => Content::of_length(length),
            Framing::Chunked => Content::in_chunks(),
        };
        Ok(Some(head))
    }

    /// What is left of the request's content.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The request's whole content, if it is there.
    pub fn whole(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        self.content.whole(input)
    }

    /// Takes the next part of the request's content from `input`, if it is there.
    ///
    /// # Errors
    /// If it is refused; so is whatever follows.
    pub fn part(&mut self, input: &mut BytesMut) -> Result<Option<Part>, Fault> {
        if let State::Refused(fault) = self.state {
            return Err(fault);
        }
        self.content.part(input, &self.bounds).inspect_err(|fault| self.state = State::Refused(*fault))
    }

    /// The request before was answered without a change of protocols: what follows it is another one.
    pub fn decline(&mut self) {
        if self.state == State::Undecided {
            self.state = State::Clear;
        }
    }

    /// Whether what follows has a meaning only once the request before is answered.
    pub fn is_undecided(&self) -> bool {
        self.state == State::Undecided && self.content.is_over()
    }

    /// Whether a request was refused.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused(_))
    }
}
