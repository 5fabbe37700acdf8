//! Validation: whether a client's copy is current still (RFC 9110 section 13, as far as a cache judges it, RFC 9111
//! section 4.3.2), what the upstream is asked to find out whether ours is (4.3.1), and what its answer changes (4.3.4).

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        AGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
    },
};

use super::{date, directives::element_end};

/// What describes the octets that are stored, which a 304 has none of.
const OF_CONTENT: [HeaderName; 5] =
    [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE, TRANSFER_ENCODING, HeaderName::from_static("content-md5")];

/// The entity tag of a response, if it has one.
pub fn tag(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(ETAG).map(|value| value.as_bytes().trim_ascii()).filter(|tag| !tag.is_empty())
}

/// The entity tag of a response, if it is a strong one.
pub fn strong_tag(headers: &HeaderMap) -> Option<&[u8]> {
    tag(headers).filter(|tag| !tag.starts_with(b"W/"))
}

/// Whether the client holds what `stored` describes already, so that 304 answers it. `answered` is when it came, in
/// seconds since the Unix epoch.
pub fn is_current(request: &HeaderMap, stored: &HeaderMap, answered: u64) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let wanted = request.get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
        let own = tag(stored).map(opaque);
        return wanted.flat_map(tags).any(|tag| tag == b"*" || own.is_some_and(|own| own == opaque(tag)));
    }
    let Some(since) = request.get(IF_MODIFIED_SINCE) else { return false };
    let Some(since) = date::parse(since.as_bytes(), answered) else { return false };
    let moment = |name: HeaderName| date::parse(stored.get(name)?.as_bytes(), answered);
    // Without a date of its own, content is as old as its response.
    moment(LAST_MODIFIED).or_else(|| moment(DATE)).unwrap_or(answered) <= since
}

/// A tag for the weak comparison, RFC 9110 section 8.8.3.2.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

fn tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (element, behind) = rest.split_at(tag_end(rest));
            rest = behind.get(1..).unwrap_or_default();
            let element = element.trim_ascii();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    })
}

/// Where a tag's list element ends. A backslash is an octet like any other in a tag (RFC 9110 section 8.8.3).
fn tag_end(text: &[u8]) -> usize {
    if memchr::memchr(b'\\', text).is_none() {
        return element_end(text).unwrap_or(text.len());
    }
    let mut quoted = false;
    let end = |&octet: &u8| {
        quoted ^= octet == b'"';
        octet == b',' && !quoted
    };
    text.iter().position(end).unwrap_or(text.len())
}

/// Whether a stored response can be asked about.
pub fn can_validate(stored: &HeaderMap) -> bool {
    tag(stored).is_some() || stored.contains_key(LAST_MODIFIED)
}

/// Puts our own condition in place of the client's.
pub fn ask(request: &mut HeaderMap, stored: &HeaderMap) {
    forget_conditions(request);
    if let Some(tag) = stored.get(ETAG) {
        request.insert(IF_NONE_MATCH, tag.clone());
    }
    if let Some(modified) = stored.get(LAST_MODIFIED) {
        request.insert(IF_MODIFIED_SINCE, modified.clone());
    }
}

/// Takes the client's conditions out: the whole response is wanted.
pub fn forget_conditions(request: &mut HeaderMap) {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
        request.remove(name);
    }
}

/// Whether a 304 can be about this stored response, RFC 9111 section 4.3.3: a validator that it carries must match.
pub fn is_about(answer: &HeaderMap, stored: &HeaderMap) -> bool {
    match (tag(answer), tag(stored)) {
        (Some(theirs), Some(ours)) if theirs.starts_with(b"W/") || ours.starts_with(b"W/") => {
            opaque(theirs) == opaque(ours)
        }
        (Some(theirs), ours) => Some(theirs) == ours,
        (None, _) => match (answer.get(LAST_MODIFIED), stored.get(LAST_MODIFIED)) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => true,
        },
    }
}

/// What a 304, or the answer to a HEAD, changes of the stored header fields, RFC 9111 section 3.2.
pub fn update(stored: &mut HeaderMap, answer: &HeaderMap) {
    stored.remove(AGE);
    for name in answer.keys().filter(|name| !OF_CONTENT.contains(name)) {
        stored.remove(name);
    }
    for (name, value) in answer.iter().filter(|(name, _)| !OF_CONTENT.contains(name)) {
        stored.append(name.clone(), value.clone());
    }
}

/// Whether the answer to a HEAD is about what is stored, RFC 9111 section 4.3.5.
pub fn head_is_about(answer: &HeaderMap, stored: &HeaderMap) -> bool {
    let same = |name: HeaderName| match (answer.get(&name), stored.get(&name)) {
        (Some(theirs), Some(ours)) => theirs == ours,
        _ => true,
    };
    same(ETAG) && same(LAST_MODIFIED) && same(CONTENT_LENGTH)
}

/// Makes the head of a stored response that of a 304, RFC 9110 section 15.4.5.
pub fn not_modified(headers: &mut HeaderMap) -> StatusCode {
    for name in OF_CONTENT.into_iter().chain([CONTENT_TYPE, CONTENT_LANGUAGE]) {
        headers.remove(name);
    }
    StatusCode::NOT_MODIFIED
}

/// Whether `If-Range`, where it is there, holds (RFC 9110 section 13.1.5): else the whole response is sent.
pub fn range_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = request.get(IF_RANGE) else { return true };
    let condition = condition.as_bytes().trim_ascii();
    if condition.starts_with(b"\"") || condition.starts_with(b"W/") {
        return strong_tag(stored).is_some_and(|tag| tag == condition);
    }
    // A date must be the same, and is a strong validator only where `Date` is a second later at least.
    let moment = |name: HeaderName| date::parse(stored.get(name)?.as_bytes(), 0);
    match (moment(LAST_MODIFIED), moment(DATE), date::parse(condition, 0)) {
        (Some(modified), Some(date), Some(wanted)) => modified == wanted && modified < date,
        _ => false,
    }
}
