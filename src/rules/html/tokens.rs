//! Octets to the few tokens that matter in front of and inside of a head (HTML standard, 13.2.5): one octet after the
//! other, so that a chunk may end anywhere. Only the attributes of `<meta>` are kept.

use super::raw::Raw;

/// The longest `<meta>` that is looked at, in octets; a longer one passes.
const META_BYTES_MAX: u64 = 16 * 1024;

/// What matters to the head.
#[derive(Debug)]
pub(super) enum Token {
    /// The document is in UTF-16.
    Wide,
    /// The document begins with the byte order mark of UTF-8.
    ByteOrderMark,
    /// The whole start tag of the head.
    Head { end: u64 },
    /// An element of the head.
    Inside { start: u64 },
    /// A whole `<meta>`.
    Meta { start: u64, end: u64, meta: Meta },
    /// Here the head has ended, or there is none.
    HeadEnd { start: u64 },
}

/// The attributes of a `<meta>`.
#[derive(Debug, Default)]
pub(super) struct Meta {
    values: [Option<Vec<u8>>; 4],
}

const ATTRIBUTES: [&[u8]; 4] = [b"name", b"content", b"http-equiv", b"charset"];

impl Meta {
    pub(super) fn name(&self) -> &[u8] {
        self.values[0].as_deref().unwrap_or_default()
    }

    pub(super) fn content(&self) -> Option<&[u8]> {
        self.values[1].as_deref()
    }

    /// Whether it sets a Content Security Policy.
    pub(super) fn sets_policy(&self) -> bool {
        let http_equiv = self.values[2].as_deref().unwrap_or_default();
        http_equiv.trim_ascii().eq_ignore_ascii_case(b"content-security-policy")
    }

    /// Whether it names the document's encoding.
    pub(super) fn declares_charset(&self) -> bool {
        let [_, content, http_equiv, charset] = &self.values;
        let is_type = http_equiv.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(b"content-type"));
        let content = content.as_deref().unwrap_or_default().to_ascii_lowercase();
        charset.is_some() || is_type && memchr::memmem::find(&content, b"charset").is_some()
    }
}

/// A name in lower case; what is longer than any that matters is cut, and equals none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name {
    octets: [u8; 12],
    length: usize,
}

impl Name {
    fn push(&mut self, octet: u8) {
        if let Some(place) = self.octets.get_mut(self.length) {
            *place = octet.to_ascii_lowercase();
        }
        self.length = (self.length + 1).min(self.octets.len() + 1);
    }

