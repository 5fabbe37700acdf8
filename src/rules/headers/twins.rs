//! Fields that are told apart by `_` and `-` only. To a program that is told of them as CGI does it (RFC 3875 section
//! 4.1.18), which most languages' servers do, they are one: a client could say by the one what an intermediary writes
//! into the other, or takes off.

use http::{HeaderMap, HeaderName};

use super::trailers::may_trail;

/// Whether any field could be taken for another one.
pub fn has_twins(headers: &HeaderMap) -> bool {
    headers.keys().any(has_underscore)
}

/// Removes fields that could be taken for another one: for one that is there, for one of `guarded`, or for one that
/// only an intermediary or the head itself may say.
pub fn drop_twins(headers: &mut HeaderMap, guarded: &[HeaderName]) {
    let is_taken = |name: &&HeaderName| {
        twin(name).is_some_and(|twin| headers.contains_key(&twin) || guarded.contains(&twin) || !may_trail(&twin))
    };
    // Almost no request has any.
    let dropped: Vec<HeaderName> = headers.keys().filter(is_taken).cloned().collect();
    for name in dropped {
        headers.remove(name);
    }
}

/// The field that one with a `_` in its name could be taken for.
pub fn twin(name: &HeaderName) -> Option<HeaderName> {
    if !has_underscore(name) {
        return None;
    }
    HeaderName::try_from(name.as_str().replace('_', "-")).ok()
}

fn has_underscore(name: &HeaderName) -> bool {
    name.as_str().as_bytes().contains(&b'_')
}
