//! A stored response: itself, one piece of memory for key, variant and header fields, and one for a small body. A larger
//! body is chunks, which answers share, or is in a file.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use opentelemetry::trace::{SpanId, TraceId};

use super::{disk::large::Large, head};
use crate::rules::cache::{
    Purge, Terms, key,
    range::{ContentRange, Span},
    tags, vary,
};

/// Bodies up to this size, in octets, stand in one piece, and leave in one piece.
pub(super) const WHOLE_BYTES_MAX: u64 = 256 * 1024;
/// What an object takes beside its octets: itself and its counts.
const FIXED_BYTES: u64 = 16 + size_of::<Object>() as u64;
/// What its place in the table takes: a link, a slot, and as much of the index.
const PLACE_BYTES: u64 = 56;
/// What each chunk takes beside its octets.
const CHUNK_BYTES: u64 = 96;
/// What is held of a body that is on disk.
const LARGE_BYTES: u64 = 256;

/// A stored response. Its terms count until it is replaced; nothing in it changes but the mark of a soft purge.
#[derive(Debug)]
pub(super) struct Object {
    /// How long it may be used.
    pub(super) terms: Terms,
    /// When it came, or was validated last: milliseconds since the Unix epoch.
    pub(super) answered: u64,
    /// Key, variant and header fields.
    data: Box<[u8]>,
    content: Content,
    /// How old it was when it was purged softly, in seconds, and one more; 0: it was not.
    purged: AtomicU32,
    vary_end: u32,
    key_end: u16,
    pub(super) status: StatusCode,
}

/// The body, and what few responses have.
#[derive(Debug)]
enum Content {
    /// A small body, and nothing else.
    Plain(Box<[u8]>),
    Rare(Box<Rare>),
}

#[derive(Debug)]
struct Rare {
    body: Stored,
    part: Option<ContentRange>,
    names: Box<[u64]>,
    filled_by: Option<(TraceId, SpanId)>,
}

#[derive(Debug)]
enum Stored {
    Whole(Box<[u8]>),
    Chunks(Chunks),
    File(Arc<Large>),
}

/// A small body as answers share it.
struct Whole(Arc<Object>);

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        self.0.small().unwrap_or_default()
    }
}

/// What an object is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) key: &'a str,
    pub(super) vary: &'a str,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) terms: Terms,
    pub(super) answered: u64,
    pub(super) part: Option<ContentRange>,
    /// The span that asked for it, if it was traced.
    pub(super) filled_by: Option<(TraceId, SpanId)>,
}

/// A body in chunks.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    chunks: Arc<[Bytes]>,
    octets: u64,
}

impl Chunks {
    pub(super) fn new(chunks: Vec<Bytes>) -> Self {
        let octets = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks: chunks.into(), octets }
    }

    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// The chunks of a part, as they are given out.
    pub(super) fn part(&self, span: Span) -> Vec<Bytes> {
        self.cut(span, |chunk, within| chunk.slice(within))
    }

    /// The chunks of a part, as they are stored: what is cut off from a chunk would keep all of it in memory.
    pub(super) fn own_part(&self, span: Span) -> Vec<Bytes> {
        let own = |chunk: &Bytes, within: Range<usize>| match within.len() == chunk.len() {
            true => chunk.clone(),
            false => Bytes::copy_from_slice(&chunk[within]),
        };
        self.cut(span, own)
    }

    fn cut(&self, span: Span, cut: impl Fn(&Bytes, Range<usize>) -> Bytes) -> Vec<Bytes> {
        let mut at = 0;
        let mut part = Vec::new();
        for chunk in self.chunks.iter() {
            let end = at + chunk.len() as u64;
            let (first, last) = (span.first.max(at), (span.last + 1).min(end));
            if first < last {
                let within = |moment: u64| usize::try_from(moment - at).unwrap_or(0);
                part.push(cut(chunk, within(first)..within(last)));
            }
            at = end;
        }
        part
    }

    pub(super) fn all(&self) -> &[Bytes] {
        &self.chunks
    }
}

impl Object {
    /// Puts a response away.
    pub(super) fn new(parts: &Parts<'_>, body: &Chunks) -> Self {
        let stored = if body.octets <= WHOLE_BYTES_MAX {
            Stored::Whole(body.chunks.concat().into())
        } else {
            Stored::Chunks(body.clone())
        };
        Self::of(parts, stored, body.octets)
    }

