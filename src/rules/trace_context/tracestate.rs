//! `tracestate`, W3C Trace Context level 2 section 3.3. Waylight adds no member of its own; it passes on those of
//! others, in their order.

use super::sentry_trace::trim;

/// The most members, section 3.3.1.3.
const MEMBERS_MAX: usize = 32;
/// The most octets of a list passed on: what section 3.3.1.5 asks for at least.
const BYTES_MAX: usize = 512;
/// Members longer than this are the first to go, section 3.3.1.5.
const MEMBER_BYTES_LARGE: usize = 128;

/// Reads all `tracestate` headers of a request, as one list, and gives back what is passed on: at most 32 members and
/// 512 octets. `None`: there is no valid list. Empty members are allowed, and left out.
pub fn combine<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut members = Vec::new();
    for member in values.into_iter().flat_map(|value| value.split(|&octet| octet == b',')) {
        let member = trim(member);
        if member.is_empty() {
            continue;
        }
        if members.len() == MEMBERS_MAX || !is_member(member) {
            return None;
        }
        members.push(member);
    }
    shorten(&mut members);
    if members.is_empty() { None } else { Some(members.join(&b',')) }
}

/// Drops whole members until the list is short enough: large ones first, then the oldest, which stand last.
fn shorten(members: &mut Vec<&[u8]>) {
    while members.iter().map(|member| member.len() + 1).sum::<usize>() > BYTES_MAX + 1 {
        let large = members.iter().rposition(|member| member.len() > MEMBER_BYTES_LARGE);
        members.remove(large.unwrap_or(members.len() - 1));
    }
}

/// `key "=" value`, section 3.3.1.3.
fn is_member(member: &[u8]) -> bool {
    let Some(equals) = memchr::memchr(b'=', member) else { return false };
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let is_key = matches!(key, [b'a'..=b'z' | b'0'..=b'9', rest @ ..] if rest.len() <= 255
        && rest.iter().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@')));
    let is_value = (1..=256).contains(&value.len())
        && value.iter().all(|octet| matches!(octet, 0x20..=0x7e) && !matches!(octet, b',' | b'='))
        && value.last() != Some(&b' ');
    is_key && is_value
}
