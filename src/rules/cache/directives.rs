//! `Cache-Control`, RFC 9111 section 5.2: what requests and responses say. Forgiving where a cache must be: an argument
//! is taken as a token and as a quoted string alike, unknown directives are skipped, and what is malformed makes a
//! response stale, never fresh (section 4.2.1).

use http::{HeaderMap, HeaderName, HeaderValue, header::CACHE_CONTROL};

/// The most directives that are read. More are taken for the strictest that there is: it may be among them.
const DIRECTIVES_MAX: usize = 64;
/// The most field names that one directive may list.
const FIELDS_MAX: usize = 32;
/// What delta-seconds that do not fit stand for: "forever" (section 1.2.2).
pub const SECONDS_MAX: u32 = 1 << 31;

/// What a response says of being stored and used again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// `max-age`; one that is malformed is 0.
    pub max_age: Option<u32>,
    /// `s-maxage`; one that is malformed is 0.
    pub s_maxage: Option<u32>,
    /// `stale-while-revalidate`, RFC 5861 section 3.
    pub stale_while_revalidate: Option<u32>,
    /// `stale-if-error`, RFC 5861 section 4.
    pub stale_if_error: Option<u32>,
    /// `no-store`.
    pub no_store: bool,
    /// `no-cache`.
    pub no_cache: Scope,
    /// `private`.
    pub private: Scope,
    /// `public`.
    pub public: bool,
    /// `must-revalidate`.
    pub must_revalidate: bool,
    /// `proxy-revalidate`.
    pub proxy_revalidate: bool,
    /// `must-understand`.
    pub must_understand: bool,
    /// `no-transform`.
    pub no_transform: bool,
    /// `immutable`, RFC 8246.
    pub immutable: bool,
}

/// How far `no-cache` or `private` reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// It is not said.
    #[default]
    None,
    /// These fields.
    Fields(Vec<HeaderName>),
    /// The whole response.
    All,
}

/// What a request says of the answer that it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `max-age`.
    pub max_age: Option<u32>,
    /// `min-fresh`.
    pub min_fresh: Option<u32>,
    /// `max-stale`; without an argument as large as it can be.
    pub max_stale: Option<u32>,
    /// `stale-if-error`, RFC 5861 section 4.
    pub stale_if_error: Option<u32>,
    /// `no-cache`.
    pub no_cache: bool,
    /// `no-store`.
    pub no_store: bool,
    /// `only-if-cached`.
    pub only_if_cached: bool,
}

impl RequestDirectives {
    /// Reads a request's `Cache-Control`, or `Pragma` where there is none (RFC 9111 section 5.4).
    pub fn of(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        if !headers.contains_key(CACHE_CONTROL) {
            said.no_cache = headers
                .get_all("pragma")
                .iter()
                .any(|value| Directives::of(value.as_bytes()).take(DIRECTIVES_MAX).any(|found| found.is(b"no-cache")));
            return said;
        }
        for (number, found) in each(headers, &CACHE_CONTROL).enumerate() {
            if number == DIRECTIVES_MAX {
                said.no_store = true;
                break;
            }
            match &*found.name.to_ascii_lowercase() {
                b"max-age" => least(&mut said.max_age, found.seconds().unwrap_or(0)),
                b"min-fresh" => most(&mut said.min_fresh, found.seconds().unwrap_or(SECONDS_MAX)),
                b"max-stale" if found.argument.is_none() => said.max_stale = said.max_stale.or(Some(SECONDS_MAX)),
                b"max-stale" => least(&mut said.max_stale, found.seconds().unwrap_or(0)),
                b"stale-if-error" => least(&mut said.stale_if_error, found.seconds().unwrap_or(0)),
                b"no-cache" => said.no_cache = true,
                b"no-store" => said.no_store = true,
                b"only-if-cached" => said.only_if_cached = true,
                _ => {}
            }
        }
        said
    }
}

impl ResponseDirectives {
    /// Reads a response's `Cache-Control`.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        for (number, found) in each(headers, &CACHE_CONTROL).enumerate() {
            if number == DIRECTIVES_MAX {
                said.private = Scope::All;
                break;
            }
            let name = found.name.to_ascii_lowercase();
            let forbids = matches!(&*name, b"no-store" | b"no-cache" | b"private");
            if forbids || !found.is_doubtful {
                let argument = if found.argument.is_some() { Argument::Text(&found) } else { Argument::None };
                said.take(&name, &argument);
            }
        }
        said
    }

    /// Takes one directive, its name in lower case. Several that differ: the most restrictive counts (section 4.2.1).
    pub(super) fn take(&mut self, name: &[u8], argument: &Argument<'_>) {
        match name {
            b"max-age" => least(&mut self.max_age, argument.seconds().unwrap_or(0)),
            b"s-maxage" => least(&mut self.s_maxage, argument.seconds().unwrap_or(0)),
            b"stale-while-revalidate" => {
                least(&mut self.stale_while_revalidate, argument.seconds().unwrap_or(0));
            }
            b"stale-if-error" => least(&mut self.stale_if_error, argument.seconds().unwrap_or(0)),
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache.widen(argument.fields()),
            b"private" => self.private.widen(argument.fields()),
            b"public" => self.public = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"no-transform" => self.no_transform = true,
            b"immutable" => self.immutable = true,
            _ => {}
        }
    }
}

