//! Source expressions, and which addresses they allow (CSP level 3, section 6.7.2).

/// An address on the page's own origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Lower case, without port.
    pub host: &'a str,
    /// The port, the scheme's default included.
    pub port: u16,
    /// The path; with a slash at its end, everything below it.
    pub path: &'a str,
}

impl Address<'_> {
    /// The expression that allows this address and no other. The grammar has no place for IPv6, so there the whole
    /// origin has to do.
    pub(super) fn source(&self) -> String {
        let Self { scheme, host, port, path } = self;
        if host.starts_with('[') {
            return "'self'".to_owned();
        }
        if *port == default_port(scheme) {
            format!("{scheme}://{host}{path}")
        } else {
            format!("{scheme}://{host}:{port}{path}")
        }
    }
}

/// Whether one of these expressions allows `address`.
pub(super) fn allows<'s>(mut sources: impl Iterator<Item = &'s str>, address: &Address<'_>) -> bool {
    sources.any(|source| matches(source, address))
}

/// The nonce that an expression names.
pub(super) fn nonce(source: &str) -> Option<&str> {
    let (kind, rest) = source.split_at_checked("'nonce-".len())?;
    let nonce = rest.strip_suffix('\'').filter(|_| kind.eq_ignore_ascii_case("'nonce-"))?;
    let is_base64 = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'-' | b'_' | b'=');
    (!nonce.is_empty() && nonce.bytes().all(is_base64)).then_some(nonce)
}

fn matches(source: &str, address: &Address<'_>) -> bool {
    if source == "*" || source.eq_ignore_ascii_case("'self'") {
        return true;
    }
    if source.starts_with('\'') {
        return false;
    }
    if let Some(scheme) = source.strip_suffix(':') {
        return fits_scheme(scheme, address.scheme);
    }
    let (scheme, rest) = source.split_once("://").map_or((None, source), |(scheme, rest)| (Some(scheme), rest));
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (host, port) = authority.rsplit_once(':').map_or((authority, ""), |(host, port)| (host, port));
    // What names no scheme means the page's, or its secure one.
    scheme.is_none_or(|scheme| fits_scheme(scheme, address.scheme))
        && fits_host(host, address.host)
        && fits_port(port, scheme.unwrap_or(address.scheme), address)
        && fits_path(path, address.path)
}

fn fits_scheme(wanted: &str, scheme: &str) -> bool {
    wanted.eq_ignore_ascii_case(scheme) || wanted.eq_ignore_ascii_case("http") && scheme == "https"
}

fn fits_host(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => {
            let end = host.len().checked_sub(suffix.len()).and_then(|start| host.get(start..));
            suffix.starts_with('.') && end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

fn fits_port(port: &str, scheme: &str, address: &Address<'_>) -> bool {
    match port {
        "*" => true,
        "" => address.port == default_port(scheme) || address.port == default_port(address.scheme),
        // The secure one is meant as well.
        "80" if address.port == 443 && address.scheme == "https" => true,
        port => port.parse() == Ok(address.port),
    }
}

fn fits_path(pattern: &str, path: &str) -> bool {
    let pattern = percent_encoding::percent_decode_str(pattern).decode_utf8_lossy();
    match &*pattern {
        "" | "/" => true,
        pattern if pattern.ends_with('/') => path.starts_with(pattern),
        pattern => path == pattern,
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 }
}
