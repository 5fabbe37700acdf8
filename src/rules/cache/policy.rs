//! What an operator says of caching on a route.

use std::time::Duration;

use http::HeaderName;

/// How a route caches.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How long responses are fresh, whatever they say of it; they must be ones that may be stored, and no errors.
    pub ttl: Option<Duration>,
    /// How long responses are fresh that say nothing of it, and are no errors.
    pub ttl_default: Option<Duration>,
    /// How long errors (404, 410 and 5xx) are fresh that say nothing of it.
    pub ttl_negative: Duration,
    /// The most that a guess from `Last-Modified` may be; zero: no guessing.
    pub heuristic_max: Duration,
    /// How long after its life a response answers while a new one is fetched, where it does not say that itself.
    pub stale_while_revalidate: Duration,
    /// How long after its life a response answers where the upstream fails, where it does not say that itself.
    pub stale_if_error: Duration,
    /// Responses that set cookies.
    pub set_cookie: SetCookie,
    /// Whether clients may demand more than stored responses.
    pub request_directives: Obey,
    /// Headers whose values are part of the key.
    pub key_headers: Vec<HeaderName>,
    /// Cookies whose values are part of the key.
    pub key_cookies: Vec<String>,
    /// What of the query is part of the key.
    pub query: Query,
    /// Cookies that no answer depends on: neither `Vary` nor the upstream sees them.
    pub ignore_cookies: Vec<Pattern>,
    /// Requests with one of these headers pass the cache by.
    pub bypass_headers: Vec<HeaderName>,
    /// Requests with one of these cookies pass the cache by.
    pub bypass_cookies: Vec<Pattern>,
    /// The largest body that is stored, in octets.
    pub object_bytes_max: u64,
    /// How long a request waits for another one's answer before it asks by itself.
    pub collapse_wait: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            ttl: None,
            ttl_default: None,
            ttl_negative: Duration::ZERO,
            heuristic_max: Duration::from_secs(86_400),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            set_cookie: SetCookie::Bypass,
            request_directives: Obey::Yes,
            key_headers: Vec::new(),
            key_cookies: Vec::new(),
            query: Query::All,
            ignore_cookies: Vec::new(),
            bypass_headers: Vec::new(),
            bypass_cookies: Vec::new(),
            object_bytes_max: 64 << 20,
            collapse_wait: Duration::from_secs(10),
        }
    }
}

/// What becomes of responses that set cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SetCookie {
    /// They are not stored, unless they say `public`, `s-maxage` or speak to shared caches in a targeted field.
    #[default]
    Bypass,
    /// They are stored without their cookies; whoever is answered first gets them.
    Remove,
    /// They are stored as they are, as RFC 9111 section 7.3 has it.
    Keep,
}

/// Whether what requests say in `Cache-Control` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Obey {
    /// It does.
    #[default]
    Yes,
    /// It does not.
    No,
}

/// What of a query is part of the key. What is not does not reach the upstream either: an answer must not depend on
/// what its key leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Query {
    /// All of it.
    #[default]
    All,
    /// All but these parameters.
    Without(Vec<Pattern>),
    /// These parameters only.
    Only(Vec<Pattern>),
}

/// A name, or the beginning of one before `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This name.
    Name(String),
    /// Whatever begins so.
    Prefix(String),
}

impl Pattern {
    /// Reads a name; `*` may stand at its end.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        if name.contains(['*', '=', '&', ';', ' ']) || (name.is_empty() && !is_prefix) {
            return None;
        }
        Some(if is_prefix { Self::Prefix(name.to_owned()) } else { Self::Name(name.to_owned()) })
    }

    /// Whether it means `name`.
    pub fn is(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}
