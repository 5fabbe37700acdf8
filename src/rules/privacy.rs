//! How much of a client's address is kept. Everything that keeps one asks here: spans, rows, the audit log.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What of client addresses is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientAddress {
    /// All of it.
    #[default]
    Full,
    /// The network: 24 bits of IPv4, 48 of IPv6.
    Truncated,
    /// Nothing.
    Off,
}

/// An address as it may be kept, or nothing. An IPv4 address mapped into IPv6 is one of IPv4.
pub fn client_address(address: IpAddr, setting: ClientAddress) -> Option<IpAddr> {
    match setting {
        ClientAddress::Full => Some(address),
        ClientAddress::Off => None,
        ClientAddress::Truncated => Some(match address.to_canonical() {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() >> 8 << 8).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 80 << 80).into(),
        }),
    }
}

/// A text as it may be kept, where it is an address, with a port or without: what applications write into spans.
/// Other texts stay; `None`: it may not be kept.
pub fn address_text(text: &str, setting: ClientAddress) -> Option<Cow<'_, str>> {
    if setting == ClientAddress::Full {
        return Some(text.into());
    }
    let bare = text.trim().trim_start_matches('[').trim_end_matches(']');
    let parsed = bare.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::SocketAddr| address.ip()));
    match parsed {
        Some(address) => client_address(address, setting).map(|kept| kept.to_string().into()),
        None if setting == ClientAddress::Off => None,
        // A name, or a socket's path, is no address that could be cut.
        None => Some(text.into()),
    }
}

#[cfg(test)]
mod tests;
