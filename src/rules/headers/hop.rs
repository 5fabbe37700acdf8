//! Hop-by-hop fields, RFC 9110 section 7.6.1: they belong to one connection and are not passed on. What `Connection`
//! names goes too, unless it is meant for all recipients.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, TE, UPGRADE},
};

use super::{
    list,
    names::{Field, Names, field},
};

/// Meant for all recipients: a `Connection` that names one of these is at fault (RFC 9110 section 7.6.1), and obeying
/// it would let clients take from a request what whoever stands before Waylight has added.
const END_TO_END: [&str; 38] = [
    "age",
    "allow",
    "authorization",
    "baggage",
    "cache-control",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "from",
    "host",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-status",
    "range",
    "referer",
    "retry-after",
    "sentry-trace",
    "server",
    "server-timing",
    "set-cookie",
    "strict-transport-security",
    "traceparent",
    "tracestate",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-real-ip",
    "x-request-id",
];
/// How the names of others begin that are meant for all recipients.
const END_TO_END_PREFIXES: [&str; 6] = ["accept", "access-control-", "content-", "if-", "sec-", "x-forwarded-"];

/// What the next hop is told instead.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Hop {
    /// The protocols that the sender would change to, RFC 9110 section 7.8.
    pub upgrade: Option<HeaderValue>,
    /// Whether the sender takes trailers, RFC 9110 section 10.1.4.
    pub trailers: Trailers,
}

/// Whether trailers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Trailers {
    /// `TE: trailers` was sent.
    Taken,
    /// It was not.
    #[default]
    Unknown,
}

/// Removes hop-by-hop fields from a request or a response that has the fields `names`, and says what they said.
///
/// `Upgrade` counts only where `Connection` names it (RFC 9110 section 7.8), and never for `h2c`: a hop that changed
/// to HTTP/2 behind our back could be told anything. What is meant for all recipients, such as `Host`, `Cookie` or
/// `X-Forwarded-For`, stays even if `Connection` names it.
pub fn strip(headers: &mut HeaderMap, names: Names) -> Hop {
    let mut hop = Hop::default();
    if !names.any(Field::HOP_BY_HOP) {
        return hop;
    }
    // Trailers are for every hop that HTTP/2 speaks, which has no `Connection`.
    if names.any(Field::TE) && has_token(headers, TE, b"trailers") {
        hop.trailers = Trailers::Taken;
    }
    if names.any(Field::CONNECTION) {
        if names.any(Field::UPGRADE) && has_token(headers, CONNECTION, b"upgrade") {
            hop.upgrade = upgrade(headers);
        }
        remove_named(headers);
    }
    let is_hop = |name: &&HeaderName| field(name).is_some_and(|field| Field::HOP_BY_HOP.holds(field));
    while let Some(name) = headers.keys().find(is_hop).cloned() {
        headers.remove(name);
    }
    hop
}

impl Hop {
    /// Writes what the next hop is told, in HTTP/1.1. `Connection` is written whole.
    pub fn write_http1(&self, headers: &mut HeaderMap) {
        let connection = match (&self.upgrade, self.trailers) {
            (Some(upgrade), trailers) => {
                headers.insert(UPGRADE, upgrade.clone());
                if trailers == Trailers::Taken { "upgrade, TE" } else { "upgrade" }
            }
            (None, Trailers::Taken) => "TE",
            (None, Trailers::Unknown) => return,
        };
        headers.insert(CONNECTION, HeaderValue::from_static(connection));
        self.write_http2(headers);
    }

    /// Writes what the next hop is told, in HTTP/2, which knows of trailers only (RFC 9113 section 8.2.2).
    pub fn write_http2(&self, headers: &mut HeaderMap) {
        if self.trailers == Trailers::Taken {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
}

/// The one `Upgrade` field, unless it is about HTTP/2.
fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(UPGRADE).iter();
    let value = values.next()?;
    let is_http2 = list([value].into_iter()).any(|protocol| protocol.eq_ignore_ascii_case(b"h2c"));
    (values.next().is_none() && !is_http2 && !value.is_empty()).then(|| value.clone())
}

fn remove_named(headers: &mut HeaderMap) {
    // `close`, `keep-alive` and `upgrade` are by far the most usual, and need no list.
    let named: Vec<HeaderName> = list(headers.get_all(CONNECTION).iter())
        .filter(|option| {
            ![&b"close"[..], b"keep-alive", b"upgrade"].iter().any(|usual| option.eq_ignore_ascii_case(usual))
        })
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| !is_end_to_end(name.as_str()))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

fn is_end_to_end(name: &str) -> bool {
    END_TO_END.contains(&name) || END_TO_END_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a `Connection` field closes the connection (RFC 9112 section 9.6).
pub fn closes(connection: &HeaderValue) -> bool {
    list(std::iter::once(connection)).any(|option| option.eq_ignore_ascii_case(b"close"))
}

/// Whether a list holds a token; parameters after `;` are not looked at.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &[u8]) -> bool {
    list(headers.get_all(name).iter()).any(|element| {
        let end = memchr::memchr(b';', element).unwrap_or(element.len());
        element[..end].trim_ascii().eq_ignore_ascii_case(token)
    })
}
