//! The key of a response, RFC 9111 section 2: what is asked for, as the upstream will see it. Whatever else an answer may
//! depend on is either part of the key by configuration, or `Vary` names it, or the request passes the cache by.

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LOCATION, COOKIE, IF_MATCH, IF_UNMODIFIED_SINCE, LOCATION},
};

use super::{
    policy::{Pattern, Policy, Query},
    why::Why,
};
use crate::rules::headers::twins::twin;

/// The longest key, in octets.
pub const KEY_BYTES_MAX: usize = 16_384;

/// Headers that some upstreams let decide which resource is answered, or how, and that are in no key: what an attacker
/// would write to have his answer stored for others. Those that Waylight writes anew are not among them.
const UNKEYED: [&str; 23] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "x-host",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-url-scheme",
    "x-wap-profile",
    // By these a framework's own parts tell each other what to answer, and some of its versions believed anybody.
    "x-invoke-path",
    "x-invoke-query",
    "x-invoke-status",
    "x-matched-path",
    "x-middleware-prefetch",
    "x-middleware-subrequest",
    "x-now-route-matches",
];

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `http` or `https`, as seen through trusted proxies.
    pub scheme: &'a str,
    /// Host and port, as the upstream will see them.
    pub authority: &'a str,
    /// The host that a trusted proxy says was asked for, where that is another one.
    pub forwarded_host: Option<&'a str>,
    /// The path, as it is sent on.
    pub path: &'a str,
    /// The query, without what is ignored of it.
    pub query: Option<&'a str>,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

impl Asked<'_> {
    /// Path and query.
    pub fn target(&self) -> String {
        self.query.map_or_else(|| self.path.to_owned(), |query| format!("{}?{query}", self.path))
    }
}

/// The key: its first line is the URL, each further one another part with its value.
pub fn key(asked: &Asked<'_>, policy: &Policy) -> Result<String, Why> {
    let mut key = String::with_capacity(asked.authority.len() + asked.path.len() + 48);
    key.push_str(asked.scheme);
    key.push_str("://");
    let default = if asked.scheme == "https" { ":443" } else { ":80" };
    let authority = asked.authority.strip_suffix(default).unwrap_or(asked.authority);
    key.extend(authority.chars().map(|char| char.to_ascii_lowercase()));
    key.push_str(asked.path);
    if let Some(query) = asked.query {
        key.push('?');
        key.push_str(query);
    }
    if let Some(host) = asked.forwarded_host {
        part(&mut key, "forwarded-host", host);
    }
    for name in &policy.key_headers {
        for value in asked.headers.get_all(name) {
            part(&mut key, name.as_str(), &text(value));
        }
    }
    for name in &policy.key_cookies {
        for value in cookies(asked.headers).filter(|(known, _)| known == name).map(|(_, value)| value) {
            part(&mut key, "cookie", &format!("{name}={value}"));
        }
    }
    if key.len() > KEY_BYTES_MAX { Err(Why::KeyTooLong) } else { Ok(key) }
}

/// The parts of a key beside its URL, a line each; without the mark of its route.
pub fn parts(key: &str) -> impl Iterator<Item = &str> {
    key.lines().skip(1).filter(|part| !part.starts_with('#'))
}

/// The part in which two keys of one URL differ, by its name.
pub fn differs(one: &str, other: &str) -> Option<String> {
    let missing = |from: &str, to: &str| parts(from).find(|part| !parts(to).any(|other| other == *part)).map(name);
    missing(one, other).or_else(|| missing(other, one))
}

/// `x-beta`, or `the cookie currency`.
fn name(part: &str) -> String {
    let (name, value) = part.split_once(':').unwrap_or((part, ""));
    match value.split_once('=') {
        Some((cookie, _)) if name == "cookie" => format!("the cookie {cookie}"),
        _ => name.to_owned(),
    }
}

/// The URL of a key.
pub fn url(key: &str) -> &str {
    key.split('\n').next().unwrap_or(key)
}

fn part(key: &mut String, name: &str, value: &str) {
    key.push('\n');
    key.push_str(name);
    key.push(':');
    // No value holds a line feed.
    key.push_str(value);
}

fn text(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|&octet| char::from(octet)).collect()
}

/// The cookies of a request, in order.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers.get_all(COOKIE).iter().flat_map(|line| {
        let line = text(line);
        line.split(';')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect::<Vec<_>>()
    })
}

