//! `Cache-Status`, RFC 9211: what the cache did, for whoever reads the response.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::why::{Fwd, Why};

/// The field.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Our name in it.
const NAME: &str = "waylight";

/// How a request was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handling {
    /// A stored response answered.
    Hit {
        /// What remains of its life, in seconds; below zero when it is stale.
        ttl: i64,
    },
    /// It went on to the upstream.
    Forwarded {
        /// Why.
        fwd: Fwd,
        /// What the upstream answered.
        status: Option<StatusCode>,
        /// Whether another request's answer was taken.
        collapsed: bool,
        /// Whether the answer is stored; its lifetime in seconds.
        stored: Option<i64>,
    },
    /// Neither: it was refused.
    Refused,
}

/// Adds our element behind those of caches nearer to the origin (section 2).
pub fn append(headers: &mut HeaderMap, handling: &Handling, why: &Why) {
    let mut text = String::with_capacity(64);
    text.push_str(NAME);
    // Into a string, which never fails.
    let _infallible = match handling {
        Handling::Hit { ttl } if *ttl > 0 => write!(text, "; hit; ttl={ttl}"),
        Handling::Hit { ttl } => write!(text, "; hit; ttl={ttl}; detail={}", why.word()),
        Handling::Forwarded { fwd, status, collapsed, stored } => forwarded(&mut text, (*fwd, *status), *stored)
            .and_then(|()| if *collapsed { text.write_str("; collapsed") } else { Ok(()) })
            .and_then(|()| write!(text, "; detail={}", why.word())),
        Handling::Refused => write!(text, "; detail={}", why.word()),
    };
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(CACHE_STATUS, value);
    }
}

fn forwarded(text: &mut String, (fwd, status): (Fwd, Option<StatusCode>), stored: Option<i64>) -> std::fmt::Result {
    write!(text, "; fwd={}", fwd.token())?;
    if let Some(status) = status {
        write!(text, "; fwd-status={}", status.as_u16())?;
    }
    match stored {
        Some(ttl) => write!(text, "; ttl={ttl}; stored"),
        None => Ok(()),
    }
}
