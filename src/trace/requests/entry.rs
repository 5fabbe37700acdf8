//! A request as its worker writes it down when it ends: one compact record in octets, of borrowed facts. Writing one
//! allocates nothing; reading gives back borrowed facts again, and [`Entry::row`] owned ones.
//!
//! The form is this process's own, from worker to background, and never stored.

use std::{
    net::{IpAddr, Ipv6Addr},
    ops::Range,
    str,
};

use opentelemetry::trace::TraceId;

use super::{
    hints::{Destination, Hints},
    row::{CacheOutcome, Moment, RequestRow, TEXT_BYTES_MAX},
};
use crate::rules::{headers::redact::Redaction, keep::Facts, session::Id};

/// No record is longer, in octets.
pub const ENTRY_BYTES_MAX: usize = 3_072;
/// The moments of a row, in order.
const MOMENTS: [Moment; 5] = [Moment::Routed, Moment::Chosen, Moment::Connected, Moment::Sent, Moment::FirstByte];
/// What stands for a moment that was not reached.
const NEVER: u64 = u64::MAX;
/// What stands for no page.
const NO_PAGE: u128 = 0;

/// The facts of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// As in [`RequestRow`], like all that is not explained.
    pub id: u128,
    /// Nanoseconds since the Unix epoch.
    pub start: u64,
    /// Nanoseconds.
    pub duration: u64,
    /// Nanoseconds after `start`, in the order of [`Moment`].
    pub moments: [Option<u64>; 5],
    /// The status; 0 for none.
    pub status: u16,
    /// Octets of the response's body.
    pub bytes: u64,
    /// The method.
    pub method: &'a str,
    /// The scheme.
    pub scheme: &'static str,
    /// The version.
    pub version: &'static str,
    /// The host.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// The query, as it may be shown.
    pub query: Query<'a>,
    /// The route.
    pub route: &'a str,
    /// The upstream.
    pub upstream: &'a str,
    /// What the cache did, in a word.
    pub cache: &'a str,
    /// Why.
    pub cache_reason: &'a str,
    /// The error.
    pub error: &'a str,
    /// The client's address, as privacy settings leave it.
    pub client: Option<IpAddr>,
    /// Who sent it, if he is signed in.
    pub sender: Option<Sender<'a>>,
    /// Its trace, and why it is traced.
    pub trace: Option<(TraceId, &'a str)>,
    /// What joins it to a page view.
    pub hints: Hints,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender<'a> {
    /// His sign-in.
    pub identity: Id,
    /// His name.
    pub person: &'a str,
    /// His tracing session.
    pub session: Option<Id>,
}

/// A query.
#[derive(Clone, Copy, Debug)]
pub enum Query<'a> {
    /// As it came, and what is to be hidden of it while it is written.
    Raw(&'a str, &'a Redaction),
    /// As it may be shown.
    Shown(&'a str),
}

impl PartialEq for Query<'_> {
    /// Queries are alike where they are shown alike.
    fn eq(&self, other: &Self) -> bool {
        let shown = |query: &Self| match query {
            Self::Raw(text, redaction) => redaction.query(text).into_owned(),
            Self::Shown(text) => (*text).to_owned(),
        };
        shown(self) == shown(other)
    }
}

/// The part of a record that always is as long, its length included: 16 octets of id, 11 numbers, the status, three
/// codes, an address, and the page that the background joins it to.
const FIXED_BYTES: usize = 2 + 16 + 11 * 8 + 2 + 3 + 16 + 16;
/// Where the page stands in a record.
const PAGE: Range<usize> = FIXED_BYTES - 16..FIXED_BYTES;

