//! A request's name.

use std::fmt;

use crate::rules::hex::Hex;

/// A request's name: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u128);

impl RequestId {
    /// A new name.
    pub fn new() -> Self {
        Self(fastrand::u128(..))
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// As a number.
    pub fn number(self) -> u128 {
        self.0
    }

    /// As a header's value.
    pub fn octets(self) -> [u8; 32] {
        let mut octets = [0; 32];
        self.hex().write_at(&mut octets, 0);
        octets
    }

    /// As it is written.
    pub fn hex(self) -> Hex<16> {
        Hex(self.0.to_be_bytes())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hex().fmt(f)
    }
}
