//! Forms: their values, and whether they came from our own page.

use http::{Request, header::HOST};
use percent_encoding::percent_decode;

use super::Visit;
use crate::rules::authority::{self, Site, host_and_port};

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
    let (asked_host, asked_port) = host_and_port(asked, visit.scheme);
    let scheme = visit.scheme.as_str();
    // Behind a proxy that names another host, its port is not ours to name.
    if !asked_host.eq_ignore_ascii_case(&visit.host) || asked_port == host_and_port("", visit.scheme).1 {
        return format!("{scheme}://{}", visit.host);
    }
    format!("{scheme}://{}:{asked_port}", visit.host)
}

/// Whether the browser says that a form was sent by a page of this origin, or says nothing about it. `null` is somebody
/// else: our own pages have a policy under which browsers name their origin.
pub(super) fn is_same_origin<B>(request: &Request<B>, visit: &Visit) -> bool {
    let site = Site { scheme: visit.scheme, host: &visit.host };
    authority::is_same_origin(request.headers(), request.uri().authority(), site)
}
