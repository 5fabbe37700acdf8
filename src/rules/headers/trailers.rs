//! Which fields may trail content, RFC 9110 section 6.5.1. What frames, routes, describes or authorises a message may
//! not; nor what an intermediary writes into a head or takes off it: who joins trailers to the head, as some do, would be
//! told by a client what only an intermediary may say.

use http::{HeaderName, header};

use super::names::field;
use crate::rules::session::{force::FORCE, upload::UPLOAD};

/// Fields that mean something only in a head, beside those that concern an intermediary.
const IN_HEADS_ONLY: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::HOST,
    header::SET_COOKIE,
    header::TRAILER,
    FORCE,
    UPLOAD,
];

/// Whether a field may trail content.
pub fn may_trail(name: &HeaderName) -> bool {
    field(name).is_none() && !IN_HEADS_ONLY.contains(name) && !name.as_str().starts_with("x-forwarded-")
}
