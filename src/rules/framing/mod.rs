//! Where one HTTP/1.1 request ends and the next begins, RFC 9112; and which requests could be understood in two ways.
//!
//! A [`Scanner`] follows a client's octets and says how many of them may be passed on. A head, and likewise a trailer
//! section, is passed on whole or not at all; bodies are passed on as they come. Stricter than the RFC wherever
//! leniency is what smuggling lives on, and never more lenient than the parser behind it. Values in, values out: the
//! octets stay where they are, and nothing is allocated.

pub mod chunks;
mod fields;
pub mod request;
pub mod response;

use http::StatusCode;

use self::{chunks::Chunks, fields::Section};

/// Bounds of a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Request line and fields, in octets.
    pub head_bytes_max: usize,
    /// Fields of one section.
    pub fields_max: usize,
    /// The request target, in octets.
    pub target_bytes_max: usize,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is answered with.
    pub status: StatusCode,
    /// In words for logs and spans.
    pub reason: &'static str,
}

impl Fault {
    const fn bad(reason: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason }
    }

    const fn of(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }
}

/// What became of some octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// So many of them, from the first on, may be passed on.
    pub passed: usize,
    /// What of the rest.
    pub rest: Rest,
}

/// What is to be done with octets that may not be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They begin a section that is not complete: the next call must begin with them. There may be none.
    Partial,
    /// They follow a request to change protocols: their meaning depends on its answer.
    Undecided,
    /// They are refused, and so is whatever follows.
    Refused(Fault),
}

/// Where in a client's octets we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Between requests, or within a head.
    Head,
    /// Within a body, its trailers included.
    Body,
    /// After a request to change protocols, whose answer is not known.
    Undecided,
    /// After a change of protocols.
    Open,
    /// After a refusal.
    Refused,
}

/// Follows one connection.
#[derive(Clone, Debug)]
pub struct Scanner {
    bounds: Bounds,
    state: State,
    heads: u64,
}

#[derive(Clone, Debug)]
enum State {
    Head(Section),
    Length { left: u64, then: Then },
    Chunks { chunks: Chunks, then: Then },
    Trailers { section: Section, then: Then },
    Undecided,
    Open,
    Refused { fault: Fault, in_body: bool },
}

/// What follows a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Next,
    Undecided,
}

/// How a body's end is found, RFC 9112 section 6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

/// Trailer sections are small; the parser behind bounds them by 16 KiB.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

impl Scanner {
    /// A connection on which nothing was read.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: State::Head(Section::head()), heads: 0 }
    }

    /// Heads passed on.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Where we are.
    pub fn place(&self) -> Place {
        match self.state {
            State::Head(_) => Place::Head,
            State::Length { .. } | State::Chunks { .. } | State::Trailers { .. } => Place::Body,
            State::Undecided => Place::Undecided,
            State::Open => Place::Open,
            State::Refused { .. } => Place::Refused,
        }
    }

    /// The request before was answered with a change of protocols: all that follows is passed on.
    pub fn open(&mut self) {
        self.state = State::Open;
    }

    /// The request before was answered without a change of protocols.
    pub fn decline(&mut self) {
        if matches!(self.state, State::Undecided) {
            self.state = State::Head(Section::head());
        }
    }

    /// Refuses whatever follows.
    pub fn refuse(&mut self, fault: Fault) {
        self.state = State::Refused { fault, in_body: self.in_body() };
    }

    /// Whether we are within a body, its trailers included, or were when it was refused.
    pub fn in_body(&self) -> bool {
        match self.state {
            State::Length { .. } | State::Chunks { .. } | State::Trailers { .. } => true,
            State::Refused { in_body, .. } => in_body,
            State::Head(_) | State::Undecided | State::Open => false,
        }
    }

    /// Looks at `octets`, which begin with what the last call left as [`Rest::Partial`].
    pub fn scan(&mut self, octets: &[u8]) -> Scan {
        let mut passed = 0;
        loop {
            let rest = &octets[passed..];
            let step = match &mut self.state {
                State::Undecided => return Scan { passed, rest: Rest::Undecided },
                State::Refused { fault, .. } => return Scan { passed, rest: Rest::Refused(*fault) },
                State::Open => return Scan { passed: octets.len(), rest: Rest::Partial },
                State::Head(section) => head(section, rest, &self.bounds),
                State::Length { left, then } => length(left, *then, rest),
                State::Chunks { chunks, then } => chunked(chunks, *then, rest),
                State::Trailers { section, then } => trailers(section, *then, rest, &self.bounds),
            };
            match step {
                Step::More(octets) => return Scan { passed: passed + octets, rest: Rest::Partial },
                Step::Next(octets, state) => {
                    passed += octets;
                    self.heads += u64::from(matches!(self.state, State::Head(_)));
                    self.state = state;
                }
                Step::Refused(octets, fault) => {
                    passed += octets;
                    self.refuse(fault);
                }
            }
        }
    }
}

/// What one state makes of some octets; so many of them pass.
enum Step {
    /// It needs more.
    More(usize),
    /// It ends.
    Next(usize, State),
    /// It ends badly.
    Refused(usize, Fault),
}

fn head(section: &mut Section, octets: &[u8], bounds: &Bounds) -> Step {
    match section.scan(octets, bounds) {
        Ok(None) => Step::More(0),
        Ok(Some(end)) => match section.fields.framing() {
            Ok((framing, then)) => Step::Next(end, after_head(framing, then)),
            Err(fault) => Step::Refused(0, fault),
        },
        Err(fault) => Step::Refused(0, fault),
    }
}

fn after_head(framing: Framing, then: Then) -> State {
    match framing {
        Framing::Length(0) => after(then),
        Framing::Length(left) => State::Length { left, then },
        Framing::Chunked => State::Chunks { chunks: Chunks::default(), then },
    }
}

fn after(then: Then) -> State {
    match then {
        Then::Next => State::Head(Section::head()),
        Then::Undecided => State::Undecided,
    }
}

fn length(left: &mut u64, then: Then, octets: &[u8]) -> Step {
    match usize::try_from(*left) {
        Ok(end) if end <= octets.len() => Step::Next(end, after(then)),
        _ => {
            *left -= octets.len() as u64;
            Step::More(octets.len())
        }
    }
}

fn chunked(chunks: &mut Chunks, then: Then, octets: &[u8]) -> Step {
    match chunks.scan(octets) {
        (passed, Ok(false)) => Step::More(passed),
        (passed, Ok(true)) => Step::Next(passed, State::Trailers { section: Section::trailers(), then }),
        (passed, Err(fault)) => Step::Refused(passed, fault),
    }
}

fn trailers(section: &mut Section, then: Then, octets: &[u8], bounds: &Bounds) -> Step {
    let head_bytes_max = bounds.head_bytes_max.min(TRAILER_BYTES_MAX);
    match section.scan(octets, &Bounds { head_bytes_max, ..*bounds }) {
        Ok(None) => Step::More(0),
        Ok(Some(end)) => match section.fields.trailing() {
            Ok(()) => Step::Next(end, after(then)),
            Err(fault) => Step::Refused(0, fault),
        },
        Err(fault) => Step::Refused(0, fault),
    }
}

#[cfg(test)]
mod tests;
