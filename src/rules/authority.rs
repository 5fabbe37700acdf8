//! The host a request is for: RFC 9112 section 3.2 for HTTP/1.1, RFC 9113 section 8.3.1 for HTTP/2.

use http::{HeaderMap, Uri, header::HOST};

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
    let authority = uri.authority().map(http::uri::Authority::as_str);
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

#[cfg(test)]
mod tests;