    fn is_cut(&self) -> bool {
        self.length > self.octets.len()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// A document's octets, read so far.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    state: State,
    // The offset of the next octet.
    offset: u64,
    // The offset of the tag that is being read.
    start: u64,
    side: Side,
    name: Name,
    // The attribute that is being read.
    attribute: Name,
    field: Option<usize>,
    meta: Option<Meta>,
    // The element whose start tag is being read holds text only.
    holds_text: bool,
    // The head's start tag is being read.
    opens_head: bool,
    // Templates that are open: what is in them is not in the document.
    templates: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Data,
    /// Behind the document's first octet, which may begin a byte order mark.
    Mark(u8),
    /// Behind `<`.
    TagOpen,
    /// Behind `</`.
    EndTagOpen,
    /// Behind `<!`, or `<!-`.
    Declaration(u8),
    Comment(Comment),
    /// Anything up to `>`.
    Bogus,
    TagName,
    /// A name so long that nobody knows it.
    LongName,
    BeforeAttribute,
    AttributeName,
    AfterAttributeName,
    BeforeValue,
    /// A value up to this quote.
    Quoted(u8),
    Unquoted,
    Raw(Raw),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Side {
    #[default]
    Start,
    End,
}

/// Inside of a comment: what stands in front.
#[derive(Clone, Copy, Debug)]
enum Comment {
    /// `<!--`
    Open,
    /// `<!---`
    OpenDash,
    Text,
    /// `-`
    Dash,
    /// `--`
    Dashes,
    /// `--!`
    Bang,
}

impl Tokens {
    /// The offset of the next octet.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The offset of what is read but not understood yet, if there is such: a tag whose name or, for `<meta>`, whose
    /// end is still to come.
    pub(super) fn undecided(&self) -> Option<u64> {
        let open = match self.state {
            State::Mark(_) | State::TagOpen | State::EndTagOpen | State::Declaration(_) | State::TagName => true,
            _ => self.meta.is_some() && self.offset - self.start <= META_BYTES_MAX,
        };
        open.then_some(self.start)
    }

    /// Reads up to the next token; `None`: there is none in `rest`.
    pub(super) fn next(&mut self, rest: &mut &[u8]) -> Option<Token> {
        while let Some(&octet) = rest.first() {
            let before = rest.len();
            let token = self.step(octet, rest);
            self.offset += (before - rest.len()) as u64;
            if token.is_some() {
                return token;
            }
        }
        None
    }

    fn step(&mut self, octet: u8, rest: &mut &[u8]) -> Option<Token> {
        match self.state {
            State::Data => return self.data(octet, rest),
            State::Mark(first) => return self.mark(first, octet, rest),
            State::TagOpen => return self.tag_open(octet, rest),
            State::EndTagOpen => self.end_tag_open(octet, rest),
            State::Declaration(dashes) => match octet {
                b'-' if dashes == 0 => self.go(State::Declaration(1), rest),
                b'-' => self.go(State::Comment(Comment::Open), rest),
                _ => self.state = State::Bogus,
            },
            State::Comment(comment) => self.comment(comment, octet, rest),
            State::Bogus => {
                if skip_to(rest, memchr::memchr(b'>', rest)) {
                    self.go(State::Data, rest);
                }
            }
            State::TagName => return self.tag_name(octet, rest),
            State::LongName if ends_name(octet) => self.state = State::BeforeAttribute,
            State::LongName => *rest = &rest[1..],
            State::Raw(ref mut raw) => {
                if raw.ends(rest) {
                    self.side = Side::End;
                    self.holds_text = false;
                    self.state = State::BeforeAttribute;
                }
            }
            _ => return self.attribute(octet, rest),
        }
        None
    }

    fn go(&mut self, state: State, rest: &mut &[u8]) {
        self.state = state;
        *rest = &rest[1..];
    }

    fn data(&mut self, octet: u8, rest: &mut &[u8]) -> Option<Token> {
        match octet {
            b'<' => {
                self.start = self.offset;
                self.go(State::TagOpen, rest);
            }
            b'\t' | b'\n' | 0x0C | b'\r' | b' ' => *rest = rest.trim_ascii_start(),
            0 if self.offset <= 1 => return Some(Token::Wide),
            0xEF | 0xFE | 0xFF if self.offset == 0 => self.go(State::Mark(octet), rest),
            _ if self.templates > 0 => drop(skip_to(rest, memchr::memchr(b'<', rest))),
            _ => return Some(Token::HeadEnd { start: self.offset }),
        }
        None
    }

    fn mark(&mut self, first: u8, octet: u8, rest: &mut &[u8]) -> Option<Token> {
        match (first, octet) {
            (0xFE, 0xFF) | (0xFF, 0xFE) => return Some(Token::Wide),
            (0xEF, 0xBB) => self.go(State::Mark(octet), rest),
            (0xBB, 0xBF) => {
                self.go(State::Data, rest);
                return Some(Token::ByteOrderMark);
            }
            _ => return Some(Token::HeadEnd { start: 0 }),
        }
        None
    }

    fn tag_open(&mut self, octet: u8, rest: &mut &[u8]) -> Option<Token> {
        match octet {
            b'!' => self.go(State::Declaration(0), rest),
            b'?' => self.go(State::Bogus, rest),
            b'/' => self.go(State::EndTagOpen, rest),
            0 if self.offset <= 1 => return Some(Token::Wide),
            _ if octet.is_ascii_alphabetic() => self.begin(Side::Start),
            _ if self.templates > 0 => self.state = State::Data,
            _ => return Some(Token::HeadEnd { start: self.start }),
        }
        None
    }

    fn end_tag_open(&mut self, octet: u8, rest: &mut &[u8]) {
        match octet {
            b'>' => self.go(State::Data, rest),
            _ if octet.is_ascii_alphabetic() => self.begin(Side::End),
            _ => self.state = State::Bogus,
        }
    }

    fn begin(&mut self, side: Side) {
        self.side = side;
        self.name = Name::default();
        self.holds_text = false;
        self.state = State::TagName;
    }

    fn comment(&mut self, comment: Comment, octet: u8, rest: &mut &[u8]) {
        let next = match (comment, octet) {
            (Comment::Open | Comment::OpenDash | Comment::Dashes | Comment::Bang, b'>') => {
                return self.go(State::Data, rest);
            }
            (Comment::Open, b'-') => Comment::OpenDash,
            (Comment::OpenDash | Comment::Dash | Comment::Dashes, b'-') => Comment::Dashes,
            (Comment::Text | Comment::Bang, b'-') => Comment::Dash,
            (Comment::Dashes, b'!') => Comment::Bang,
            (Comment::Text, _) => {
                skip_to(rest, memchr::memchr(b'-', rest));
                return;
            }
            _ => Comment::Text,
        };
        self.go(State::Comment(next), rest);
    }

    fn tag_name(&mut self, octet: u8, rest: &mut &[u8]) -> Option<Token> {
        if ends_name(octet) {
            self.state = State::BeforeAttribute;
            return self.named();
        }
        self.name.push(octet);
        *rest = &rest[1..];
        if self.name.is_cut() {
            self.state = State::LongName;
            return self.named();
        }
        None
    }

    /// A tag's name was read: what it means.
    fn named(&mut self) -> Option<Token> {
        let start = self.start;
        if self.side == Side::End {
            return match self.name.as_bytes() {
                b"template" => {
                    self.templates = self.templates.saturating_sub(1);
                    None
                }
                b"head" | b"body" | b"html" | b"br" if self.templates == 0 => Some(Token::HeadEnd { start }),
                _ => None,
            };
        }
        let token = match self.name.as_bytes() {
            b"html" => return None,
            b"head" => {
                self.opens_head = self.templates == 0;
                return None;
            }
            b"base" | b"basefont" | b"bgsound" | b"link" => Token::Inside { start },
            b"title" | b"style" | b"noscript" | b"noframes" | b"script" => {
                self.holds_text = true;
                Token::Inside { start }
            }
            b"template" => {
                self.templates += 1;
                return (self.templates == 1).then_some(Token::Inside { start });
            }
            b"meta" if self.templates == 0 => {
                self.meta = Some(Meta::default());
                return None;
            }
            b"textarea" | b"xmp" | b"iframe" | b"noembed" if self.templates > 0 => {
                self.holds_text = true;
                return None;
            }
            _ => Token::HeadEnd { start },
        };
        (self.templates == 0).then_some(token)
    }

    fn attribute(&mut self, octet: u8, rest: &mut &[u8]) -> Option<Token> {
        let space = matches!(octet, b'\t' | b'\n' | 0x0C | b'\r' | b' ');
        match self.state {
            State::Quoted(quote) => self.quoted(quote, rest),
            State::Unquoted if space => self.go(State::BeforeAttribute, rest),
            State::BeforeValue if matches!(octet, b'"' | b'\'') => self.go(State::Quoted(octet), rest),
            State::BeforeAttribute | State::AfterAttributeName | State::BeforeValue if space => *rest = &rest[1..],
            State::AttributeName if ends_name(octet) || octet == b'=' => {
                self.attribute_named();
                self.state = State::AfterAttributeName;
            }
            _ if octet == b'>' => return self.tag_end(rest),
            State::Unquoted => {
                self.keep(&[octet]);
                *rest = &rest[1..];
            }
            State::BeforeValue => self.state = State::Unquoted,
            State::AfterAttributeName if octet == b'=' => self.go(State::BeforeValue, rest),
            State::AfterAttributeName | State::BeforeAttribute if octet == b'/' => {
                self.go(State::BeforeAttribute, rest)
            }
            State::AfterAttributeName | State::BeforeAttribute => {
                self.attribute = Name::default();
                self.attribute.push(octet);
                self.go(State::AttributeName, rest);
            }
            _ => {
                self.attribute.push(octet);
                *rest = &rest[1..];
            }
        }
        None
    }

    fn attribute_named(&mut self) {
        let name = self.attribute.as_bytes();
        let field = ATTRIBUTES.iter().position(|known| *known == name);
        // Of two attributes of one name the first counts.
        self.field = field.filter(|field| self.meta.as_ref().is_some_and(|meta| meta.values[*field].is_none()));
        if let (Some(field), Some(meta)) = (self.field, &mut self.meta) {
            meta.values[field] = Some(Vec::new());
        }
    }

    fn quoted(&mut self, quote: u8, rest: &mut &[u8]) {
        let value = *rest;
        let ended = skip_to(rest, memchr::memchr(quote, value));
        self.keep(&value[..value.len() - rest.len()]);
        if ended {
            self.go(State::BeforeAttribute, rest);
        }
    }

    /// Keeps a part of the attribute's value, if anybody asks for it.
    fn keep(&mut self, part: &[u8]) {
        let Some(value) = self.meta.as_mut().zip(self.field).and_then(|(meta, field)| meta.values[field].as_mut())
        else {
            return;
        };
        if self.offset - self.start + part.len() as u64 <= META_BYTES_MAX {
            value.extend_from_slice(part);
        }
    }

    fn tag_end(&mut self, rest: &mut &[u8]) -> Option<Token> {
        let end = self.offset + 1;
        let state = if self.holds_text { State::Raw(Raw::new(self.name)) } else { State::Data };
        self.go(state, rest);
        if std::mem::take(&mut self.opens_head) {
            return Some(Token::Head { end });
        }
        let meta = self.meta.take()?;
        (end - self.start <= META_BYTES_MAX).then_some(Token::Meta { start: self.start, end, meta })
    }
}

/// Whether a tag's or an attribute's name ends in front of this octet.
fn ends_name(octet: u8) -> bool {
    matches!(octet, b'\t' | b'\n' | 0x0C | b'\r' | b' ' | b'/' | b'>')
}

/// Leaves of `rest` what stands from `found` on, or nothing.
fn skip_to(rest: &mut &[u8], found: Option<usize>) -> bool {
    *rest = &rest[found.unwrap_or(rest.len())..];
    found.is_some()
}
