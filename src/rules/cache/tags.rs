//! Names by which stored responses are found again: cache groups, RFC 9875, and the tags of operators.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::directives::element_end;

/// Groups of one origin, RFC 9875 section 2.
pub const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
/// Groups that a successful request of an unsafe method outdates, RFC 9875 section 3.
pub const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");
/// Tags, with commas between them.
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
/// Tags, with blanks between them.
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The most tags or groups of one response; RFC 9875 section 2.1 asks for 32 groups at least.
const TAGS_MAX: usize = 128;
/// The longest tag, in octets; RFC 9875 section 2.1 asks for 32 at least.
const TAG_BYTES_MAX: usize = 256;

/// The tags of a response.
pub fn tags(headers: &HeaderMap) -> Vec<String> {
    let with = |name: HeaderName, separator: &'static [char]| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
        values.into_iter().flat_map(move |value| value.split(separator)).map(str::trim).filter(|tag| is_tag(tag))
    };
    with(CACHE_TAG, &[',']).chain(with(SURROGATE_KEY, &[' ', ','])).take(TAGS_MAX).map(str::to_owned).collect()
}

/// The groups that a field names: a list of strings (RFC 9651 section 3.1); one that is malformed names none.
pub fn groups(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    let Ok(text) = std::str::from_utf8(&lines.join(&b","[..])).map(str::to_owned) else { return Vec::new() };
    let mut rest = text.trim_matches(' ');
    let mut groups = Vec::new();
    while !rest.is_empty() {
        let Some((group, behind)) = string(rest) else { return Vec::new() };
        if is_tag(&group) && groups.len() < TAGS_MAX {
            groups.push(group);
        }
        // Parameters say nothing here.
        let Some(end) = element_end(behind.as_bytes()) else { return Vec::new() };
        rest = behind[end..].trim_matches([' ', '\t']);
        match rest.strip_prefix(',') {
            Some(more) if !more.trim().is_empty() => rest = more.trim_start_matches([' ', '\t']),
            Some(_) => return Vec::new(),
            None => {}
        }
    }
    groups
}

fn string(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut string = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => {
                let behind = &inside[at + 1..];
                let ends = behind.is_empty() || behind.starts_with([';', ',', ' ', '\t']);
                return ends.then_some((string, behind));
            }
            '\\' => string.push(chars.next().map(|(_, char)| char).filter(|char| matches!(char, '"' | '\\'))?),
            ' '..='~' => string.push(char),
            _ => return None,
        }
    }
    None
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.len() <= TAG_BYTES_MAX
}
