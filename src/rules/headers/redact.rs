//! What is never shown: values of headers and query parameters that let somebody in, passwords in URLs, attributes that
//! the configuration names, and as much of client addresses as it wishes.

use std::borrow::Cow;

use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE},
};
use percent_encoding::percent_decode_str;

use crate::rules::privacy::{ClientAddress, address_text};

/// What stands in place of a hidden value; OpenTelemetry's word.
pub const REDACTED: &str = "REDACTED";

/// Headers always hidden.
const HEADERS: [HeaderName; 15] = [
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
    HeaderName::from_static("waylight-upload"),
];

/// Whether a header's value may let somebody in.
pub fn is_secret(name: &HeaderName) -> bool {
    HEADERS.contains(name)
}

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
/// What one of them begins with.
const QUERY_PART_INITIALS: &[u8] = b"tspac";

/// Headers that hold a URL, by the attributes that apps write them into.
const URL_HEADERS: [&str; 3] = ["referer", "location", "content-location"];

/// Headers that hold a client's address.
const ADDRESS_HEADERS: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip"];

/// The attributes that are hidden: `user.email`, `user.*`, `*.password` or `*card*`, compared without case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    text: String,
    open_start: bool,
    open_end: bool,
}

impl KeyPattern {
    /// A key, with `*` at its start, at its end, or at both.
    pub fn parse(text: &str) -> Option<Self> {
        let (start, rest) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
        let (end, core) = rest.strip_suffix('*').map_or((false, rest), |core| (true, core));
        let is_one = !core.is_empty() && !core.contains(['*', ' ']);
        is_one.then(|| Self { text: core.to_ascii_lowercase(), open_start: start, open_end: end })
    }

    fn matches(&self, key: &str) -> bool {
        let (key, text) = (key.as_bytes(), self.text.as_bytes());
        let Some(room) = key.len().checked_sub(text.len()) else { return false };
        let places = match (self.open_start, self.open_end) {
            (false, false) if room > 0 => return false,
            (false, _) => 0..=0,
            (true, false) => room..=room,
            (true, true) => 0..=room,
        };
        places.into_iter().any(|at| key[at..at + text.len()].eq_ignore_ascii_case(text))
    }
}

impl std::fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let star = |open| if open { "*" } else { "" };
        write!(f, "{}{}{}", star(self.open_start), self.text, star(self.open_end))
    }
}

/// What becomes of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// It stays.
    Same,
    /// This stands in its place.
    Instead(Cow<'a, str>),
    /// It goes.
    Nothing,
}

/// The headers, query parameters and attributes that are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Redaction {
    headers: Vec<HeaderName>,
    query: Vec<String>,
    attributes: Vec<KeyPattern>,
    client_address: ClientAddress,
}

impl Redaction {
    /// Hides these beside the built-in ones. Names of parameters are compared without case.
    pub fn new(headers: &[HeaderName], query: &[String]) -> Self {
        let query = query.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { headers: headers.to_vec(), query, ..Self::default() }
    }

    /// Hides attributes whose keys are like one of these, too.
    #[must_use]
    pub fn with_attributes(self, attributes: &[KeyPattern]) -> Self {
        Self { attributes: attributes.to_vec(), ..self }
    }

    /// Shows so much of client addresses.
    #[must_use]
    pub fn with_client_address(self, client_address: ClientAddress) -> Self {
        Self { client_address, ..self }
    }

    /// How much of client addresses is shown.
    pub fn client_address(&self) -> ClientAddress {
        self.client_address
    }

    /// Whether some attribute is hidden by its key.
    pub fn hides_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// Whether the attribute of this key is hidden, whatever its value.
    pub fn hides_attribute(&self, key: &str) -> bool {
        self.attributes.iter().any(|pattern| pattern.matches(key))
    }

