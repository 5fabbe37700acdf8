//! Protobuf written by hand, straight into one buffer. Fields of lengths that are only known afterwards are written
//! behind a place for their length. And messages read field by field, for whoever need not know what is in them; all
//! other reading prost does.

use std::ops::Range;

use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// A field that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'m> {
    pub(super) number: u32,
    /// What stands in it; nothing in a varint.
    pub(super) content: &'m [u8],
    /// Whether it has a length, as messages and texts do.
    pub(super) is_delimited: bool,
}

/// Takes the first field off a message; `None` where it is malformed.
pub(super) fn field<'m>(rest: &mut &'m [u8]) -> Option<Field<'m>> {
    let key = decode_varint(rest).ok()?;
    let kind = u32::try_from(key & 7).ok()?;
    let length = match kind {
        VARINT => {
            decode_varint(rest).ok()?;
            0
        }
        FIXED64 => 8,
        DELIMITED => usize::try_from(decode_varint(rest).ok()?).ok()?,
        FIXED32 => 4,
        // Groups are gone from proto3.
        _ => return None,
    };
    let (content, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(Field { number: u32::try_from(key >> 3).ok()?, content, is_delimited: kind == DELIMITED })
}

/// Writes a message whose length most likely takes one octet: it is shorter than 128 octets.
pub(super) fn nested(buffer: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    nested_in::<1>(buffer, tag, write);
}

/// Writes a message whose length most likely takes `N` octets; if it does not, the message is moved.
pub(super) fn nested_in<const N: usize>(buffer: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    key(buffer, tag, DELIMITED);
    let at = buffer.len();
    buffer.extend_from_slice(&[0; N]);
    write(buffer);
    let length = buffer.len() - at - N;
    if encoded_len_varint(length as u64) != N {
        return move_to_fit(buffer, at..at + N, length);
    }
    for (place, octet) in buffer[at..at + N].iter_mut().enumerate() {
        let more = if place + 1 < N { 0x80 } else { 0 };
        *octet = (length >> (7 * place)) as u8 & 0x7f | more;
    }
}

#[cold]
fn move_to_fit(buffer: &mut Vec<u8>, place: Range<usize>, length: usize) {
    let mut prefix = Vec::with_capacity(10);
    encode_varint(length as u64, &mut prefix);
    buffer.splice(place, prefix);
}

/// Opens a message of a known length, which is written next.
#[inline]
pub(super) fn open(buffer: &mut Vec<u8>, tag: u32, length: usize) {
    key(buffer, tag, DELIMITED);
    number(buffer, length as u64);
}

#[inline]
pub(super) fn octets(buffer: &mut Vec<u8>, tag: u32, value: &[u8]) {
    open(buffer, tag, value.len());
    buffer.extend_from_slice(value);
}

#[inline]
pub(super) fn text(buffer: &mut Vec<u8>, tag: u32, value: &str) {
    octets(buffer, tag, value.as_bytes());
}

#[inline]
pub(super) fn varint(buffer: &mut Vec<u8>, tag: u32, value: u64) {
    key(buffer, tag, VARINT);
    number(buffer, value);
}

#[inline]
pub(super) fn fixed64(buffer: &mut Vec<u8>, tag: u32, value: u64) {
    key(buffer, tag, FIXED64);
    buffer.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(super) fn fixed32(buffer: &mut Vec<u8>, tag: u32, value: u32) {
    key(buffer, tag, FIXED32);
    buffer.extend_from_slice(&value.to_le_bytes());
}

#[inline]
fn key(buffer: &mut Vec<u8>, tag: u32, wire: u32) {
    number(buffer, u64::from(tag << 3 | wire));
}

#[inline]
fn number(buffer: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        buffer.push(value as u8);
    } else {
        encode_varint(value, buffer);
    }
}
