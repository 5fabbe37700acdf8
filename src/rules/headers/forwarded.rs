//! Where a request came from: `Forwarded` (RFC 7239) and `X-Forwarded-*`, believed as far as trusted proxies wrote
//! them; and what the upstream is told.
//!
//! Both kinds are lists, one element a proxy, the nearest last. They are read from the end, while the address that
//! wrote an element is trusted. Where both kinds are there and name different clients, one of them was not written by
//! the proxy before us but passed on by it, perhaps forged: then neither counts.

use std::net::{IpAddr, SocketAddr};

pub use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::{
    list,
    names::{Field, Names},
};

/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// `X-Real-IP`
pub const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The most proxies looked at, from the end.
const ELEMENTS_MAX: usize = 32;

/// How an endpoint or a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As written in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        match text {
            text if text.eq_ignore_ascii_case(b"http") => Some(Self::Http),
            text if text.eq_ignore_ascii_case(b"https") => Some(Self::Https),
            _ => None,
        }
    }
}

/// Who sent a request, as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// His address.
    pub address: IpAddr,
    /// How he spoke to the first trusted proxy.
    pub scheme: Scheme,
    /// The host he asked for, where a trusted proxy says so: as written, perhaps with a port.
    pub host: Option<Box<str>>,
}

/// Reads who sent a request that came from `peer` over `scheme`.
pub fn client(headers: &HeaderMap, peer: IpAddr, scheme: Scheme, trusted: &[IpNet]) -> Client {
    let direct = Client { address: peer.to_canonical(), scheme, host: None };
    if !is_trusted(peer, trusted) {
        return direct;
    }
    let standard = headers.contains_key(FORWARDED).then(|| elements(headers));
    let usual = headers.contains_key(X_FORWARDED_FOR).then(|| usual_elements(headers));
    let follow = |elements: Vec<Element>| follow(&direct, elements, trusted);
    match (standard, usual) {
        (Some(standard), Some(usual)) => match (standard.map(follow), follow(usual)) {
            (Some(standard), usual) if standard.address == usual.address => standard,
            _ => direct,
        },
        (Some(Some(standard)), None) => follow(standard),
        (Some(None), None) => direct,
        // Without a list of addresses, scheme and host may still be told.
        (None, usual) => follow(usual.unwrap_or_else(|| usual_elements(headers))),
    }
}

/// Whether a proxy at this address is believed.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// What the upstream is told about where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Its address as a field's value ([`peer_value`]).
    pub peer_value: &'a HeaderValue,
    /// Whether what it says is believed.
    pub peer_trust: PeerTrust,
    /// Who sent the request.
    pub client: &'a Client,
    /// The host asked for, as the client wrote it.
    pub host: Option<&'a HeaderValue>,
}

/// Whether the other end of a connection is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerTrust {
    /// It is a trusted proxy.
    Trusted,
    /// It is anybody.
    Unknown,
}

/// An address as the value of `X-Forwarded-For`: it is the same for all requests of a connection.
pub fn peer_value(peer: IpAddr) -> HeaderValue {
    // An address is digits, dots and colons.
    HeaderValue::try_from(peer.to_canonical().to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// Writes `X-Forwarded-For`, `-Proto` and `-Host` toward the upstream, and `Forwarded` where a trusted proxy used it,
/// into a request that has the fields `names`. What anybody else wrote is replaced, and his other fields of this kind
/// are removed.
pub fn write(headers: &mut HeaderMap, names: Names, told: Told<'_>) {
    let mut forwarded_for = told.peer_value.clone();
    if told.peer_trust == PeerTrust::Trusted {
        let mut list_of = String::with_capacity(40);
        for address in list(headers.get_all(X_FORWARDED_FOR).iter()) {
            list_of.push_str(&String::from_utf8_lossy(address));
            list_of.push_str(", ");
        }
        append_forwarded(headers, told);
        if !list_of.is_empty() {
            list_of.push_str(&told.peer.to_canonical().to_string());
            forwarded_for = HeaderValue::try_from(list_of).unwrap_or(forwarded_for);
        }
    } else if names.any(Field::ORIGIN) {
        for name in [FORWARDED, X_FORWARDED_PORT, X_REAL_IP] {
            headers.remove(name);
        }
    }
    headers.insert(X_FORWARDED_FOR, forwarded_for);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(told.client.scheme.as_str()));
    let host = match &told.client.host {
        Some(host) => HeaderValue::from_str(host).ok(),
        None => told.host.cloned(),
    };
    set(headers, X_FORWARDED_HOST, host);
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => drop(headers.insert(name, value)),
        None => drop(headers.remove(name)),
    }
}

fn append_forwarded(headers: &mut HeaderMap, told: Told<'_>) {
    if !headers.contains_key(FORWARDED) {
        return;
    }
    let element = match told.peer.to_canonical() {
        IpAddr::V4(address) => format!("for={address};proto={}", told.client.scheme.as_str()),
        IpAddr::V6(address) => format!("for=\"[{address}]\";proto={}", told.client.scheme.as_str()),
    };
    if let Ok(element) = HeaderValue::try_from(element) {
        headers.append(FORWARDED, element);
    }
}

