//! Attributes of a span, written in the form that OTLP gives them at the moment they are set: no value is boxed, moved
//! about, and encoded afterwards. They are read by walking through them, which is for tests and redaction.

use std::{borrow::Cow, fmt, net::IpAddr, ops::Range, str, sync::Arc};

use opentelemetry::{Array, StringValue, Value};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
use prost::{
    Message as _,
    encoding::{decode_varint, encoded_len_varint},
};

use super::protobuf::{fixed64, nested, octets, text, varint};
use crate::rules::hex::Hex;

/// `attributes` of a span: `opentelemetry/proto/trace/v1/trace.proto` 1.11.
const SPAN_ATTRIBUTES: u32 = 9;
/// The most attributes of one span.
const ATTRIBUTES_MAX: u32 = 128;

/// The attributes of one span.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    octets: Vec<u8>,
    count: u32,
    dropped: u32,
    /// A bit for each key, which keys may share: whether one may be there already.
    marks: u128,
}

impl Attributes {
    /// None, with room for so many octets.
    pub(super) fn with_room(octets: usize) -> Self {
        Self { octets: Vec::with_capacity(octets), ..Self::default() }
    }

    /// Sets an attribute. A later value replaces an earlier one; what is too much is counted.
    #[inline(always)]
    pub fn set(&mut self, key: &str, value: impl AttributeValue) {
        if self.admits(key) {
            write(&mut self.octets, SPAN_ATTRIBUTES, key, value);
        }
    }

    /// Sets all of `others`, in one piece where none of them is there yet.
    pub fn set_all(&mut self, others: &Self) {
        if self.marks & others.marks == 0 && self.count + others.count <= ATTRIBUTES_MAX {
            self.octets.extend_from_slice(&others.octets);
            self.marks |= others.marks;
            self.count += others.count;
            return;
        }
        for Entry { place, key, .. } in others.entries() {
            if str::from_utf8(key).is_ok_and(|key| self.admits(key)) {
                self.octets.extend_from_slice(&others.octets[place]);
            }
        }
    }

    /// Whether a value of this key is written next. Most keys are known when this is compiled, and so are their marks.
    #[inline(always)]
    fn admits(&mut self, key: &str) -> bool {
        let mark = mark(key);
        if (self.marks & mark != 0 || self.count == ATTRIBUTES_MAX) && !self.makes_place(key) {
            return false;
        }
        self.marks |= mark;
        self.count += 1;
        true
    }

    /// Takes an earlier value of this key off, and says whether there is a place for another.
    #[cold]
    fn makes_place(&mut self, key: &str) -> bool {
        self.remove(key);
        let is_full = self.count == ATTRIBUTES_MAX;
        self.dropped += u32::from(is_full);
        !is_full
    }

    /// The attributes as fields of a span.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// How many did not fit.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The text of this key, if there is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        let mut value = self.find(key)?.value.strip_prefix(&[TEXT])?;
        let length = length(&mut value)?;
        str::from_utf8(value.get(..length)?).ok()
    }

    /// The value of this key in words, whatever it is.
    pub fn shown(&self, key: &str) -> Option<String> {
        self.find(key).map(|entry| entry.shown())
    }

    /// Whether there is a value of this key.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Puts `instead` in the place of every value whose key is to be hidden.
    pub(super) fn hide(&mut self, is_hidden: impl Fn(&str) -> bool, instead: &str) {
        let hidden = |entry: &Entry<'_>| str::from_utf8(entry.key).is_ok_and(&is_hidden);
        if !self.entries().any(|entry| hidden(&entry)) {
            return;
        }
        let mut shown = Vec::with_capacity(self.octets.len());
        for entry in self.entries() {
            match str::from_utf8(entry.key) {
                Ok(key) if is_hidden(key) => write(&mut shown, SPAN_ATTRIBUTES, key, instead),
                _ => shown.extend_from_slice(&self.octets[entry.place]),
            }
        }
        self.octets = shown;
    }

    fn remove(&mut self, key: &str) {
        let known = self.find(key).map(|entry| entry.place);
        if let Some(place) = known {
            self.octets.drain(place);
            self.count -= 1;
        }
    }

    /// The attribute of this key.
    fn find(&self, key: &str) -> Option<Entry<'_>> {
        self.entries().find(|entry| entry.key == key.as_bytes())
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let entry = Entry::read(&self.octets, at)?;
            at = entry.place.end;
            Some(entry)
        })
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries().map(|entry| (String::from_utf8_lossy(entry.key), entry.shown()))).finish()
    }
}

/// One attribute, where it stands.
struct Entry<'a> {
    place: Range<usize>,
    key: &'a [u8],
    /// An `AnyValue`.
    value: &'a [u8],
}

/// The keys of fields with a length, of the tags 1 and 2.
const TEXT: u8 = 1 << 3 | 2;
const NESTED: u8 = 2 << 3 | 2;
/// The keys of an `AnyValue` that holds an integer, or whether something is so.
const INTEGER: u8 = 3 << 3;
const BOOLEAN: u8 = 2 << 3;

