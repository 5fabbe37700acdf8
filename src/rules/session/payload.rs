//! The payloads of tokens, octet by octet: numbers big-endian, texts with their length in front.

use super::{Id, cut};
use crate::rules::token::TokenError;

/// Writes a payload.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn id(&mut self, id: Id) -> &mut Self {
        self.0.extend_from_slice(&id.to_bytes());
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn octet(&mut self, octet: u8) -> &mut Self {
        self.0.push(octet);
        self
    }

    /// A text of at most 65,535 octets; what is longer is cut.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let text = cut(text, usize::from(u16::MAX));
        self.0.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reads a payload.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// What `read` makes of the whole payload; something left over is an error.
    pub(super) fn whole<T>(payload: &'a [u8], read: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, TokenError> {
        let mut reader = Self(payload);
        let value = read(&mut reader).ok_or(TokenError::Malformed)?;
        if reader.0.is_empty() { Ok(value) } else { Err(TokenError::Malformed) }
    }

    pub(super) fn id(&mut self) -> Option<Id> {
        self.array().map(Id::from_bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn octet(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::from(self.array().map(u16::from_be_bytes)?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}
