//! Where a page's meta tags and our script go, and which tags it has already: a scanner for the beginning of an HTML
//! document that comes in chunks of any size. It reads as a browser does ("13.2.6.4.1 initial" to "in head" of the HTML
//! standard), but builds nothing: what goes in comes out, piece by piece and uncopied, and the tags with it.
//!
//! The tags go where the head begins, written or implied; without a charset in `Content-Type`, behind a `<meta charset>`
//! within the first 1024 octets. Whether the page brought tags along is known only where the head ends, so what follows
//! that place is kept back as long as there is more to read at once. Nothing waits for what has yet to come: when it
//! does not, [`Scanner::pause`] writes the tags, and those that follow are duplicates.
//!
//! The script stands in front of the tags. A policy that the document brings along in a `<meta>` must not come before it:
//! there the place behind the charset declaration is given up. Without tags nothing is looked for and nothing is kept
//! back.
//!
//! For UTF-8 and encodings that agree with ASCII; a document in UTF-16 passes unchanged.

mod raw;
mod segments;
mod tags;
mod tokens;

use bytes::Bytes;

use self::{
    segments::Segments,
    tags::{Pending, Verdict},
    tokens::{Token, Tokens},
};
use super::trace_context::MetaTags;

/// So far a browser looks for a charset declaration, in octets (HTML standard, "prescan a byte stream").
const PRESCAN_BYTES: u64 = 1024;
/// So far a document is read, in octets; the most that is ever kept back.
pub const SCAN_BYTES_MAX: u64 = 128 * 1024;

/// Whether the encoding is known before the document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `Content-Type` names it.
    Declared,
    /// The document has to name it, early.
    Unknown,
}

/// What the tags stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The head's start tag.
    Head,
    /// Nothing: the head is implied by what they stand in front of.
    Implied,
    /// The charset declaration.
    Charset,
}

impl Place {
    /// The word for spans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Implied => "implied_head",
            Self::Charset => "after_charset",
        }
    }
}

/// What was done with a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Where tags were written, if they were.
    pub place: Option<Place>,
    /// The offset of that place in the document as it came.
    pub offset: u64,
    /// Octets written.
    pub written_bytes: usize,
    /// Tags of the same trace that stayed.
    pub kept: u32,
    /// Tags of other traces and duplicates that were taken out.
    pub removed: u32,
}

/// Reads a page's beginning, and writes tags into it.
#[derive(Debug)]
pub struct Scanner {
    tokens: Tokens,
    segments: Segments,
    tags: Option<Pending>,
    script: Option<String>,
    charset: Charset,
    state: State,
    // Nothing but `<meta>` stood in the head: the charset may be the next.
    metas_only: bool,
    report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In front of the head.
    Before,
    /// Behind the place where the tags may have to go.
    Holding(Place, u64),
    /// Inside of the head, and the tags are written.
    Behind,
    /// The rest passes by unread.
    Done,
}

impl Scanner {
    /// A scanner that writes `tags`, and the element of a script.
    pub fn new(tags: Option<&MetaTags>, script: Option<String>, charset: Charset) -> Self {
        Self {
            tokens: Tokens::default(),
            segments: Segments::default(),
            tags: tags.map(Pending::new),
            script,
            charset,
            state: State::Before,
            metas_only: true,
            report: Report::default(),
        }
    }

    /// Takes the document's next octets, and gives what can go on already.
    pub fn push(&mut self, chunk: Bytes, out: &mut impl Extend<Bytes>) {
        if self.state == State::Done || chunk.is_empty() {
            out.extend((!chunk.is_empty()).then_some(chunk));
            return;
        }
        self.segments.push(chunk.clone());
        let unread = usize::try_from(SCAN_BYTES_MAX - self.tokens.offset()).unwrap_or(usize::MAX);
        let mut rest = &chunk[..unread.min(chunk.len())];
        while self.state != State::Done {
            let Some(token) = self.tokens.next(&mut rest) else { break };
            self.take(&token, out);
        }
        if self.tokens.offset() >= SCAN_BYTES_MAX {
            self.stop(out);
        }
        self.pass(out);
    }