impl Scope {
    /// Whether the whole response is meant.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The fields that are meant, where it is fields only.
    pub fn fields(&self) -> &[HeaderName] {
        if let Self::Fields(fields) = self { fields } else { &[] }
    }

    fn widen(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Fields(known), Self::Fields(more)) => known.extend(more),
            (Self::None, more) => *self = more,
            (_, Self::All) => *self = Self::All,
            _ => {}
        }
    }
}

/// The argument of a directive, in `Cache-Control` or in a targeted field.
pub(super) enum Argument<'a> {
    /// There is none.
    None,
    /// As `Cache-Control` writes it.
    Text(&'a Directive<'a>),
    /// A whole number of a structured field.
    Integer(u32),
    /// A string or token of a structured field.
    Word(&'a str),
    /// Of a type that no directive takes.
    Wrong,
}

impl Argument<'_> {
    fn seconds(&self) -> Option<u32> {
        match self {
            Self::Text(directive) => directive.seconds(),
            Self::Integer(seconds) => Some(*seconds),
            Self::None | Self::Word(_) | Self::Wrong => None,
        }
    }

    fn fields(&self) -> Scope {
        let text = match self {
            Self::Text(directive) => directive.argument.clone().unwrap_or_default(),
            Self::Word(word) => word.as_bytes().to_vec(),
            Self::None | Self::Integer(_) | Self::Wrong => return Scope::All,
        };
        let mut fields = Vec::new();
        for name in text.split(|&octet| octet == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()) {
            match HeaderName::from_bytes(name) {
                Ok(name) if fields.len() < FIELDS_MAX => fields.push(name),
                // What cannot be understood is taken for the strictest.
                _ => return Scope::All,
            }
        }
        if fields.is_empty() { Scope::All } else { Scope::Fields(fields) }
    }
}

fn least(known: &mut Option<u32>, more: u32) {
    *known = Some(known.map_or(more, |known| known.min(more)));
}

fn most(known: &mut Option<u32>, more: u32) {
    *known = Some(known.map_or(more, |known| known.max(more)));
}

/// All directives of a field's lines.
fn each<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Directive<'a>> {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    lines.flat_map(Directives::of)
}

/// One directive, as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    pub(super) name: &'a [u8],
    /// What stands behind `=`, without quotes.
    pub(super) argument: Option<Vec<u8>>,
    /// Whether it stands in a quoted string without an end: what forbids counts even so.
    pub(super) is_doubtful: bool,
}

impl Directive<'_> {
    fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The argument as delta-seconds (section 1.2.2); `None` if it is none.
    fn seconds(&self) -> Option<u32> {
        delta_seconds(self.argument.as_deref()?)
    }
}

/// Delta-seconds, RFC 9111 section 1.2.2: what does not fit is as large as it can be.
pub fn delta_seconds(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let more = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    let seconds = text.iter().fold(0, more);
    Some(u32::try_from(seconds).unwrap_or(SECONDS_MAX).min(SECONDS_MAX))
}

/// Splits one line of a field into directives. Commas within quoted strings do not split. One without an end reaches to the
/// end of the line, and what stands in it is given out, too.
pub(super) struct Directives<'a> {
    rest: &'a [u8],
    is_doubtful: bool,
}

impl<'a> Directives<'a> {
    pub(super) fn of(line: &'a [u8]) -> Self {
        Self { rest: line, is_doubtful: false }
    }
}

impl<'a> Iterator for Directives<'a> {
    type Item = Directive<'a>;

    fn next(&mut self) -> Option<Directive<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (whole, is_doubtful) = (element_end(self.rest), self.is_doubtful);
            self.is_doubtful |= whole.is_none();
            let end = whole.or_else(|| memchr::memchr(b',', self.rest)).unwrap_or(self.rest.len());
            let element = if whole.is_some() { &self.rest[..end] } else { self.rest };
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            let element = element.trim_ascii();
            if !element.is_empty() {
                return Some(Directive { is_doubtful, ..directive(element) });
            }
        }
    }
}

/// Where the list element at the beginning of `text` ends; `None` where a quoted string in it does not.
pub(super) fn element_end(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b',' if !quoted => return Some(at),
            _ => {}
        }
        at += 1;
    }
    (!quoted).then_some(text.len())
}

fn directive(element: &[u8]) -> Directive<'_> {
    let Some(equals) = memchr::memchr(b'=', element) else {
        return Directive { name: element, argument: None, is_doubtful: false };
    };
    let argument = &element[equals + 1..];
    let argument = match argument.trim_ascii_start().strip_prefix(b"\"") {
        None => argument.to_vec(),
        Some(inside) => unquoted(inside),
    };
    Directive { name: element[..equals].trim_ascii_end(), argument: Some(argument), is_doubtful: false }
}

/// A quoted string behind its first quote, RFC 9110 section 5.6.4; without an end it goes to the end.
fn unquoted(inside: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(inside.len());
    let mut octets = inside.iter();
    while let Some(&octet) = octets.next() {
        match octet {
            b'"' => break,
            b'\\' => text.extend(octets.next()),
            _ => text.push(octet),
        }
    }
    text
}
