//! What of a message's head is for this hop only, and what the next one is told instead.

use http::{HeaderMap, HeaderName, HeaderValue, Response, Version, header};

use crate::proxy::context::Context;

const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Makes a request's header fields those that the upstream is meant to see.
pub(super) fn forward_request(headers: &mut HeaderMap, cx: &Context) {
    let upgrade = strip(headers);
    if let Some(upgrade) = upgrade.filter(|_| cx.version == Version::HTTP_11) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, upgrade);
    }
    let set = |headers: &mut HeaderMap, name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set(headers, "x-forwarded-for", &cx.client.get().to_string());
    set(headers, "x-forwarded-proto", cx.scheme.get().as_str());
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(HeaderName::from_static("x-forwarded-host"), host);
    }
}

/// Makes a response's header fields those that the client is meant to see.
pub(super) fn forward_response(headers: &mut HeaderMap) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        // Its length was not what counted (RFC 9112 section 6.3).
        headers.remove(header::CONTENT_LENGTH);
    }
    strip(headers);
}

/// Makes the header fields of a response that switches protocols those that the client is meant to see.
pub(super) fn forward_switch(headers: &mut HeaderMap) {
    if let Some(upgrade) = strip(headers) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, upgrade);
    }
}

/// Whether the request that goes to the upstream asks it to switch protocols.
pub(super) fn upgrades(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

/// Whether the connection can be used again after this response (RFC 9112 section 9.3).
pub(super) fn keeps_alive<B>(response: &Response<B>) -> bool {
    // HTTP/1.0 may keep alive too, but whoever speaks it now rarely means it.
    response.version() == Version::HTTP_11 && !names(response.headers(), b"close")
}

fn strip(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let mut upgrade = None;
    if headers.contains_key(header::CONNECTION) {
        if names(headers, b"upgrade") {
            upgrade = headers.get(header::UPGRADE).cloned();
        }
        let named: Vec<HeaderName> = tokens(headers).filter_map(|token| HeaderName::from_bytes(token).ok()).collect();
        for name in named {
            if name != header::HOST && name != header::CONTENT_LENGTH {
                headers.remove(name);
            }
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    upgrade
}

fn names(headers: &HeaderMap, token: &[u8]) -> bool {
    headers.contains_key(header::CONNECTION) && tokens(headers).any(|named| named.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|octet| *octet == b','))
        .map(<[u8]>::trim_ascii)
}