impl<'a> Entry<'a> {
    fn read(octets: &'a [u8], at: usize) -> Option<Self> {
        let mut rest = octets.get(at..)?.strip_prefix(&[(SPAN_ATTRIBUTES as u8) << 3 | 2])?;
        let whole = length(&mut rest)?;
        let end = octets.len() - rest.len() + whole;
        let mut rest = rest.get(..whole)?.strip_prefix(&[TEXT])?;
        let key_length = length(&mut rest)?;
        let (key, rest) = rest.split_at_checked(key_length)?;
        let mut value = rest.strip_prefix(&[NESTED])?;
        length(&mut value)?;
        Some(Self { place: at..end, key, value })
    }

    fn shown(&self) -> String {
        match AnyValue::decode(self.value).unwrap_or_default().value {
            Some(any_value::Value::StringValue(text)) => text,
            Some(any_value::Value::IntValue(number)) => number.to_string(),
            Some(any_value::Value::BoolValue(is_so)) => is_so.to_string(),
            other => format!("{other:?}"),
        }
    }
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    if let [short @ 0..0x80, after @ ..] = *rest {
        *rest = after;
        return Some(usize::from(*short));
    }
    decode_varint(rest).ok().and_then(|length| usize::try_from(length).ok())
}

/// One of 128 bits. Keys differ most in their length, at their second place, in their middle and at their end; those that
/// one request sets share none.
#[inline(always)]
fn mark(key: &str) -> u128 {
    let octets = key.as_bytes();
    let at = |place: usize| u64::from(octets.get(place).copied().unwrap_or_default());
    let length = octets.len();
    let end = at(length.wrapping_sub(2)) << 16 | at(length.wrapping_sub(5)) << 8 | length as u64;
    let mixed = at(1) << 32 | at(length / 2) << 24 | end;
    1 << (mixed.wrapping_mul(0x6bf4_6c69_7d2c_af83) >> 57)
}

/// Writes one `KeyValue`.
#[inline(always)]
pub(super) fn write(buffer: &mut Vec<u8>, tag: u32, key: &str, value: impl AttributeValue) {
    value.put(buffer, tag, key);
}

/// What an attribute may hold.
pub trait AttributeValue: Sized {
    /// Writes the member of an `AnyValue`, also where it equals its type's default.
    fn write(self, buffer: &mut Vec<u8>);

    /// Writes a `KeyValue`.
    fn put(self, buffer: &mut Vec<u8>, tag: u32, key: &str) {
        put_any(buffer, tag, key, self);
    }
}

fn put_any(buffer: &mut Vec<u8>, tag: u32, key: &str, value: impl AttributeValue) {
    nested(buffer, tag, |buffer| {
        text(buffer, 1, key);
        nested(buffer, 2, |buffer| value.write(buffer));
    });
}

/// Key and value together are shorter than this where each of their lengths takes one octet.
const SHORT: usize = 116;

/// Begins an attribute that is short, as most are: none of its lengths takes more than one octet. What is left to write are
/// the `length` octets of its value, which `head` opens.
// Most keys are known when this is compiled, and then their octets and lengths are a few stores.
#[inline(always)]
fn begin_short<const N: usize>(buffer: &mut Vec<u8>, tag: u32, key: &str, (head, length): ([u8; N], usize)) {
    let inner = key.len() + N + length + 4;
    buffer.reserve(inner + 2);
    // None of them is 128 or more.
    buffer.extend_from_slice(&[(tag << 3 | 2) as u8, inner as u8, TEXT, key.len() as u8]);
    buffer.extend_from_slice(key.as_bytes());
    buffer.extend_from_slice(&[NESTED, (N + length) as u8]);
    buffer.extend_from_slice(&head);
}

/// Writes an attribute whose value is a text in pieces.
#[inline(always)]
fn put_text<const N: usize>(buffer: &mut Vec<u8>, tag: u32, key: &str, pieces: [&str; N]) {
    let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    if key.len() + length < SHORT {
        begin_short(buffer, tag, key, ([TEXT, length as u8], length));
        pieces.iter().for_each(|piece| buffer.extend_from_slice(piece.as_bytes()));
    } else {
        put_any(buffer, tag, key, Pieces(pieces));
    }
}