/// What one proxy says about the hop before it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Element {
    /// The other end of its connection; `None`: unknown, or hidden.
    pub address: Option<IpAddr>,
    /// How that end spoke.
    pub scheme: Option<Scheme>,
    /// The host asked for.
    pub host: Option<Box<str>>,
}

fn follow(direct: &Client, elements: Vec<Element>, trusted: &[IpNet]) -> Client {
    let mut client = direct.clone();
    for element in elements.into_iter().rev().take(ELEMENTS_MAX) {
        if !is_trusted(client.address, trusted) {
            break;
        }
        client.scheme = element.scheme.unwrap_or(client.scheme);
        client.host = element.host.or(client.host);
        let Some(address) = element.address else { break };
        client.address = address.to_canonical();
    }
    client
}

/// The elements of `Forwarded`, RFC 7239 section 4; `None` if any of them is malformed.
pub fn elements(headers: &HeaderMap) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    for value in headers.get_all(FORWARDED) {
        let mut rest = value.as_bytes();
        loop {
            let (element, more) = Element::parse(rest)?;
            elements.push(element);
            match more {
                [] => break,
                [_comma, more @ ..] => rest = more,
            }
        }
    }
    Some(elements)
}

impl Element {
    /// Reads one element, up to a comma or the end, and gives back what follows it.
    fn parse(mut rest: &[u8]) -> Option<(Self, &[u8])> {
        let mut element = Self::default();
        loop {
            rest = rest.trim_ascii_start();
            match rest.first() {
                None | Some(b',') => return Some((element, rest)),
                Some(b';') => rest = &rest[1..],
                Some(_) => {
                    let equals = memchr::memchr(b'=', rest)?;
                    let name = &rest[..equals];
                    let (value, more) = value(&rest[equals + 1..])?;
                    rest = more.trim_ascii_start();
                    if !matches!(rest.first(), None | Some(b',' | b';')) {
                        return None;
                    }
                    element.set(name, &value)?;
                }
            }
        }
    }

    /// A parameter may stand there once, and must make sense; unknown ones are ignored.
    fn set(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        if name.is_empty() || !name.iter().all(|&octet| is_token(octet)) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"for") {
            let is_hidden = value.eq_ignore_ascii_case(b"unknown") || value.starts_with(b"_");
            let address = node(value);
            if self.address.is_some() || (address.is_none() && !is_hidden) {
                return None;
            }
            self.address = address;
        } else if name.eq_ignore_ascii_case(b"proto") {
            self.scheme = Some(Scheme::parse(value)?);
        } else if name.eq_ignore_ascii_case(b"host") {
            self.host = Some(host(value)?);
        }
        Some(())
    }
}

/// A token or a quoted string, and what follows it. Colons and brackets are let through unquoted, as many write them.
fn value(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    if let [b'"', rest @ ..] = input {
        let mut value = Vec::new();
        let mut octets = rest.iter().enumerate();
        while let Some((index, &octet)) = octets.next() {
            match octet {
                b'"' => return Some((value, &rest[index + 1..])),
                b'\\' => value.push(*octets.next()?.1),
                _ => value.push(octet),
            }
        }
        return None;
    }
    let end = input.iter().position(|&octet| !is_token(octet) && !b":[]".contains(&octet)).unwrap_or(input.len());
    (end > 0).then(|| (input[..end].to_vec(), &input[end..]))
}

/// The same elements as `X-Forwarded-*` tell them. A single scheme or host is what the nearest proxy wrote; as many as
/// there are addresses go with them.
fn usual_elements(headers: &HeaderMap) -> Vec<Element> {
    let addresses: Vec<_> = list(headers.get_all(X_FORWARDED_FOR).iter()).map(node).collect();
    let mut elements: Vec<_> = addresses.into_iter().map(|address| Element { address, ..Element::default() }).collect();
    if elements.is_empty() {
        elements.push(Element::default());
    }
    let schemes: Vec<_> = list(headers.get_all(X_FORWARDED_PROTO).iter()).map(Scheme::parse).collect();
    let hosts: Vec<_> = list(headers.get_all(X_FORWARDED_HOST).iter()).map(host).collect();
    spread(&mut elements, schemes, |element, scheme| element.scheme = scheme);
    spread(&mut elements, hosts, |element, host| element.host = host);
    elements
}

fn spread<T>(elements: &mut [Element], values: Vec<T>, set: impl Fn(&mut Element, T)) {
    if values.len() == elements.len() {
        elements.iter_mut().zip(values).for_each(|(element, value)| set(element, value));
    } else if let (Some(element), Some(value)) = (elements.last_mut(), values.into_iter().last()) {
        set(element, value);
    }
}

/// An address, perhaps with brackets, perhaps with a port, RFC 7239 section 6.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let inner = text.strip_prefix('[')?;
    let (address, port) = inner.split_once(']')?;
    let is_port = port.is_empty() || port.starts_with(":_");
    address.parse().ok().filter(|_| is_port)
}

/// A host that could stand in `Host`: no blanks, no separators of URLs.
fn host(text: &[u8]) -> Option<Box<str>> {
    let is_host = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~:[]%".contains(octet);
    let is_written_well = (1..=255).contains(&text.len()) && text.iter().all(is_host);
    std::str::from_utf8(text).ok().filter(|_| is_written_well).map(Into::into)
}

const fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}
