//! The host a request is for: RFC 9112 section 3.2 for HTTP/1.1, RFC 9113 section 8.3.1 for HTTP/2. And whether a page of
//! that host's own origin sent it.

use http::{
    HeaderMap, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use super::headers::Scheme;

/// Why a request names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityError {
    /// It names none.
    Missing,
    /// It names several, or two that differ.
    Ambiguous,
    /// What it names is no host.
    Invalid,
}

impl AuthorityError {
    /// In words for logs and spans.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "the request names no host",
            Self::Ambiguous => "the request names more than one host",
            Self::Invalid => "the request's host is not valid",
        }
    }
}

/// The authority asked for, as sent: the target's where there is one, which must agree with the `Host` field in HTTP/2
/// and overrides it in HTTP/1.1; else the `Host` field.
pub fn asked<'a>(uri: &'a Uri, headers: &'a HeaderMap, version: http::Version) -> Result<&'a str, AuthorityError> {
    let mut fields = headers.get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(AuthorityError::Ambiguous);
    }
    let field = field.map(|field| field.to_str().map_err(|_| AuthorityError::Invalid)).transpose()?;
    let authority = uri.authority().map(Authority::as_str);
    let chosen = match (authority, field) {
        (Some(authority), Some(field))
            if version == http::Version::HTTP_2 && !authority.eq_ignore_ascii_case(field) =>
        {
            return Err(AuthorityError::Ambiguous);
        }
        (Some(authority), _) => authority,
        (None, Some(field)) => field,
        (None, None) => return Err(AuthorityError::Missing),
    };
    Ok(chosen)
}

/// What a host's name is written with.
const NAMED: [bool; 256] = {
    let mut named = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        named[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    named
};

/// A host with its port taken off: a name, an IPv4 address, or an IPv6 address in brackets.
pub fn without_port(authority: &str) -> Result<&str, AuthorityError> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(AuthorityError::Invalid)?;
        let (host, rest) = authority.split_at(end + 1);
        host[1..end].parse::<std::net::Ipv6Addr>().map_err(|_| AuthorityError::Invalid)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, port),
            None if rest.is_empty() => (host, ""),
            None => return Err(AuthorityError::Invalid),
        }
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let named = |byte: u8| NAMED[usize::from(byte)];
    let valid = !host.is_empty()
        && host.len() <= 255
        && (host.starts_with('[') || host.bytes().all(named) && host.bytes().any(|byte| byte.is_ascii_alphanumeric()))
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && (port.is_empty() || port.parse::<u16>().is_ok());
    if valid { Ok(host) } else { Err(AuthorityError::Invalid) }
}

/// The port that an absolute address names, if it names one. (Of a port that is none, [`Uri`] says that there is none.)
///
/// # Errors
/// What it names is no port from 1 to 65535.
pub fn port(uri: &Uri) -> Result<Option<u16>, AuthorityError> {
    let Some(authority) = uri.authority() else { return Ok(None) };
    let place = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, place)| place);
    let behind = place.strip_prefix(authority.host()).ok_or(AuthorityError::Invalid)?;
    if behind.is_empty() {
        return Ok(None);
    }
    let digits = behind.strip_prefix(':').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok()).filter(|port| *port > 0);
    number.map(Some).ok_or(AuthorityError::Invalid)
}

/// Where a site is, as its visitors know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site<'s> {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its host: lower case, without port.
    pub host: &'s str,
}

/// Whether the browser says that a page of the site's own origin sent a request, or says nothing about it. An origin that
/// it does not name, `null`, is another one.
///
/// `Sec-Fetch-Site` cannot be forged by a page, but is not sent over plain http.
pub fn is_same_origin(headers: &HeaderMap, target: Option<&Authority>, site: Site<'_>) -> bool {
    match (headers.get("sec-fetch-site"), headers.get(ORIGIN)) {
        (Some(from), _) => from == "same-origin",
        (None, Some(origin)) => origin.to_str().is_ok_and(|origin| is_own(origin, headers, target, site)),
        (None, None) => true,
    }
}

fn is_own(origin: &str, headers: &HeaderMap, target: Option<&Authority>, site: Site<'_>) -> bool {
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let asked = target.map(Authority::as_str).or(host).unwrap_or_default();
    let (origin_host, origin_port) = host_and_port(origin, site.scheme);
    let (asked_host, asked_port) = host_and_port(asked, site.scheme);
    if scheme != site.scheme.as_str() || !origin_host.eq_ignore_ascii_case(site.host) {
        return false;
    }
    // Behind a proxy that names another host, its port is not ours to compare.
    origin_port == asked_port || !asked_host.eq_ignore_ascii_case(site.host)
}

/// Host and port, with the scheme's default.
pub fn host_and_port(authority: &str, scheme: Scheme) -> (&str, u16) {
    let default = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
        _ => (authority, default),
    }
}

#[cfg(test)]
mod tests;
