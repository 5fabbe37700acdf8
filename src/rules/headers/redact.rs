//! What is never shown: values of headers and query parameters that let somebody in, and passwords in URLs.

use std::borrow::Cow;

use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE},
};
use percent_encoding::percent_decode_str;

/// What stands in place of a hidden value; OpenTelemetry's word.
pub const REDACTED: &str = "REDACTED";

/// Headers always hidden.
const HEADERS: [HeaderName; 14] = [
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
    COOKIE,
    SET_COOKIE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-access-token"),
    HeaderName::from_static("x-csrf-token"),
    HeaderName::from_static("x-xsrf-token"),
    HeaderName::from_static("x-amz-security-token"),
    HeaderName::from_static("x-sentry-auth"),
    HeaderName::from_static("x-forwarded-access-token"),
    HeaderName::from_static("waylight-trace"),
];

/// Query parameters always hidden, in lower case.
const QUERY_NAMES: [&str; 14] = [
    "x-amz-credential",
    "awsaccesskeyid",
    "sig",
    "key",
    "code",
    "auth",
    "authorization",
    "pwd",
    "pass",
    "jwt",
    "sid",
    "session",
    "sessionid",
    "session_id",
];

/// Query parameters with one of these in their name are hidden, in lower case.
const QUERY_PARTS: [&str; 9] =
    ["token", "secret", "password", "passwd", "apikey", "api_key", "api-key", "signature", "credential"];

/// The headers and query parameters that are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Redaction {
    headers: Vec<HeaderName>,
    query: Vec<String>,
}

impl Redaction {
    /// Hides these beside the built-in ones. Names of parameters are compared without case.
    pub fn new(headers: &[HeaderName], query: &[String]) -> Self {
        Self { headers: headers.to_vec(), query: query.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// Whether the values of a header are hidden.
    pub fn hides_header(&self, name: &HeaderName) -> bool {
        HEADERS.contains(name) || self.headers.contains(name)
    }

    /// A header's value, as it may be shown.
    pub fn header<'a>(&self, name: &HeaderName, value: &'a HeaderValue) -> Cow<'a, str> {
        if self.hides_header(name) { REDACTED.into() } else { String::from_utf8_lossy(value.as_bytes()) }
    }

    /// Whether the values of a query parameter are hidden; `name` as it is written in the query.
    pub fn hides_query(&self, name: &str) -> bool {
        let name = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
        QUERY_NAMES.contains(&name.as_str())
            || QUERY_PARTS.iter().any(|part| name.contains(part))
            || self.query.contains(&name)
    }

    /// A query, without its `?`, as it may be shown.
    pub fn query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        let is_hidden =
            |pair: &str| pair.split_once('=').is_some_and(|(name, value)| !value.is_empty() && self.hides_query(name));
        if !query.split('&').any(is_hidden) {
            return query.into();
        }
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_hidden(pair) => format!("{name}={REDACTED}"),
            _ => pair.to_owned(),
        });
        shown.collect::<Vec<_>>().join("&").into()
    }

    /// A URL or a path with a query, as it may be shown: without credentials (RFC 3986 section 3.2.1), without a
    /// fragment, and with its query as [`Self::query`] shows it.
    pub fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        let (without_fragment, _) = url.split_once('#').unwrap_or((url, ""));
        let (head, query) = match without_fragment.split_once('?') {
            Some((head, query)) => (head, Some(query)),
            None => (without_fragment, None),
        };
        let head_shown = without_credentials(head);
        let query_shown = query.map(|query| self.query(query));
        match (&head_shown, &query_shown) {
            (Cow::Borrowed(_), None | Some(Cow::Borrowed(_))) => without_fragment.into(),
            (_, None) => head_shown.into_owned().into(),
            (_, Some(query)) => format!("{head_shown}?{query}").into(),
        }
    }
}

fn without_credentials(head: &str) -> Cow<'_, str> {
    let Some(start) = head.find("//").map(|slashes| slashes + 2) else { return head.into() };
    // A path may hold `//` and `@` too.
    if start > 2 && !head[..start].ends_with("://") {
        return head.into();
    }
    let end = head[start..].find('/').map_or(head.len(), |slash| start + slash);
    match head[start..end].rfind('@') {
        Some(at) => format!("{}{REDACTED}@{}", &head[..start], &head[start + at + 1..]).into(),
        None => head.into(),
    }
}
