//! `Via`, RFC 9110 section 7.6.3: which intermediaries a message passed; and whether it passed here before.

use http::{HeaderMap, HeaderValue, Version, header::VIA};

use super::list;

/// How often the list names `pseudonym`: more than 0 in a request means a loop.
pub fn passes(headers: &HeaderMap, pseudonym: &str) -> usize {
    list(headers.get_all(VIA).iter())
        .filter(|element| {
            let mut words = element.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty());
            words.nth(1).is_some_and(|by| by.eq_ignore_ascii_case(pseudonym.as_bytes()))
        })
        .count()
}

/// The field that this intermediary adds: the version it received the message in, and its pseudonym. Made once a
/// version and configuration, since it never changes.
pub fn value(received: Version, pseudonym: &str) -> Option<HeaderValue> {
    let version = match received {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    };
    HeaderValue::try_from(format!("{version} {pseudonym}")).ok()
}

/// Adds our field after those of others.
pub fn append(headers: &mut HeaderMap, value: &HeaderValue) {
    headers.append(VIA, value.clone());
}