    /// Puts a response away whose body is on disk.
    pub(super) fn on_disk(parts: &Parts<'_>, body: &Arc<Large>) -> Self {
        Self::of(parts, Stored::File(Arc::clone(body)), body.octets())
    }

    /// Puts a response away that has the body of another one.
    pub(super) fn with_body_of(parts: &Parts<'_>, other: &Arc<Self>) -> Self {
        other.large().map_or_else(|| Self::new(parts, &other.body()), |large| Self::on_disk(parts, large))
    }

    fn of(parts: &Parts<'_>, body: Stored, length: u64) -> Self {
        let mut octets = Vec::with_capacity(parts.key.len() + parts.vary.len() + 256);
        octets.extend_from_slice(parts.key.as_bytes());
        octets.extend_from_slice(parts.vary.as_bytes());
        let vary_end = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        head::write(parts.headers, length, &mut octets);
        let names = names(parts.key, parts.headers);
        let content = match body {
            Stored::Whole(body) if parts.part.is_none() && names.is_empty() && parts.filled_by.is_none() => {
                Content::Plain(body)
            }
            body => {
                let (part, filled_by) = (parts.part, parts.filled_by);
                Content::Rare(Box::new(Rare { body, part, names: names.into(), filled_by }))
            }
        };
        Self {
            terms: parts.terms,
            answered: parts.answered,
            // Exactly as large as it must be.
            data: Box::from(octets.as_slice()),
            content,
            purged: AtomicU32::new(0),
            vary_end,
            // The longest key and its mark are far from it.
            key_end: u16::try_from(parts.key.len()).unwrap_or(u16::MAX),
            status: parts.status,
        }
    }

    /// Its key.
    pub(super) fn key(&self) -> &str {
        std::str::from_utf8(&self.data[..self.key_end as usize]).unwrap_or_default()
    }

    /// Its URL.
    pub(super) fn url(&self) -> &str {
        key::url(self.key())
    }

    /// What it was answered to, of the headers that it varies by.
    pub(super) fn vary(&self) -> &str {
        std::str::from_utf8(&self.data[self.key_end as usize..self.vary_end as usize]).unwrap_or_default()
    }

    /// The first header in which a request differs from the one that it was answered to.
    pub(super) fn differs(&self, request: &HeaderMap) -> Option<http::HeaderName> {
        if u32::from(self.key_end) == self.vary_end { None } else { vary::differs(self.vary(), request) }
    }

    /// Its header fields.
    pub(super) fn headers(&self) -> HeaderMap {
        head::read(&self.data[self.vary_end as usize..], self.octets()).unwrap_or_default()
    }

    /// Its body, if that is on disk.
    pub(super) fn large(&self) -> Option<&Arc<Large>> {
        if let Some(Stored::File(large)) = self.stored() { Some(large) } else { None }
    }

