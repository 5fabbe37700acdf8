//! Host patterns, and the choice among them: an exact name before the longest wildcard before `*`.
//! Hosts are compared without port, in lower case, without a trailing dot.

use std::{borrow::Cow, collections::HashMap, fmt};

use super::PatternError;

/// Hosts that a site serves: `example.com`, `*.example.com` (any number of labels, at least one) or `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern {
    kind: Kind,
    // Lower case; without `*.`; empty for any host.
    name: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Exact,
    Below,
    Any,
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is no host name, no IP address and no wildcard.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self { kind: Kind::Any, name: "".into() });
        }
        if text.contains("://") || text.contains('/') {
            return Err(wrong("a host holds no scheme and no path", "write only the host, like `example.com`"));
        }
        let (kind, name) = text.strip_prefix("*.").map_or((Kind::Exact, text), |rest| (Kind::Below, rest));
        if name.contains('*') {
            return Err(wrong("`*` stands only alone or as the first label", "write `*` or `*.example.com`"));
        }
        let name = normal(name);
        if let Some(literal) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let valid = kind == Kind::Exact && literal.parse::<std::net::Ipv6Addr>().is_ok();
            return if valid { Ok(Self { kind, name: name.into() }) } else { Err(NOT_IPV6) };
        }
        if name.contains(':') {
            return Err(wrong("a host holds no port", "sites answer on every listener; write only the host"));
        }
        if !name.is_ascii() {
            return Err(wrong("a host is ASCII", "write an international name in its `xn--` form"));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(wrong("not a host name", "labels hold 1 to 63 letters, digits and hyphens"));
        }
        Ok(Self { kind, name: name.into() })
    }

    /// Whether `host` is meant: in lower case, without port.
    pub fn matches(&self, host: &str) -> bool {
        let host = normal(host);
        match self.kind {
            Kind::Any => true,
            Kind::Exact => *host == *self.name,
            Kind::Below => host.strip_suffix(&*self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        }
    }

    /// Whether this is one host, by name.
    pub fn is_exact(&self) -> bool {
        self.kind == Kind::Exact
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Any => f.write_str("*"),
            Kind::Exact => f.write_str(&self.name),
            Kind::Below => write!(f, "*.{}", self.name),
        }
    }
}

const NOT_IPV6: PatternError = wrong("not an IPv6 address", "write it in brackets, like `[::1]`");

const fn wrong(what: &'static str, hint: &'static str) -> PatternError {
    PatternError { what, hint }
}

fn normal(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|b| b.is_ascii_uppercase()) { host.to_ascii_lowercase().into() } else { host.into() }
}

/// Which of many a host belongs to; its cost does not grow with their number.
#[derive(Clone, Debug)]
pub struct Hosts<T> {
    exact: HashMap<Box<str>, T>,
    below: HashMap<Box<str>, T>,
    any: Option<T>,
}

impl<T> Hosts<T> {
    /// Builds the table. Of two equal patterns the first counts.
    pub fn new(entries: impl IntoIterator<Item = (HostPattern, T)>) -> Self {
        let mut hosts = Self { exact: HashMap::new(), below: HashMap::new(), any: None };
        for (pattern, value) in entries {
            match pattern.kind {
                Kind::Exact => _ = hosts.exact.entry(pattern.name).or_insert(value),
                Kind::Below => _ = hosts.below.entry(pattern.name).or_insert(value),
                Kind::Any => _ = hosts.any.get_or_insert(value),
            }
        }
        hosts
    }

    /// What `host` (without port) belongs to.
    pub fn find(&self, host: &str) -> Option<&T> {
        let host = normal(host);
        if let Some(value) = self.exact.get(&*host) {
            return Some(value);
        }
        if !self.below.is_empty() {
            // From the left, so the longest suffix is met first; host names have at most 127 labels.
            let suffixes = host.match_indices('.').take(127).map(|(dot, _)| &host[dot + 1..]);
            if let Some(value) = suffixes.filter_map(|suffix| self.below.get(suffix)).next() {
                return Some(value);
            }
        }
        self.any.as_ref()
    }
}
