//! Hexadecimal digits, lower case: how trace context, ids and signatures are written. By table, since traced requests
//! write several, and `core::fmt` takes ten times as long.

use std::fmt;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Octets that are displayed as hexadecimal digits, two for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Hex<N> {
    /// Adds the digits to `text`.
    pub fn push_to(self, text: &mut String) {
        for octet in self.0 {
            text.push(char::from(DIGITS[usize::from(octet >> 4)]));
            text.push(char::from(DIGITS[usize::from(octet & 0xf)]));
        }
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(2 * N);
        self.push_to(&mut text);
        f.write_str(&text)
    }
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
