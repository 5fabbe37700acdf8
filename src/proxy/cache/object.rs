//! A stored response. Key, variant, header fields and a small body stand in one piece of memory; a large body is chunks,
//! which answers share.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use opentelemetry::trace::{SpanId, TraceId};

use super::head;
use crate::rules::cache::{
    Terms, key,
    range::{ContentRange, Span},
    tags, vary,
};

/// Bodies up to this size, in octets, stand in one piece beside their header fields, and leave in one piece.
pub(super) const BESIDE_BYTES_MAX: usize = 256 * 1024;
/// What an object takes beside its octets: itself, its count, and its place in the table.
const FIXED_BYTES: u64 = 176;
/// What each chunk takes beside its octets.
const CHUNK_BYTES: u64 = 96;

/// A stored response. Its terms count until it is replaced; nothing in it changes but the mark of a soft purge.
#[derive(Debug)]
pub(super) struct Object {
    /// How long it may be used.
    pub(super) terms: Terms,
    /// When it came, or was validated last: milliseconds since the Unix epoch.
    pub(super) answered: u64,
    /// When it was purged softly; 0: it was not.
    purged: AtomicU64,
    /// Key, variant, header fields, and the body if it is small.
    data: Bytes,
    key_end: u32,
    vary_end: u32,
    head_end: u32,
    pub(super) status: StatusCode,
    /// What few responses have.
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Debug, Default)]
struct Rare {
    chunks: Option<Chunks>,
    part: Option<ContentRange>,
    names: Vec<u64>,
    filled_by: Option<(TraceId, SpanId)>,
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
    pub(super) fn new(parts: &Parts<'_>, body: Chunks) -> Self {
        let mut octets = Vec::with_capacity(parts.key.len() + parts.vary.len() + 256);
        octets.extend_from_slice(parts.key.as_bytes());
        let key_end = octets.len();
        octets.extend_from_slice(parts.vary.as_bytes());
        let vary_end = octets.len();
        head::write(parts.headers, &mut octets);
        let head_end = octets.len();
        let beside = body.octets <= BESIDE_BYTES_MAX as u64;
        let length = if beside { usize::try_from(body.octets).unwrap_or(0) } else { 0 };
        // One piece of memory, exactly as large as it must be.
        let mut data = BytesMut::with_capacity(head_end + length);
        data.put_slice(&octets);
        if beside {
            body.chunks.iter().for_each(|chunk| data.put_slice(chunk));
        }
        let rare = Rare {
            chunks: (!beside).then_some(body),
            part: parts.part,
            names: names(parts.key, parts.headers),
            filled_by: parts.filled_by,
        };
        let end = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            terms: parts.terms,
            answered: parts.answered,
            purged: AtomicU64::new(0),
            data: data.freeze(),
            key_end: end(key_end),
            vary_end: end(vary_end),
            head_end: end(head_end),
            status: parts.status,
            rare: rare.is_any().then(|| Box::new(rare)),
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
        if self.key_end == self.vary_end { None } else { vary::differs(self.vary(), request) }
    }

    /// Its header fields.
    pub(super) fn headers(&self) -> HeaderMap {
        head::read(&self.data.slice(self.vary_end as usize..self.head_end as usize))
    }

    /// Its body, in chunks.
    pub(super) fn body(&self) -> Chunks {
        match self.rare.as_ref().and_then(|rare| rare.chunks.as_ref()) {
            Some(chunks) => chunks.clone(),
            None => Chunks::new(vec![self.data.slice(self.head_end as usize..)]),
        }
    }

    /// Its body, if it is in one piece.
    pub(super) fn whole(&self) -> Option<Bytes> {
        let is_beside = self.rare.as_ref().is_none_or(|rare| rare.chunks.is_none());
        is_beside.then(|| self.data.slice(self.head_end as usize..))
    }

    /// The octets of its body.
    pub(super) fn octets(&self) -> u64 {
        match self.rare.as_ref().and_then(|rare| rare.chunks.as_ref()) {
            Some(chunks) => chunks.octets,
            None => (self.data.len() - self.head_end as usize) as u64,
        }
    }

    /// Which part it is, if it is one.
    pub(super) fn part(&self) -> Option<ContentRange> {
        self.rare.as_ref()?.part
    }

    /// The span that asked for it, if it was traced.
    pub(super) fn filled_by(&self) -> Option<(TraceId, SpanId)> {
        self.rare.as_ref()?.filled_by
    }

    /// Whether it has this tag or group.
    pub(super) fn is_named(&self, name: u64) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.names.contains(&name))
    }

    /// Its terms, as a soft purge leaves them.
    pub(super) fn terms(&self) -> Terms {
        match self.purged.load(Ordering::Relaxed) {
            0 => self.terms,
            moment => self.terms.purged(moment),
        }
    }

    /// Whether it was purged softly.
    pub(super) fn is_purged(&self) -> bool {
        self.purged.load(Ordering::Relaxed) > 0
    }

    /// When it was purged softly; 0: it was not.
    pub(super) fn purged(&self) -> u64 {
        self.purged.load(Ordering::Relaxed)
    }

    /// Marks it as stale from `now` on.
    pub(super) fn purge_softly(&self, now: u64) {
        self.purged.store(now.max(1), Ordering::Relaxed);
    }

    /// What it takes, in octets.
    pub(super) fn weight(&self) -> u64 {
        let rare = self.rare.as_ref().map_or(0, |rare| {
            let body = rare.chunks.as_ref().into_iter().flat_map(Chunks::all);
            body.map(|chunk| taken(chunk) + CHUNK_BYTES).sum::<u64>() + 96 + rare.names.len() as u64 * 8
        });
        taken(&self.data) + FIXED_BYTES + rare
    }
}

impl Rare {
    fn is_any(&self) -> bool {
        self.chunks.is_some() || self.part.is_some() || !self.names.is_empty() || self.filled_by.is_some()
    }
}

/// What a piece of memory takes, in octets: allocators have four sizes for each doubling.
fn taken(piece: &Bytes) -> u64 {
    let octets = piece.len() as u64;
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