    /// Nothing more is there to be read now: gives what was kept back, but for a tag that has begun. Only the place
    /// behind a charset declaration that may follow is waited for: within the first 1024 octets, and while there is
    /// nothing else in the head than other declarations.
    pub fn pause(&mut self, out: &mut impl Extend<Bytes>) {
        let is_early = self.metas_only && self.tokens.offset() < PRESCAN_BYTES;
        let may_follow = self.charset == Charset::Unknown && is_early;
        if !may_follow {
            self.write(out);
            self.pass(out);
        }
    }

    /// The document is over; gives what was left.
    pub fn finish(&mut self, out: &mut impl Extend<Bytes>) {
        self.stop(out);
        self.pass(out);
    }

    /// Whether the rest of the document passes by unread.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// What was done so far.
    pub fn report(&self) -> Report {
        self.report
    }

    fn take(&mut self, token: &Token, out: &mut impl Extend<Bytes>) {
        match token {
            // UTF-16 without a byte order mark begins so, with the first octet of text or of a tag.
            Token::Wide => self.state = State::Done,
            // An encoding that a byte order mark names needs no declaration.
            Token::ByteOrderMark => self.charset = Charset::Declared,
            Token::Head { end } => self.hold(Place::Head, *end),
            Token::Inside { start } => {
                self.metas_only = false;
                self.hold(Place::Implied, *start);
            }
            Token::Meta { start, end, meta } => {
                self.hold(Place::Implied, *start);
                let verdict = self.tags.as_mut().map_or(Verdict::Other, |tags| tags.judge(meta));
                self.judge((*start, *end), verdict, out);
                // Whatever it allows, it does so for what follows it only.
                if self.script.is_some() && meta.sets_policy() {
                    self.charset = Charset::Declared;
                }
                if self.charset == Charset::Unknown && meta.declares_charset() && *end <= PRESCAN_BYTES {
                    self.charset = Charset::Declared;
                    if matches!(self.state, State::Holding(..)) {
                        self.state = State::Holding(Place::Charset, *end);
                    }
                }
            }
            Token::HeadEnd { start } => {
                self.hold(Place::Implied, *start);
                self.stop(out);
            }
        }
        let is_final = self.charset == Charset::Declared || !self.metas_only || self.tokens.offset() >= PRESCAN_BYTES;
        if self.tags.is_none() && is_final && matches!(self.state, State::Holding(..)) {
            self.stop(out);
        }
    }

    /// The tags may have to go here, if nowhere before.
    fn hold(&mut self, place: Place, offset: u64) {
        if self.state == State::Before {
            self.state = State::Holding(place, offset);
        }
    }

    /// A tag from `start` to `end` that the page brought along stays, or is taken out.
    fn judge(&mut self, (start, end): (u64, u64), verdict: Verdict, out: &mut impl Extend<Bytes>) {
        match verdict {
            Verdict::Other => {}
            Verdict::Keep => self.report.kept += 1,
            Verdict::Remove => {
                self.report.removed += 1;
                self.segments.cut(start, end);
                self.pass(out);
            }
        }
    }

    /// Reads no further.
    fn stop(&mut self, out: &mut impl Extend<Bytes>) {
        self.write(out);
        self.state = State::Done;
    }

    /// Writes what is missing, where it goes.
    fn write(&mut self, out: &mut impl Extend<Bytes>) {
        let State::Holding(place, offset) = self.state else { return };
        // Without tags there are none to look for.
        self.state = if self.tags.is_some() { State::Behind } else { State::Done };
        let mut text = self.script.take().unwrap_or_default();
        if let Some(tags) = &mut self.tags {
            tags.write(&mut text);
        }
        if !text.is_empty() {
            self.segments.pass_to(offset, out);
            self.report = Report { place: Some(place), offset, written_bytes: text.len(), ..self.report };
            out.extend([Bytes::from(text)]);
        }
    }

    /// Gives on what is decided.
    fn pass(&mut self, out: &mut impl Extend<Bytes>) {
        let read = self.tokens.undecided().unwrap_or_else(|| self.tokens.offset());
        match self.state {
            State::Holding(_, offset) => self.segments.pass_to(offset, out),
            State::Before | State::Behind => self.segments.pass_to(read, out),
            State::Done => self.segments.pass_to(u64::MAX, out),
        }
    }
}

#[cfg(test)]
mod tests;
