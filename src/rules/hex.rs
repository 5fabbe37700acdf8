//! Hexadecimal digits, lower case: how trace context, ids and signatures are written and read. By table, since traced
//! requests write several, and `core::fmt` takes ten times as long.

use std::{fmt, str};

/// The two digits of every octet.
static DIGITS: [[u8; 2]; 256] = {
    let one = *b"0123456789abcdef";
    let mut digits = [[0; 2]; 256];
    let mut octet = 0;
    while octet < digits.len() {
        digits[octet] = [one[octet >> 4], one[octet & 0xf]];
        octet += 1;
    }
    digits
};

/// Octets that are displayed as hexadecimal digits, two for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Hex<N> {
    /// The digits, in pairs.
    fn digits(self) -> [[u8; 2]; N] {
        self.0.map(|octet| DIGITS[usize::from(octet)])
    }

    /// Puts the digits into `octets`, from the place `at` on, where they have room.
    #[inline]
    pub fn write_at(self, octets: &mut [u8], at: usize) {
        octets[at..at + 2 * N].copy_from_slice(self.digits().as_flattened());
    }

    /// Adds the digits to `octets`.
    pub fn write_to(self, octets: &mut Vec<u8>) {
        octets.extend_from_slice(self.digits().as_flattened());
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They are ASCII.
        f.write_str(str::from_utf8(self.digits().as_flattened()).unwrap_or_default())
    }
}

/// So many lower-case hexadecimal digits as a number; other characters, upper case among them, are refused.
pub fn number(digits: &[u8]) -> Option<u128> {
    debug_assert!(digits.len() <= 32, "a u128 holds 32 digits");
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_has_two_digits() {
        assert_eq!(Hex([0x00, 0x0f, 0xf0, 0xff, 0x9a]).to_string(), "000ff0ff9a");
        for octet in 0..=u8::MAX {
            assert_eq!(Hex([octet]).to_string(), format!("{octet:02x}"));
        }
    }
}
