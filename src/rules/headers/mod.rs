//! Header fields that an intermediary must understand: hop-by-hop fields, where a request came from, `Via`, and what
//! is never shown.

pub mod forwarded;
pub mod hop;
pub mod names;
pub mod redact;
pub mod trailers;
pub mod twins;
pub mod via;

pub use forwarded::Scheme;
pub use names::{Field, Names};

use http::HeaderValue;

/// The elements of a comma-separated list over several fields, without the blanks around them, RFC 9110 section 5.6.1.
/// Knows nothing of quoted strings.
pub(super) fn list<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a [u8]> {
    values
        .flat_map(|value| value.as_bytes().split(|&octet| octet == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests;
