//! What of a message's head is for this hop only, and what the next one is told instead.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, Version, header};

use super::streaming::Reuse;
use crate::{
    error::{ErrorType, ProxyError},
    proxy::context::Context,
    rules::headers::{
        Field, Names,
        forwarded::{self, Client, Told},
        hop,
        twins::{drop_twins, has_twins},
        via,
    },
};

/// Our name in `Via`. Part of it is random, so that only a request that passed here itself is taken for a loop.
static PSEUDONYM: LazyLock<String> = LazyLock::new(|| format!("waylight-{:08x}", fastrand::u32(..)));
/// The `Via` elements, by the version that the request came in.
static VIA: LazyLock<[Option<HeaderValue>; 3]> = LazyLock::new(|| {
    [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2].map(|version| via::value(version, &PSEUDONYM))
});

/// Makes a request's header fields those that the upstream is meant to see.
///
/// # Errors
/// If the request passed here before.
pub(super) fn forward_request(headers: &mut HeaderMap, cx: &Context) -> Result<(), ProxyError> {
    let names = Names::of(headers);
    if names.any(Field::VIA) && via::passes(headers, &PSEUDONYM) > 0 {
        let detail = "an upstream sent the request back to Waylight";
        return Err(ProxyError::proxy(ErrorType::ProxyLoopDetected).with_detail(detail));
    }
    // Nothing that is written below is one.
    let had_twins = has_twins(headers);
    let written = hop::strip(headers, names);
    let mut hop = cx.hop.get().cloned().unwrap_or(written);
    if cx.version != Version::HTTP_11 {
        // Neither HTTP/1.0 nor HTTP/2 can switch protocols this way.
        hop.upgrade = None;
    }
    hop.write_http1(headers);
    if cx.version == Version::HTTP_2 && names.any(Field::COOKIE) {
        join_cookies(headers);
    }
    let host = headers.get(header::HOST).cloned();
    let client = Client { address: cx.client.get(), scheme: cx.scheme.get(), host: cx.forwarded_host.get().cloned() };
    let told = Told {
        peer: cx.conn.peer.ip(),
        peer_value: cx.conn.peer_value(),
        peer_trust: cx.peer_trust.get(),
        client: &client,
        host: host.as_ref(),
    };
    forwarded::write(headers, names, told);
    let element = match cx.version {
        Version::HTTP_10 => &VIA[0],
        Version::HTTP_2 => &VIA[2],
        _ => &VIA[1],
    };
    if let Some(element) = element {
        via::append(headers, element);
    }
    // Last, so that none is left of what was written here.
    if had_twins {
        drop_twins(headers, &[]);
    }
    Ok(())
}

/// HTTP/2 may send a cookie per field, which HTTP/1.1 must not (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let cookies: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_maybe_shared(Bytes::from(cookies.join(&b"; "[..]))) {
        headers.insert(header::COOKIE, joined);
    }
}

/// Makes a response's header fields those that the client is meant to see, and says whether the connection can be used
/// again after it (RFC 9112 section 9.3). Not if its end could be taken for two places (RFC 9112 section 6.3).
pub(super) fn forward_response(response: &mut Response<()>) -> Reuse {
    // HTTP/1.0 may keep alive too, but whoever speaks it now rarely means it.
    let mut stays = response.version() == Version::HTTP_11;
    let headers = response.headers_mut();
    let names = Names::of(headers);
    if names.any(Field::TRANSFER_ENCODING) && names.any(Field::CONTENT_LENGTH) {
        // Its length was not what counted.
        headers.remove(header::CONTENT_LENGTH);
        stays = false;
    }
    if names.any(Field::CONNECTION) {
        stays &= !headers.get_all(header::CONNECTION).iter().any(hop::closes);
    }
    hop::strip(headers, names);
    if stays { Reuse::Yes } else { Reuse::No }
}

/// Makes a response before the final one (RFC 9110 section 15.2) one that the client is meant to see.
pub(super) fn forward_interim(mut response: Response<()>) -> Response<()> {
    let names = Names::of(response.headers());
    hop::strip(response.headers_mut(), names);
    response
}

/// Makes the header fields of a response that switches protocols those that the client is meant to see.
pub(super) fn forward_switch(headers: &mut HeaderMap) {
    hop::strip(headers, Names::of(headers)).write_http1(headers);
}

/// Whether the request that goes to the upstream asks it to switch protocols.
pub(super) fn upgrades(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}