    /// Where its body is.
    pub(super) fn tier(&self) -> &'static str {
        if self.large().is_some() { "disk" } else { "memory" }
    }

    /// Its body, in chunks, as it is given out; none of what is on disk.
    pub(super) fn body(self: &Arc<Self>) -> Chunks {
        match self.stored() {
            Some(Stored::Chunks(chunks)) => chunks.clone(),
            _ => Chunks::new(self.whole().into_iter().collect()),
        }
    }

    /// Its body, if it is in one piece.
    pub(super) fn whole(self: &Arc<Self>) -> Option<Bytes> {
        self.small().map(|body| if body.is_empty() { Bytes::new() } else { Bytes::from_owner(Whole(Arc::clone(self))) })
    }

    /// Its body, piece by piece; none of what is on disk.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let chunks = self.chunks().into_iter().flat_map(Chunks::all).map(|chunk| &chunk[..]);
        self.small().into_iter().chain(chunks)
    }

    fn rare(&self) -> Option<&Rare> {
        if let Content::Rare(rare) = &self.content { Some(rare) } else { None }
    }

    fn stored(&self) -> Option<&Stored> {
        self.rare().map(|rare| &rare.body)
    }

    fn small(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Plain(body) => Some(body),
            Content::Rare(rare) => {
                if let Stored::Whole(body) = &rare.body {
                    Some(body)
                } else {
                    None
                }
            }
        }
    }

    fn chunks(&self) -> Option<&Chunks> {
        if let Some(Stored::Chunks(chunks)) = self.stored() { Some(chunks) } else { None }
    }

    /// The octets of its body.
    pub(super) fn octets(&self) -> u64 {
        match self.stored() {
            Some(Stored::Chunks(chunks)) => chunks.octets,
            Some(Stored::File(large)) => large.octets(),
            _ => self.small().unwrap_or_default().len() as u64,
        }
    }

    /// Which part it is, if it is one.
    pub(super) fn part(&self) -> Option<ContentRange> {
        self.rare()?.part
    }

    /// The span that asked for it, if it was traced.
    pub(super) fn filled_by(&self) -> Option<(TraceId, SpanId)> {
        self.rare()?.filled_by
    }

    /// Whether it has this tag or group.
    fn is_named(&self, name: u64) -> bool {
        self.rare().is_some_and(|rare| rare.names.contains(&name))
    }

    /// Whether a purge means it.
    pub(super) fn is_meant(&self, purge: &Purge) -> bool {
        purge.means(self.url(), |origin, text| self.is_named(name(origin, text)))
    }

    /// Its terms, as a soft purge leaves them.
    pub(super) fn terms(&self) -> Terms {
        match self.purged.load(Ordering::Relaxed) {
            0 => self.terms,
            age => self.terms.purged(age - 1),
        }
    }

    /// Whether it was purged softly.
    pub(super) fn is_purged(&self) -> bool {
        self.purged.load(Ordering::Relaxed) > 0
    }

    /// When it was purged softly, in milliseconds since the Unix epoch; 0: it was not.
    pub(super) fn purged(&self) -> u64 {
        match self.purged.load(Ordering::Relaxed) {
            0 => 0,
            age => (self.terms.born + u64::from(age - 1) * 1_000).max(1),
        }
    }

    /// Marks it as stale from `now` on.
    pub(super) fn purge_softly(&self, now: u64) {
        let age = u32::try_from(self.terms.age(now)).unwrap_or(u32::MAX).saturating_add(1);
        self.purged.store(age, Ordering::Relaxed);
    }

    /// What it takes, in octets.
    pub(super) fn weight(&self) -> u64 {
        let rare = self.rare().map_or(0, |rare| size_of::<Rare>() as u64 + rare.names.len() as u64 * 8);
        let chunks = self.chunks().into_iter().flat_map(Chunks::all);
        let chunks = chunks.map(|chunk| taken(chunk.len()) + CHUNK_BYTES).sum::<u64>();
        let small = self.small().map_or(0, |body| taken(body.len()));
        let large = self.large().map_or(0, |_| LARGE_BYTES);
        FIXED_BYTES + PLACE_BYTES + taken(self.data.len()) + small + chunks + rare + large
    }
}

/// What a piece of memory takes, in octets: allocators have four sizes for each doubling.
fn taken(octets: usize) -> u64 {
    let octets = octets as u64;
    octets.next_multiple_of((1 << octets.max(64).ilog2()) / 4)
}

/// A tag or group as a number. Groups are those of one origin (RFC 9875 section 2).
pub(super) fn name(origin: Option<&str>, text: &str) -> u64 {
    use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
    let mut hasher = super::memory::HASHING.build_hasher();
    origin.hash(&mut hasher);
    text.hash(&mut hasher);
    hasher.finish()
}

/// Scheme and authority of a key.
pub(super) fn origin(key: &str) -> &str {
    let url = key::url(key);
    let start = url.find("://").map_or(0, |at| at + 3);
    &url[..url[start..].find(['/', '?']).map_or(url.len(), |at| start + at)]
}

/// The tags and groups of a response.
pub(super) fn names(key: &str, headers: &HeaderMap) -> Vec<u64> {
    let mut names: Vec<u64> = tags::tags(headers).iter().map(|tag| name(None, tag)).collect();
    if headers.contains_key(tags::CACHE_GROUPS) {
        let groups = tags::groups(headers, &tags::CACHE_GROUPS);
        names.extend(groups.iter().map(|group| name(Some(origin(key)), group)));
    }
    names
}
