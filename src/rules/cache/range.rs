//! Ranges, RFC 9110 section 14: which octets a request asks for, and which ones a response says that it has.

use http::{HeaderMap, header::RANGE};

/// The most ranges of one request; whoever asks for more is sent everything (section 14.2).
const RANGES_MAX: usize = 16;

/// Octets from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Span {
    /// How many octets.
    pub fn octets(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a request asks for of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// These parts, in the order asked for.
    Parts(Vec<Span>),
    /// None of what is asked for is there.
    Nothing,
}

/// What `Range` asks for of `length` octets. What cannot be understood asks for nothing special (section 14.2).
pub fn wanted(request: &HeaderMap, length: u64) -> Wanted {
    let mut values = request.get_all(RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Wanted::Whole };
    let Some(set) = value.to_str().ok().and_then(|value| value.trim().split_once('=')) else { return Wanted::Whole };
    let (unit, set) = set;
    if !unit.eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let mut spans: Vec<Span> = Vec::new();
    let mut asked = 0;
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        asked += 1;
        match span(spec, length) {
            Some(Some(span)) => spans.push(span),
            Some(None) => {}
            None => return Wanted::Whole,
        }
    }
    if asked == 0 || asked > RANGES_MAX {
        return Wanted::Whole;
    }
    if spans.is_empty() {
        return Wanted::Nothing;
    }
    // Ranges that overlap are an attack or a mistake (section 17.15): they are put together.
    let overlap = |a: &Span, b: &Span| a.first <= b.last && b.first <= a.last;
    let overlaps = spans.iter().enumerate().any(|(at, a)| spans[at + 1..].iter().any(|b| overlap(a, b)));
    Wanted::Parts(if overlaps { joined(spans) } else { spans })
}

/// One range; `Some(None)` where nothing of it is there, `None` where it is malformed.
fn span(spec: &str, length: u64) -> Option<Option<Span>> {
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let suffix = number(last)?;
        let first = length.saturating_sub(suffix);
        return Some((suffix > 0 && length > 0).then(|| Span { first, last: length - 1 }));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some((first < length).then(|| Span { first, last: last.min(length - 1) }))
}

fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| span.first);
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(before) if span.first <= before.last.saturating_add(1) => before.last = before.last.max(span.last),
            _ => joined.push(span),
        }
    }
    joined
}

/// `Content-Range` of a single part, RFC 9110 section 14.4, its whole length known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The part.
    pub span: Span,
    /// The length of the whole.
    pub length: u64,
}

impl ContentRange {
    /// Reads the field's value.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        let (unit, rest) = text.split_once(' ')?;
        let (span, length) = rest.trim().split_once('/')?;
        let (first, last) = span.split_once('-')?;
        let number = |text: &str| -> Option<u64> {
            if text.bytes().all(|octet| octet.is_ascii_digit()) { text.parse().ok() } else { None }
        };
        let (span, length) = (Span { first: number(first)?, last: number(last)? }, number(length)?);
        let holds = unit.eq_ignore_ascii_case("bytes") && span.first <= span.last && span.last < length;
        holds.then_some(Self { span, length })
    }
}

impl std::fmt::Display for ContentRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bytes {}-{}/{}", self.span.first, self.span.last, self.length)
    }
}