/// Writes an attribute whose value is a number of this kind.
#[inline(always)]
fn put_number(buffer: &mut Vec<u8>, tag: u32, key: &str, (kind, number): (u8, u64)) {
    begin_short(buffer, tag, key, ([kind], encoded_len_varint(number)));
    let mut rest = number;
    while rest >= 0x80 {
        buffer.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    buffer.push(rest as u8);
}

impl AttributeValue for &str {
    fn write(self, buffer: &mut Vec<u8>) {
        text(buffer, 1, self);
    }

    #[inline(always)]
    fn put(self, buffer: &mut Vec<u8>, tag: u32, key: &str) {
        put_text(buffer, tag, key, [self]);
    }
}

/// Texts in other forms.
macro_rules! text_values {
    ($($value:ty),*) => {
        $(impl AttributeValue for $value {
            fn write(self, buffer: &mut Vec<u8>) {
                AsRef::<str>::as_ref(&self).write(buffer);
            }

            #[inline(always)]
            fn put(self, buffer: &mut Vec<u8>, tag: u32, key: &str) {
                AsRef::<str>::as_ref(&self).put(buffer, tag, key);
            }
        })*
    };
}

text_values!(String, Arc<str>, StringValue, Cow<'_, str>);

impl AttributeValue for IpAddr {
    fn write(self, buffer: &mut Vec<u8>) {
        let Self::V4(address) = self else { return self.to_string().write(buffer) };
        nested(buffer, 1, |buffer| {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    buffer.push(b'.');
                }
                if octet >= 100 {
                    buffer.push(b'0' + octet / 100);
                }
                if octet >= 10 {
                    buffer.push(b'0' + octet / 10 % 10);
                }
                buffer.push(b'0' + octet % 10);
            }
        });
    }
}

/// Pieces of one text.
impl<const N: usize> AttributeValue for [&str; N] {
    fn write(self, buffer: &mut Vec<u8>) {
        Pieces(self).write(buffer);
    }

    #[inline(always)]
    fn put(self, buffer: &mut Vec<u8>, tag: u32, key: &str) {
        put_text(buffer, tag, key, self);
    }
}

/// Pieces of one text, whatever its length.
struct Pieces<'a, const N: usize>([&'a str; N]);

impl<const N: usize> AttributeValue for Pieces<'_, N> {
    fn write(self, buffer: &mut Vec<u8>) {
        nested(buffer, 1, |buffer| self.0.iter().for_each(|piece| buffer.extend_from_slice(piece.as_bytes())));
    }
}

impl<const N: usize> AttributeValue for Hex<N> {
    fn write(self, buffer: &mut Vec<u8>) {
        nested(buffer, 1, |buffer| self.write_to(buffer));
    }

    #[inline(always)]
    fn put(self, buffer: &mut Vec<u8>, tag: u32, key: &str) {
        if key.len() + 2 * N < SHORT {
            begin_short(buffer, tag, key, ([TEXT, 2 * N as u8], 2 * N));
            self.write_to(buffer);
        } else {
            put_any(buffer, tag, key, self);
        }
    }
}

impl AttributeValue for bool {
    fn write(self, buffer: &mut Vec<u8>) {
        varint(buffer, 2, u64::from(self));
    }

    #[inline(always)]
    fn put(self, buffer: &mut Vec<u8>, tag: u32, key: &str) {
        if key.len() < SHORT {
            put_number(buffer, tag, key, (BOOLEAN, u64::from(self)));
        } else {
            put_any(buffer, tag, key, self);
        }
    }
}

impl AttributeValue for i64 {
    fn write(self, buffer: &mut Vec<u8>) {
        varint(buffer, 3, self.cast_unsigned());
    }

    #[inline(always)]
    fn put(self, buffer: &mut Vec<u8>, tag: u32, key: &str) {
        // Up to ten groups of seven bits.
        if key.len() + 10 < SHORT {
            put_number(buffer, tag, key, (INTEGER, self.cast_unsigned()));
        } else {
            put_any(buffer, tag, key, self);
        }
    }
}

impl AttributeValue for f64 {
    fn write(self, buffer: &mut Vec<u8>) {
        fixed64(buffer, 4, self.to_bits());
    }
}

impl AttributeValue for &Value {
    fn write(self, buffer: &mut Vec<u8>) {
        match self {
            Value::String(value) => value.as_str().write(buffer),
            Value::Bool(value) => value.write(buffer),
            Value::I64(value) => value.write(buffer),
            Value::F64(value) => value.write(buffer),
            Value::Array(array) => nested(buffer, 5, |buffer| array_value(buffer, array)),
            // The enum is open; a value of a kind that is not known yet is still readable as text.
            other => octets(buffer, 1, other.as_str().as_bytes()),
        }
    }
}

impl AttributeValue for Value {
    fn write(self, buffer: &mut Vec<u8>) {
        (&self).write(buffer);
    }
}

fn array_value(buffer: &mut Vec<u8>, array: &Array) {
    fn items<V: AttributeValue>(buffer: &mut Vec<u8>, values: impl Iterator<Item = V>) {
        values.for_each(|value| nested(buffer, 1, |buffer| value.write(buffer)));
    }
    match array {
        Array::Bool(values) => items(buffer, values.iter().copied()),
        Array::I64(values) => items(buffer, values.iter().copied()),
        Array::F64(values) => items(buffer, values.iter().copied()),
        Array::String(values) => items(buffer, values.iter().map(StringValue::as_str)),
        other => items(buffer, std::iter::once(other.to_string())),
    }
}

#[cfg(test)]
mod tests;