    /// A text attribute of an application's span, as it may be kept: by its key, and by what the semantic conventions
    /// say that a key like this holds.
    pub fn attribute<'a>(&self, key: &str, value: &'a str) -> Shown<'a> {
        if self.hides_attribute(key) {
            return Shown::Instead(REDACTED.into());
        }
        let changed = match key {
            "url.full" | "url.original" | "http.url" | "http.target" => self.url(value),
            "url.query" => self.query(value.strip_prefix('?').unwrap_or(value)),
            "client.address" | "http.client_ip" => match address_text(value, self.client_address) {
                Some(kept) => kept,
                None => return Shown::Nothing,
            },
            _ => match self.header_attribute(key) {
                Shown::Same if header_of(key).is_some_and(|name| URL_HEADERS.contains(&&*name)) => self.url(value),
                shown => return shown,
            },
        };
        if changed == value { Shown::Same } else { Shown::Instead(changed) }
    }

    /// Whether the attribute of this key holds a header that is hidden: `http.request.header.authorization`.
    pub fn header_attribute<'a>(&self, key: &str) -> Shown<'a> {
        let Some(name) = header_of(key) else { return Shown::Same };
        let tells_address = self.client_address != ClientAddress::Full && ADDRESS_HEADERS.contains(&&*name);
        match HeaderName::try_from(name) {
            Ok(name) if tells_address || self.hides_header(&name) => Shown::Instead(REDACTED.into()),
            _ => Shown::Same,
        }
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
        // Nearly every name is short and plain: this is asked for every parameter of every request.
        let mut plain = [0; 64];
        if let Some(plain) = plain.get_mut(..name.len())
            && !name.contains('%')
        {
            plain.copy_from_slice(name.as_bytes());
            plain.make_ascii_lowercase();
            return std::str::from_utf8(plain).is_ok_and(|name| self.hides_lower(name));
        }
        self.hides_lower(&percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase())
    }

    fn hides_lower(&self, name: &str) -> bool {
        let octets = name.as_bytes();
        let part_at = |at: usize| QUERY_PARTS.iter().any(|part| octets[at..].starts_with(part.as_bytes()));
        QUERY_NAMES.contains(&name)
            || (0..octets.len()).any(|at| QUERY_PART_INITIALS.contains(&octets[at]) && part_at(at))
            || self.query.iter().any(|hidden| hidden == name)
    }

    /// A query, without its `?`, as it may be shown.
    pub fn query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        if !query.split('&').any(|pair| self.hidden(pair).is_some()) {
            return query.into();
        }
        let mut shown = String::with_capacity(query.len());
        self.query_parts(query, |part| shown.push_str(part));
        shown.into()
    }

    /// A query, without its `?`, as it may be shown: piece by piece, to be joined. Allocates nothing where names are
    /// plain.
    pub fn query_parts(&self, query: &str, mut write: impl FnMut(&str)) {
        for (index, pair) in query.split('&').enumerate() {
            if index > 0 {
                write("&");
            }
            match self.hidden(pair) {
                Some(name) => [name, "=", REDACTED].into_iter().for_each(&mut write),
                None => write(pair),
            }
        }
    }

    /// The name of a parameter whose value is there, and hidden.
    fn hidden<'a>(&self, pair: &'a str) -> Option<&'a str> {
        let (name, value) = pair.split_once('=')?;
        (!value.is_empty() && self.hides_query(name)).then_some(name)
    }

    /// A text that may end with a query, like the name of a span, as it may be shown.
    pub fn with_query<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match text.split_once('?').map(|(head, query)| (head, self.query(query))) {
            Some((head, Cow::Owned(query))) => format!("{head}?{query}").into(),
            _ => text.into(),
        }
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

/// The header that an attribute holds, by its name.
fn header_of(key: &str) -> Option<String> {
    let name = key.strip_prefix("http.request.header.").or_else(|| key.strip_prefix("http.response.header."))?;
    // Older conventions write `_` for `-`.
    Some(name.to_ascii_lowercase().replace('_', "-"))
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