impl<'a> Entry<'a> {
    /// Appends the record to `buffer`, which has room for [`ENTRY_BYTES_MAX`] octets.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        let at = buffer.len();
        let address = match self.client {
            None => Ipv6Addr::UNSPECIFIED,
            Some(IpAddr::V4(address)) => address.to_ipv6_mapped(),
            Some(IpAddr::V6(address)) => address,
        };
        // What always is as long is put together first, and appended at once. The length comes last.
        let mut fixed = [0; FIXED_BYTES];
        fixed[2..18].copy_from_slice(&self.id.to_le_bytes());
        let moments = self.moments.map(|moment| moment.unwrap_or(NEVER));
        let hints = [self.hints.browser, self.hints.url, self.hints.referer];
        let numbers = [self.start, self.duration, self.bytes].into_iter().chain(moments).chain(hints);
        for (place, number) in fixed[18..106].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        fixed[106..108].copy_from_slice(&self.status.to_le_bytes());
        fixed[108] = self.hints.destination.code();
        fixed[109] = u8::from(self.scheme == "https") | u8::from(self.trace.is_some()) << 1;
        fixed[110] = version_code(self.version);
        fixed[111..127].copy_from_slice(&address.octets());
        buffer.extend_from_slice(&fixed);
        let cache = [self.cache, self.cache_reason];
        for words in [self.method, self.host, self.path, self.route, self.upstream, self.error].into_iter().chain(cache)
        {
            text(buffer, words);
        }
        self.query.write(buffer);
        buffer.push(u8::from(self.trace.is_some()));
        if let Some((trace, trigger)) = self.trace {
            buffer.extend_from_slice(&trace.to_bytes());
            text(buffer, trigger);
        }
        buffer.push(u8::from(self.sender.is_some()));
        if let Some(sender) = self.sender {
            buffer.extend_from_slice(&sender.identity.to_bytes());
            text(buffer, sender.person);
            buffer.push(u8::from(sender.session.is_some()));
            buffer.extend_from_slice(&sender.session.map_or([0; 16], Id::to_bytes));
        }
        let length = u16::try_from(buffer.len() - at - 2).unwrap_or(u16::MAX);
        buffer[at..at + 2].copy_from_slice(&length.to_le_bytes());
    }

    fn read(mut record: &'a [u8]) -> Option<Self> {
        let from = &mut record;
        let id = u128::from_le_bytes(take(from)?);
        let [start, duration, bytes] = [number(from)?, number(from)?, number(from)?];
        let mut moments = [None; 5];
        for moment in &mut moments {
            *moment = Some(number(from)?).filter(|nanos| *nanos != NEVER);
        }
        let [browser, url, referer] = [number(from)?, number(from)?, number(from)?];
        let status = u16::from_le_bytes(take(from)?);
        let [destination, scheme, version] = take(from)?;
        let client = Ipv6Addr::from(take::<16>(from)?).to_canonical();
        let _page: [u8; 16] = take(from)?;
        let [method, host, path, route, upstream, error] =
            [words(from)?, words(from)?, words(from)?, words(from)?, words(from)?, words(from)?];
        let [cache, cache_reason, query] = [words(from)?, words(from)?, words(from)?];
        let trace = match take(from)? {
            [0] => None,
            [_] => Some((TraceId::from_bytes(take(from)?), words(from)?)),
        };
        let sender = match take(from)? {
            [0] => None,
            [_] => {
                let (identity, person, [is_traced]) = (Id::from_bytes(take(from)?), words(from)?, take(from)?);
                let session = Id::from_bytes(take(from)?);
                Some(Sender { identity, person, session: (is_traced != 0).then_some(session) })
            }
        };
        Some(Self {
            id,
            start,
            duration,
            moments,
            status,
            bytes,
            method,
            scheme: if scheme & 1 == 1 { "https" } else { "http" },
            version: ["1.0", "1.1", "2"][usize::from(version.min(2))],
            host,
            path,
            query: Query::Shown(query),
            route,
            upstream,
            cache,
            cache_reason,
            error,
            client: Some(client).filter(|client| *client != Ipv6Addr::UNSPECIFIED),
            sender,
            trace,
            hints: Hints { browser, url, referer, destination: Destination::of(destination) },
        })
    }

    /// What rules look at.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            status: self.status,
            duration: self.duration,
            first_byte: self.moments[4],
            bytes: self.bytes,
            error: self.error,
            route: self.route,
            method: self.method,
        }
    }

    /// The row of these facts. Its page, and header sets, are for others to say.
    pub fn row(&self) -> RequestRow {
        let query = match self.query {
            Query::Raw(text, redaction) => redaction.query(text).into(),
            Query::Shown(text) => text.into(),
        };
        let moments = MOMENTS.into_iter().zip(self.moments).filter_map(|(name, at)| Some((name, at?)));
        RequestRow {
            id: self.id,
            start: self.start,
            duration: self.duration,
            first_byte: self.moments[4],
            method: self.method.into(),
            scheme: self.scheme,
            host: self.host.into(),
            path: self.path.into(),
            query,
            version: self.version,
            status: self.status,
            bytes: self.bytes,
            route: self.route.into(),
            upstream: self.upstream.into(),
            cache: CacheOutcome { status: self.cache.into(), reason: self.cache_reason.into() },
            error: self.error.into(),
            client: self.client.map_or_else(String::new, |client| client.to_string()).into(),
            destination: self.hints.destination.as_str().into(),
            page: None,
            identity: self.sender.map(|sender| sender.identity),
            person: self.sender.map_or("", |sender| sender.person).into(),
            session: self.sender.and_then(|sender| sender.session),
            trace: self.trace.map(|(trace, _)| trace),
            trigger: self.trace.map_or("", |(_, trigger)| trigger).into(),
            moments: moments.collect(),
            headers: None,
        }
    }
}

