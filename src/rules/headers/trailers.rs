//! Which fields may trail content, RFC 9110 section 6.5.1. What frames, routes, describes or authorises a message may
//! not; nor what an intermediary writes into a head or takes off it: who joins trailers to the head, as some do, would be
//! told by a client what only an intermediary may say.

use http::{HeaderName, header};

use super::{names::field, twins::twin};
use crate::rules::session::{
    force::FORCE,
    upload::{PAGE, UPLOAD},
};

/// Fields that mean something only in a head, beside those that concern an intermediary.
const IN_HEADS_ONLY: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::HOST,
    header::SET_COOKIE,
    header::TRAILER,
    FORCE,
    PAGE,
    UPLOAD,
];

/// Whether a field may trail content. One that could be taken for another may do so if that one may.
pub fn may_trail(name: &HeaderName) -> bool {
    let may = |name: &HeaderName| {
        field(name).is_none() && !IN_HEADS_ONLY.contains(name) && !name.as_str().starts_with("x-forwarded-")
    };
    may(name) && twin(name).is_none_or(|twin| may(&twin))
}