/// Why a request passes the cache by, whatever is stored.
pub fn bypass(headers: &HeaderMap, policy: &Policy) -> Option<Why> {
    for name in headers.keys() {
        if *name == IF_MATCH || *name == IF_UNMODIFIED_SINCE {
            return Some(Why::Precondition);
        }
        // Many upstreams cannot tell a field from its twin, but the key can.
        let twin = twin(name);
        let read_as = twin.as_ref().unwrap_or(name);
        let is_unkeyed = read_as.as_str().starts_with("x-") && UNKEYED.contains(&read_as.as_str())
            || twin.as_ref().is_some_and(|twin| policy.key_headers.contains(twin));
        if is_unkeyed && !policy.key_headers.contains(name) {
            return Some(Why::UnkeyedHeader { field: name.clone() });
        }
        if policy.bypass_headers.contains(name) || policy.bypass_headers.contains(read_as) {
            return Some(Why::BypassHeader { field: name.clone() });
        }
    }
    let bypasses = |(name, _): (String, String)| policy.bypass_cookies.iter().any(|pattern| pattern.is(&name));
    (!policy.bypass_cookies.is_empty() && cookies(headers).any(bypasses)).then_some(Why::BypassCookie)
}

/// The query as far as it is part of the key; `None` where nothing of it is left out.
///
/// A parameter with `;` in it is never left out: some upstreams split there, and would see another parameter.
pub fn query<'a>(query: &'a str, wish: &Query) -> Option<Vec<&'a str>> {
    let counts = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        let is = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is(name));
        let kept = match wish {
            Query::All => true,
            Query::Without(patterns) => !is(patterns),
            Query::Only(patterns) => is(patterns),
        };
        kept || parameter.contains(';')
    };
    if *wish == Query::All || query.split('&').all(|parameter| counts(&parameter)) {
        return None;
    }
    Some(query.split('&').filter(counts).collect())
}

/// Takes the cookies that are ignored out of a request.
pub fn ignore_cookies(headers: &mut HeaderMap, ignored: &[Pattern]) {
    if ignored.is_empty() || !headers.contains_key(COOKIE) {
        return;
    }
    let is_ignored = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default().trim();
        ignored.iter().any(|pattern| pattern.is(name))
    };
    let lines: Vec<String> = headers.get_all(COOKIE).iter().map(text).collect();
    let pairs = lines.iter().flat_map(|line| line.split(';')).map(str::trim);
    let kept: Vec<&str> = pairs.filter(|pair| !pair.is_empty() && !is_ignored(pair)).collect();
    headers.remove(COOKIE);
    let octets: Vec<u8> = kept.join("; ").chars().filter_map(|char| u8::try_from(char).ok()).collect();
    if !octets.is_empty()
        && let Ok(value) = HeaderValue::from_bytes(&octets)
    {
        headers.insert(COOKIE, value);
    }
}

/// The URLs that a successful request of an unsafe method makes outdated beside its own (RFC 9111 section 4.4): those in
/// `Location` and `Content-Location`, of the same origin only. As path and query.
pub fn invalidates(response: &HeaderMap, asked: &Asked<'_>) -> Vec<String> {
    [LOCATION, CONTENT_LOCATION].iter().filter_map(|name| target(response.get(name)?, asked)).collect()
}

/// Whether a response says in `Content-Location` that it is what is found where it was asked for.
pub fn is_of(response: &HeaderMap, asked: &Asked<'_>) -> bool {
    let mut places = response.get_all(CONTENT_LOCATION).iter();
    let place = places.next().filter(|_| places.next().is_none());
    place.and_then(|place| target(place, asked)) == Some(asked.target())
}

/// What a reference means, as path and query; `None` where it is of another origin, or means nothing.
fn target(value: &HeaderValue, asked: &Asked<'_>) -> Option<String> {
    let value = value.to_str().ok()?.split('#').next().unwrap_or_default();
    match value.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let same = scheme.eq_ignore_ascii_case(asked.scheme) && rest[..end].eq_ignore_ascii_case(asked.authority);
            same.then(
                || {
                    if rest[end..].starts_with('/') { rest[end..].to_owned() } else { format!("/{}", &rest[end..]) }
                },
            )
        }
        None if value.starts_with("//") => None,
        None if value.starts_with('/') => Some(value.to_owned()),
        None if value.starts_with('?') => Some(format!("{}{value}", asked.path)),
        None if value.is_empty() => None,
        None => asked.path.rfind('/').map(|end| resolve(&asked.path[..=end], value)),
    }
}

/// A relative path against a folder, RFC 3986 section 5.2.4, as far as `.` and `..` go.
fn resolve(folder: &str, relative: &str) -> String {
    let (path, query) = relative.split_once('?').map_or((relative, None), |(path, query)| (path, Some(query)));
    let mut segments: Vec<&str> = folder.trim_end_matches('/').split('/').skip(1).collect();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." if is_last => segments.push(""),
            "." => {}
            ".." => {
                segments.pop();
                if is_last {
                    segments.push("");
                }
            }
            part => segments.push(part),
        }
    }
    let path = segments.join("/");
    query.map_or_else(|| format!("/{path}"), |query| format!("/{path}?{query}"))
}
