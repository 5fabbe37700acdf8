//! The chunked transfer coding, RFC 9112 section 7.1: where its data stand, and where its last chunk ends. Trailers are
//! not looked at here.

use super::Fault;

/// Chunk extensions of one body, in octets. Nothing is done with them.
const EXTENSION_BYTES_MAX: u32 = 8 * 1024;

/// Hexadecimal digits of one chunk's size: fifteen cannot overflow 64 bits.
const SIZE_DIGITS_MAX: u8 = 15;

/// Follows a chunked body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chunks {
    at: At,
    /// Of this chunk: its size while that is read, then the octets left.
    size: u64,
    digits: u8,
    extension_bytes: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
}

/// What stands next in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It cannot be known yet.
    More,
    /// So many octets of data.
    Data(u64),
    /// Trailers: the last chunk is over.
    Last,
}

impl Chunks {
    /// How many of `octets` are no data, and what stands behind them.
    pub fn next(&mut self, octets: &[u8]) -> (usize, Result<Next, Fault>) {
        for (at, octet) in octets.iter().enumerate() {
            if self.at == At::Data {
                return (at, Ok(Next::Data(self.size)));
            }
            match self.step(*octet) {
                Ok(false) => {}
                Ok(true) => return (at + 1, Ok(Next::Last)),
                Err(fault) => return (at, Err(fault)),
            }
        }
        (octets.len(), Ok(if self.at == At::Data { Next::Data(self.size) } else { Next::More }))
    }

    /// So many octets of data were taken; at most as many as [`Self::next`] said.
    pub fn took(&mut self, octets: u64) {
        self.size = self.size.saturating_sub(octets);
        if self.at == At::Data && self.size == 0 {
            self.at = At::DataCr;
        }
    }

    fn step(&mut self, octet: u8) -> Result<bool, Fault> {
        match (self.at, octet) {
            (At::Size, b'\r') if self.digits > 0 => self.at = At::SizeLf,
            (At::Size, b';') if self.digits > 0 => self.at = At::Extension,
            (At::Size, _) => self.digit(octet)?,
            (At::Extension, b'\r') => self.at = At::SizeLf,
            (At::Extension, _) => self.extension(octet)?,
            (At::SizeLf, b'\n') => {
                self.digits = 0;
                if self.size == 0 {
                    return Ok(true);
                }
                self.at = At::Data;
            }
            (At::DataCr, b'\r') => self.at = At::DataLf,
            (At::DataLf, b'\n') => self.at = At::Size,
            (At::SizeLf, _) => return Err(Fault::bad("a bare CR in a chunk's size line")),
            _ => return Err(Fault::bad("a chunk that does not end where its size says")),
        }
        Ok(false)
    }

    fn digit(&mut self, octet: u8) -> Result<(), Fault> {
        let digit =
            char::from(octet).to_digit(16).ok_or(Fault::bad("a chunk's size that is not a hexadecimal number"))?;
        if self.digits == SIZE_DIGITS_MAX {
            return Err(Fault::bad("a chunk's size that is too large"));
        }
        self.digits += 1;
        self.size = self.size * 16 + u64::from(digit);
        Ok(())
    }

    fn extension(&mut self, octet: u8) -> Result<(), Fault> {
        if octet == 0x7f || (octet < b' ' && octet != b'\t') {
            return Err(Fault::bad("a control character in a chunk extension"));
        }
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES_MAX {
            return Err(Fault::bad("chunk extensions that are too long"));
        }
        Ok(())
    }
}
