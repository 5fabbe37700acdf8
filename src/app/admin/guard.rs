//! Who may ask the admin listener: nobody whom a web page sent.
//!
//! A page anywhere can make a browser ask `http://127.0.0.1:…`, and a name of its own can point there (DNS rebinding).
//! So `Host` must be a loopback name or a configured one, an `Origin` must be our own, and a write needs a header that
//! a form cannot send.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, Method, StatusCode, header, uri::Authority};

/// The header that a write must carry, with the value `1`.
pub const WRITE_HEADER: &str = "waylight-admin";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No `Host`, several, or one that cannot be read.
    HostMissing,
    /// A `Host` that is neither loopback nor configured.
    HostForeign,
    /// An `Origin` that is not our own.
    OriginForeign,
    /// A write without the header.
    HeaderMissing,
}

impl Refused {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::HostMissing => StatusCode::BAD_REQUEST,
            Self::HostForeign => StatusCode::MISDIRECTED_REQUEST,
            Self::OriginForeign | Self::HeaderMissing => StatusCode::FORBIDDEN,
        }
    }

    /// What to do about it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::HostMissing => "the request needs one Host header",
            Self::HostForeign => "this host is not served here; add it to admin.hosts, or ask a loopback address",
            Self::OriginForeign => "requests of other origins are refused",
            Self::HeaderMissing => "a write needs the header Waylight-Admin: 1",
        }
    }
}

/// Whether `Host` names us.
#[derive(Clone, Copy, Debug)]
pub enum Hosts<'a> {
    /// Over TCP: loopback names, and these.
    Named(&'a [String]),
    /// Over a unix socket, which no browser can reach.
    Any,
}

/// Lets a request in, or says why not.
///
/// # Errors
/// The first reason to refuse it.
pub fn admit(method: &Method, headers: &HeaderMap, hosts: Hosts<'_>) -> Result<(), Refused> {
    admit_page(headers, hosts)?;
    check_origin(headers)?;
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads && headers.get(WRITE_HEADER).is_none_or(|value| value.as_bytes() != b"1") {
        return Err(Refused::HeaderMissing);
    }
    Ok(())
}

/// Lets a request to the console's pages in, or says why not. Their forms cannot send the header; they carry a token of
/// their own, and the console refuses what another site sent.
///
/// # Errors
/// A host that is missing or not ours.
pub fn admit_page(headers: &HeaderMap, hosts: Hosts<'_>) -> Result<(), Refused> {
    let Hosts::Named(hosts) = hosts else { return Ok(()) };
    let host = host(headers).ok_or(Refused::HostMissing)?;
    if is_ours(host.host(), hosts) { Ok(()) } else { Err(Refused::HostForeign) }
}

/// Lets a request's origin in, or says why not: none is fine, else it must be the host asked.
///
/// # Errors
/// [`Refused::OriginForeign`].
pub fn check_origin(headers: &HeaderMap) -> Result<(), Refused> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    let ours = host(headers).is_some_and(|host| {
        origin.to_str().is_ok_and(|origin| origin.strip_prefix("http://").is_some_and(|rest| rest == host.as_str()))
    });
    if ours && origins.next().is_none() { Ok(()) } else { Err(Refused::OriginForeign) }
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?;
    if hosts.next().is_some() {
        return None;
    }
    let host: Authority = host.to_str().ok()?.parse().ok()?;
    (!host.as_str().contains('@')).then_some(host)
}

fn is_ours(host: &str, configured: &[String]) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // Only addresses written in full are addresses here: `127.1` is a name to a browser's eyes, too.
    let loopback = bare.parse::<IpAddr>().is_ok_and(|address| match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4 == Ipv4Addr::LOCALHOST)
        }
    });
    loopback
        || host.eq_ignore_ascii_case("localhost")
        || configured.iter().any(|name| name.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests;
