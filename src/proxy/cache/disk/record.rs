//! A stored response as a file: a fixed head, key, variant, header fields and body, under a checksum. What is not exactly
//! that is no record. A large body has a file of its own, and is named.

use std::{fs, io::Read as _, path::Path, sync::Arc};

use bytes::Bytes;
use http::StatusCode;

use super::{
    super::{
        head,
        object::{Chunks, Object, Parts},
    },
    large::Large,
};
use crate::rules::cache::{Reuse, Terms};

/// What every record begins with; the digit changes with the form.
const MAGIC: &[u8; 8] = b"WLCACHE3";
/// Magic, checksum, and what always is as long.
const FIXED_BYTES: usize = 8 + 4 + 8 + 4 * 3 + 1 + 2 + 8 + 8 + 4 * 3 + 8 + 8;
/// A chunk of a body that is read back, in octets.
const CHUNK_BYTES: usize = 64 * 1024;

/// Writes an object into `octets`, which is emptied first.
pub(super) fn write(object: &Object, octets: &mut Vec<u8>) {
    octets.clear();
    let terms = object.terms;
    let mut fields = Vec::new();
    head::write(&object.headers(), object.octets(), &mut fields);
    octets.extend_from_slice(MAGIC);
    octets.extend_from_slice(&[0; 4]);
    octets.extend_from_slice(&terms.born.to_le_bytes());
    for number in [terms.ttl, terms.stale_while_revalidate, terms.stale_if_error] {
        octets.extend_from_slice(&number.to_le_bytes());
    }
    octets.push(match terms.reuse {
        Reuse::Free => 0,
        Reuse::FreshOnly => 1,
        Reuse::Never => 2,
    });
    octets.extend_from_slice(&object.status.as_u16().to_le_bytes());
    octets.extend_from_slice(&object.answered.to_le_bytes());
    octets.extend_from_slice(&object.purged().to_le_bytes());
    for text in [object.key().as_bytes(), object.vary().as_bytes(), &fields] {
        octets.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    octets.extend_from_slice(&object.octets().to_le_bytes());
    octets.extend_from_slice(&object.large().map_or(0, |large| large.id()).to_le_bytes());
    for text in [object.key().as_bytes(), object.vary().as_bytes(), &fields] {
        octets.extend_from_slice(text);
    }
    object.pieces().for_each(|piece| octets.extend_from_slice(piece));
    let sum = checksum(&octets[12..]);
    octets[8..12].copy_from_slice(&sum.to_le_bytes());
}

/// The number of a record's large body, and its length, as its file's head says; no more than that is looked at.
pub(super) fn large(path: &Path) -> Option<(u64, u64)> {
    let mut fixed = [0; FIXED_BYTES];
    fs::File::open(path).ok()?.read_exact(&mut fixed).ok()?;
    let (_, last) = fixed.split_last_chunk::<16>()?;
    let (octets, id) = last.split_first_chunk()?;
    let id = u64::from_le_bytes(id.try_into().ok()?);
    fixed.starts_with(MAGIC).then_some((id, u64::from_le_bytes(*octets)))
}

/// Reads an object back, its large body as `find` has it by its number; `None` where it is not whole, or not what was
/// written.
pub(super) fn read(octets: &Bytes, find: impl FnOnce(u64) -> Option<Arc<Large>>) -> Option<Object> {
    let mut from = &octets[..];
    if take::<8>(&mut from)? != *MAGIC || u32::from_le_bytes(take(&mut from)?) != checksum(octets.get(12..)?) {
        return None;
    }
    let born = u64::from_le_bytes(take(&mut from)?);
    let [ttl, stale_while_revalidate, stale_if_error] = [number(&mut from)?, number(&mut from)?, number(&mut from)?];
    let reuse = match take(&mut from)? {
        [0] => Reuse::Free,
        [1] => Reuse::FreshOnly,
        _ => Reuse::Never,
    };
    let status = StatusCode::from_u16(u16::from_le_bytes(take(&mut from)?)).ok()?;
    let answered = u64::from_le_bytes(take(&mut from)?);
    let purged = u64::from_le_bytes(take(&mut from)?);
    let lengths = [number(&mut from)?, number(&mut from)?, number(&mut from)?];
    let body = u64::from_le_bytes(take(&mut from)?);
    let id = u64::from_le_bytes(take(&mut from)?);
    let mut at = FIXED_BYTES;
    let mut part = |length: usize| {
        let end = at.checked_add(length).filter(|end| *end <= octets.len())?;
        let part = octets.slice(at..end);
        at = end;
        Some(part)
    };
    let [key, vary, fields] = [part(lengths[0] as usize)?, part(lengths[1] as usize)?, part(lengths[2] as usize)?];
    let content = part(if id == 0 { usize::try_from(body).ok()? } else { 0 })?;
    if at != octets.len() || key.len() > usize::from(u16::MAX) {
        return None;
    }
    let parts = Parts {
        key: std::str::from_utf8(&key).ok()?,
        vary: std::str::from_utf8(&vary).ok()?,
        status,
        headers: &head::read(&fields, body)?,
        terms: Terms { born, ttl, stale_while_revalidate, stale_if_error, reuse },
        answered,
        part: None,
        filled_by: None,
    };
    let object = if id == 0 {
        // Copies: a slice would keep the whole file in memory.
        let chunks = content.chunks(CHUNK_BYTES).map(Bytes::copy_from_slice).collect();
        Object::new(&parts, &Chunks::new(chunks))
    } else {
        Object::on_disk(&parts, &find(id).filter(|large| large.octets() == body)?)
    };
    if purged > 0 {
        object.purge_softly(purged);
    }
    Some(object)
}

fn checksum(octets: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(octets);
    sum.sum()
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

fn number(from: &mut &[u8]) -> Option<u32> {
    take(from).map(u32::from_le_bytes)
}