/// A record, of which only what costs little has been read: most of them nobody looks at.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// All of it, its length included.
    pub octets: &'a [u8],
    /// What joins it to a page view.
    pub brief: Brief,
    /// Whether its request is traced.
    pub is_traced: bool,
}

/// What joins a request to a page view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The request.
    pub id: u128,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start: u64,
    /// What its head tells.
    pub hints: Hints,
}

impl<'a> Record<'a> {
    /// Takes the first record off `records`; `None` at their end.
    pub fn next(records: &mut &'a [u8]) -> Option<Self> {
        let length = usize::from(u16::from_le_bytes(*records.first_chunk()?)) + 2;
        let (octets, rest) = records.split_at_checked(length)?;
        let fixed: &[u8; FIXED_BYTES] = octets.first_chunk()?;
        *records = rest;
        let number = |at: usize| fixed[at..].first_chunk().map_or(0, |octets| u64::from_le_bytes(*octets));
        let (browser, url, referer) = (number(82), number(90), number(98));
        let hints = Hints { browser, url, referer, destination: Destination::of(fixed[108]) };
        let id = fixed[2..].first_chunk().map_or(0, |octets| u128::from_le_bytes(*octets));
        Some(Self { octets, brief: Brief { id, start: number(18), hints }, is_traced: fixed[109] & 2 != 0 })
    }

    /// All of it, read; `None` only by a fault of ours.
    pub fn entry(&self) -> Option<Entry<'a>> {
        Entry::read(self.octets.get(2..)?)
    }

    /// The page that it was joined to.
    pub fn page(&self) -> Option<u128> {
        let page = self.octets.get(PAGE)?.first_chunk().copied().map(u128::from_le_bytes);
        page.filter(|page| *page != NO_PAGE)
    }
}

/// Joins the first record of `octets` to a page.
pub fn join(octets: &mut [u8], page: u128) {
    if let Some(place) = octets.get_mut(PAGE) {
        place.copy_from_slice(&page.to_le_bytes());
    }
}

impl Query<'_> {
    fn write(self, buffer: &mut Vec<u8>) {
        match self {
            Self::Shown(shown) => text(buffer, shown),
            Self::Raw(raw, redaction) => {
                let at = buffer.len();
                buffer.extend_from_slice(&[0; 2]);
                redaction.query_parts(raw, |part| {
                    let room = TEXT_BYTES_MAX.saturating_sub(buffer.len() - at - 2);
                    buffer.extend_from_slice(cut(part, room).as_bytes());
                });
                let length = u16::try_from(buffer.len() - at - 2).unwrap_or(u16::MAX);
                buffer[at..at + 2].copy_from_slice(&length.to_le_bytes());
            }
        }
    }
}

/// At most so many octets of a text, cut where a character ends.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn text(buffer: &mut Vec<u8>, words: &str) {
    let words = cut(words, TEXT_BYTES_MAX);
    // No longer than `TEXT_BYTES_MAX`.
    buffer.extend_from_slice(&u16::try_from(words.len()).unwrap_or(0).to_le_bytes());
    buffer.extend_from_slice(words.as_bytes());
}

fn version_code(version: &str) -> u8 {
    match version {
        "1.0" => 0,
        "2" => 2,
        _ => 1,
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

fn number(from: &mut &[u8]) -> Option<u64> {
    take(from).map(u64::from_le_bytes)
}

fn words<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let length = u16::from_le_bytes(take(from)?);
    let (text, rest) = from.split_at_checked(length.into())?;
    *from = rest;
    str::from_utf8(text).ok()
}

#[cfg(test)]
pub(super) mod tests;
