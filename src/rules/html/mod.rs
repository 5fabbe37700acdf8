//! Where a page's meta tags go, and which it has already: a scanner for the beginning of an HTML document that comes in
//! chunks of any size. It reads as a browser does ("13.2.6.4.1 initial" to "in head" of the HTML standard), but builds
//! nothing: what goes in comes out, piece by piece and uncopied, and the tags with it.
//!
//! The tags go as late as they may: in front of the first script, at the latest where the head ends. By then most tags
//! that the page brought along have passed by, so that those of the same trace can stay, and nothing had to wait.
//! Without a charset in `Content-Type` they go behind an early `<meta charset>` even if a script precedes it; then,
//! within the first 1024 octets, what follows that script waits.
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
/// So far a head is read, in octets; a page whose head is longer stays as it is from there on.
pub const SCAN_BYTES_MAX: u64 = 512 * 1024;

/// Whether the encoding is known before the document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `Content-Type` names it.
    Declared,
    /// The document has to name it, early.
    Unknown,
}

/// What goes in front of the tags, or behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In front of the first script.
    Script,
    /// Behind the charset declaration.
    Charset,
    /// Where the head ends, written or implied.
    HeadEnd,
    /// Between two elements so far down that reading stopped there.
    Limit,
    /// At the document's end.
    End,
}

impl Place {
    /// The word for spans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Script => "before_script",
            Self::Charset => "after_charset",
            Self::HeadEnd => "head_end",
            Self::Limit => "limit",
            Self::End => "end",
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
    tags: Pending,
    mode: Mode,
    charset: Charset,
    // A script stands here, and the charset declaration may follow.
    waiting: Option<u64>,
    report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing was read.
    Start,
    /// In front of the head or inside of it, and the tags are not written.
    Before,
    /// Inside of the head, behind the tags.
    Behind,
    /// The rest passes by unread.
    Done,
}

impl Scanner {
    /// A scanner that writes `tags`.
    pub fn new(tags: &MetaTags, charset: Charset) -> Self {
        Self {
            tokens: Tokens::default(),
            segments: Segments::default(),
            tags: Pending::new(tags),
            mode: Mode::Start,
            charset,
            waiting: None,
            report: Report::default(),
        }
    }

    /// Takes the document's next octets, and gives what can go on.
    pub fn push(&mut self, chunk: Bytes, out: &mut impl Extend<Bytes>) {
        if self.mode == Mode::Done || chunk.is_empty() {
            out.extend((!chunk.is_empty()).then_some(chunk));
            return;
        }
        self.segments.push(chunk.clone());
        let unread = usize::try_from(SCAN_BYTES_MAX - self.tokens.offset()).unwrap_or(usize::MAX);
        let mut rest = &chunk[..unread.min(chunk.len())];
        while self.mode != Mode::Done {
            let Some(token) = self.tokens.next(&mut rest) else { break };
            self.take(&token, out);
        }
        let read = self.tokens.offset();
        if self.mode == Mode::Done {
            self.segments.pass_all(out);
        } else if read >= SCAN_BYTES_MAX {
            self.stop(Place::Limit, out);
        } else {
            let undecided = self.tokens.undecided().unwrap_or(read);
            // Nothing that is still unread could be early enough.
            if undecided >= PRESCAN_BYTES {
                self.stop_waiting(out);
            }
            self.segments.pass_to(self.waiting.unwrap_or(undecided), out);
        }
    }

    /// The document is over; gives what was left.
    pub fn finish(&mut self, out: &mut impl Extend<Bytes>) {
        self.stop(Place::End, out);
    }

    /// Reads no further: the tags go here, if this is between two elements.
    fn stop(&mut self, place: Place, out: &mut impl Extend<Bytes>) {
        self.stop_waiting(out);
        if self.mode == Mode::Before && self.tokens.is_between() {
            // A tag that never ends is no tag: a browser drops it.
            let here = self.tokens.undecided().unwrap_or_else(|| self.tokens.offset());
            self.write(place, here, out);
        }
        self.mode = Mode::Done;
        self.segments.pass_all(out);
    }

    /// Whether the rest of the document passes by unread.
    pub fn is_done(&self) -> bool {
        self.mode == Mode::Done
    }

    /// What was done so far.
    pub fn report(&self) -> Report {
        self.report
    }

    fn take(&mut self, token: &Token, out: &mut impl Extend<Bytes>) {
        let start = token.start();
        if self.mode == Mode::Start {
            self.mode = Mode::Before;
        }
        if start >= PRESCAN_BYTES {
            self.stop_waiting(out);
        }
        match token {
            // UTF-16 without a byte order mark begins so, with the first octet of text or of a tag.
            Token::Wide => self.mode = Mode::Done,
            // An encoding that a byte order mark names needs no declaration.
            Token::ByteOrderMark => self.charset = Charset::Declared,
            Token::Meta { start, end, meta } => {
                let verdict = self.tags.judge(meta);
                self.judge((*start, *end), verdict, out);
                if self.charset == Charset::Unknown && meta.declares_charset() && *end <= PRESCAN_BYTES {
                    self.charset = Charset::Declared;
                    if self.waiting.take().is_some() {
                        self.write(Place::Charset, *end, out);
                    }
                }
            }
            Token::Script { start } if self.mode == Mode::Before && self.waiting.is_none() => {
                if self.charset == Charset::Unknown && *start < PRESCAN_BYTES {
                    self.waiting = Some(*start);
                } else {
                    self.write(Place::Script, *start, out);
                }
            }
            Token::HeadEnd { start } => {
                self.stop_waiting(out);
                if self.mode == Mode::Before {
                    self.write(Place::HeadEnd, *start, out);
                }
                self.mode = Mode::Done;
            }
            Token::Script { .. } | Token::Head { .. } => {}
        }
    }

    /// A tag from `start` to `end` that the page brought along stays, or is taken out.
    fn judge(&mut self, (start, end): (u64, u64), verdict: Verdict, out: &mut impl Extend<Bytes>) {
        match verdict {
            Verdict::Other => {}
            Verdict::Keep => self.report.kept += 1,
            Verdict::Remove => {
                self.report.removed += 1;
                if self.waiting.is_some() {
                    self.segments.cut(start, end);
                } else {
                    self.segments.pass_to(start, out);
                    self.segments.drop_to(end);
                }
            }
        }
    }

    /// No charset declaration follows in time: the tags go in front of the script after all.
    fn stop_waiting(&mut self, out: &mut impl Extend<Bytes>) {
        if let Some(start) = self.waiting.take() {
            self.charset = Charset::Declared;
            self.write(Place::Script, start, out);
        }
    }

    fn write(&mut self, place: Place, offset: u64, out: &mut impl Extend<Bytes>) {
        self.mode = Mode::Behind;
        let text = self.tags.write();
        if text.is_empty() {
            return;
        }
        self.segments.pass_to(offset, out);
        self.report = Report { place: Some(place), offset, written_bytes: text.len(), ..self.report };
        out.extend([text]);
    }
}

#[cfg(test)]
mod tests;
