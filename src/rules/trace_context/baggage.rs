//! `baggage`, W3C Baggage section 3.3: a list of members, each `key=value` with properties. Members are kept as the
//! octets they came in; only their keys are looked at.

use std::borrow::Cow;

use http::{HeaderMap, header::GetAll};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use super::{BAGGAGE, sentry_trace::trim};

/// The most members passed on in a list that Waylight writes.
pub const MEMBERS_MAX: usize = 64;
/// The most octets passed on in a list that Waylight writes.
pub const BYTES_MAX: usize = 8192;
/// What Sentry's members begin with.
pub const SENTRY_PREFIX: &str = "sentry-";

/// All but the octets that a value may hold as they are, section 3.3.1.3; `%` itself is encoded too.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// One member, as it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// All of it, without the blanks around it.
    pub raw: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Member<'a> {
    fn parse(raw: &'a [u8]) -> Option<Self> {
        let raw = trim(raw);
        let equals = memchr::memchr(b'=', raw)?;
        let key = trim(&raw[..equals]);
        let rest = &raw[equals + 1..];
        let value = trim(memchr::memchr(b';', rest).map_or(rest, |end| &rest[..end]));
        let is_written_well = !key.is_empty()
            && key.iter().all(|octet| octet.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(octet))
            && raw.iter().all(|octet| matches!(octet, b'\t' | 0x20..=0x7e));
        is_written_well.then_some(Self { raw, key, value })
    }

    /// The key, decoded as the SDKs decode it.
    pub fn key(&self) -> Cow<'a, str> {
        percent_decode(self.key).decode_utf8_lossy()
    }

    /// The value, decoded, without properties.
    pub fn value(&self) -> Cow<'a, str> {
        percent_decode(self.value).decode_utf8_lossy()
    }

    /// The name after `sentry-`, if this is one of Sentry's members.
    pub fn sentry_key(&self) -> Option<String> {
        self.key().strip_prefix(SENTRY_PREFIX).map(str::to_owned)
    }
}

/// The well-formed members of all `baggage` headers, in order.
pub fn members(headers: &HeaderMap) -> impl Iterator<Item = Member<'_>> {
    let values: GetAll<'_, _> = headers.get_all(BAGGAGE);
    values.iter().flat_map(|value| parse(value.as_bytes()))
}

/// The well-formed members of one list.
pub fn parse(list: &[u8]) -> impl Iterator<Item = Member<'_>> {
    list.split(|&octet| octet == b',').filter_map(Member::parse)
}

/// Appends a member; `key` must be a token.
pub fn push(list: &mut String, key: &str, value: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(key);
    list.push('=');
    list.extend(utf8_percent_encode(value, ENCODED));
}

/// Joins members to one list, and leaves out those that no longer fit.
pub fn join<'a>(members: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut list = Vec::new();
    let mut count = 0;
    for member in members {
        if count == MEMBERS_MAX || list.len() + 1 + member.len() > BYTES_MAX {
            continue;
        }
        if count > 0 {
            list.push(b',');
        }
        list.extend_from_slice(member);
        count += 1;
    }
    list
}
