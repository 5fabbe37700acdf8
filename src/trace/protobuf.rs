//! Protobuf written by hand, straight into one buffer. Fields of lengths that are only known afterwards are written
//! behind a place for their length. Not here: reading, which prost does.

use std::ops::Range;

use prost::encoding::{encode_varint, encoded_len_varint};

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

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
pub(super) fn open(buffer: &mut Vec<u8>, tag: u32, length: usize) {
    key(buffer, tag, DELIMITED);
    number(buffer, length as u64);
}

pub(super) fn octets(buffer: &mut Vec<u8>, tag: u32, value: &[u8]) {
    open(buffer, tag, value.len());
    buffer.extend_from_slice(value);
}

pub(super) fn text(buffer: &mut Vec<u8>, tag: u32, value: &str) {
    octets(buffer, tag, value.as_bytes());
}

pub(super) fn varint(buffer: &mut Vec<u8>, tag: u32, value: u64) {
    key(buffer, tag, VARINT);
    number(buffer, value);
}

pub(super) fn fixed64(buffer: &mut Vec<u8>, tag: u32, value: u64) {
    key(buffer, tag, FIXED64);
    buffer.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn fixed32(buffer: &mut Vec<u8>, tag: u32, value: u32) {
    key(buffer, tag, FIXED32);
    buffer.extend_from_slice(&value.to_le_bytes());
}

fn key(buffer: &mut Vec<u8>, tag: u32, wire: u32) {
    number(buffer, u64::from(tag << 3 | wire));
}

fn number(buffer: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        Ok(short @ 0..128) => buffer.push(short),
        _ => encode_varint(value, buffer),
    }
}
