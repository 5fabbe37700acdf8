//! Forms: their values, and whether they came from our own page.

use http::{
    HeaderMap, Request,
    header::{HOST, ORIGIN},
};
use percent_encoding::percent_decode;

use super::{Door, Visit};
use crate::config::model::Scheme;

/// A value of a form or a query, `application/x-www-form-urlencoded`; the first of its name.
pub(super) fn value(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = form.split(|&octet| octet == b'&').map(|pair| {
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        (&pair[..equals], pair.get(equals + 1..).unwrap_or_default())
    });
    let (_, value) = pairs.find(|(key, _)| *key == name.as_bytes())?;
    let spaced: Vec<u8> = value.iter().map(|&octet| if octet == b'+' { b' ' } else { octet }).collect();
    percent_decode(&spaced).decode_utf8().ok().map(|value| value.into_owned())
}

/// Our own origin, as the browser names it: with the port it asked at.
pub(super) fn origin<B>(request: &Request<B>, visit: &Visit) -> String {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let asked = request.uri().authority().map(http::uri::Authority::as_str).or(host).unwrap_or_default();
    let (asked_host, asked_port) = split(asked, visit.scheme);
    let scheme = visit.scheme.as_str();
    // Behind a proxy that names another host, its port is not ours to name.
    if !asked_host.eq_ignore_ascii_case(&visit.host) || asked_port == split("", visit.scheme).1 {
        return format!("{scheme}://{}", visit.host);
    }
    format!("{scheme}://{}:{asked_port}", visit.host)
}

/// Whether the browser says that a form was sent by a page of this origin, or says nothing about it.
///
/// `Sec-Fetch-Site` cannot be forged by a page, but is not sent over plain http. `Origin` is `null` there, since our
/// pages have the policy `no-referrer`. So without either the form's hidden token decides alone.
pub(super) fn is_same_origin<B>(request: &Request<B>, visit: &Visit) -> bool {
    let headers = request.headers();
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    match headers.get(ORIGIN) {
        None => true,
        // On loopback browsers do send the other one, so there `null` is somebody else.
        Some(origin) if origin == "null" => visit.door != Door::Admin,
        Some(origin) => origin.to_str().is_ok_and(|origin| is_own(origin, headers, request.uri().authority(), visit)),
    }
}

fn is_own(origin: &str, headers: &HeaderMap, authority: Option<&http::uri::Authority>, visit: &Visit) -> bool {
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let asked = authority.map(http::uri::Authority::as_str).or(host).unwrap_or_default();
    let (origin_host, origin_port) = split(origin, visit.scheme);
    let (asked_host, asked_port) = split(asked, visit.scheme);
    if scheme != visit.scheme.as_str() || !origin_host.eq_ignore_ascii_case(&visit.host) {
        return false;
    }
    // Behind a proxy that names another host, its port is not ours to compare.
    origin_port == asked_port || !asked_host.eq_ignore_ascii_case(&visit.host)
}

/// Host and port, with the scheme's default.
fn split(authority: &str, scheme: Scheme) -> (&str, u16) {
    let default = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
        _ => (authority, default),
    }
}
