//! What a route demands beside its path: method, headers, query.

use http::{HeaderMap, HeaderName, Method};
use percent_encoding::percent_decode_str;

use super::path::{PathPattern, RequestPath};

/// A request, as far as routes look at it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path.
    pub path: &'a RequestPath<'a>,
    /// Its query, as written, without `?`.
    pub query: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

/// Everything that a route demands.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// The path.
    pub path: PathPattern,
    /// The methods; empty: all. `GET` includes `HEAD`.
    pub methods: Vec<Method>,
    /// The headers.
    pub headers: Vec<HeaderCondition>,
    /// The query parameters.
    pub query: Vec<QueryCondition>,
}

/// A header that a route demands.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderCondition {
    /// The header.
    pub name: HeaderName,
    /// What it must be. Of several fields of that name one is enough.
    pub value: ValueCondition,
}

/// A query parameter that a route demands.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryCondition {
    /// The parameter's name, decoded.
    pub name: String,
    /// What it must be. Of several parameters of that name one is enough.
    pub value: ValueCondition,
}

/// What a header or parameter must be.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueCondition {
    /// There, whatever its value.
    Present,
    /// Not there.
    Absent,
    /// Exactly this.
    Equals(String),
    /// Beginning so.
    Prefix(String),
}

impl Conditions {
    /// How many there are beside the path.
    pub(super) fn count(&self) -> usize {
        usize::from(!self.methods.is_empty()) + self.headers.len() + self.query.len()
    }

    pub(super) fn takes_method(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// The header that is not as demanded.
    pub(super) fn failed_header(&self, ask: &Ask<'_>) -> Option<&HeaderName> {
        let failed = |condition: &&HeaderCondition| {
            let values = ask.headers.get_all(&condition.name).iter();
            !condition.value.holds(values.map(|value| value.as_bytes()))
        };
        self.headers.iter().find(failed).map(|condition| &condition.name)
    }

    /// The query parameter that is not as demanded.
    pub(super) fn failed_query(&self, ask: &Ask<'_>) -> Option<&str> {
        let failed = |condition: &&QueryCondition| {
            let pairs = ask.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
            let values: Vec<Vec<u8>> = pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .filter(|(name, _)| form_decode(name) == condition.name.as_bytes())
                .map(|(_, value)| form_decode(value))
                .collect();
            !condition.value.holds(values.iter().map(Vec::as_slice))
        };
        self.query.iter().find(failed).map(|condition| &*condition.name)
    }
}

impl ValueCondition {
    fn holds<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> bool {
        match self {
            Self::Present => values.next().is_some(),
            Self::Absent => values.next().is_none(),
            Self::Equals(text) => values.any(|value| value == text.as_bytes()),
            Self::Prefix(text) => values.any(|value| value.starts_with(text.as_bytes())),
        }
    }
}

/// `application/x-www-form-urlencoded`, as browsers and forms write queries.
fn form_decode(text: &str) -> Vec<u8> {
    if text.contains('+') {
        return percent_decode_str(&text.replace('+', " ")).collect();
    }
    percent_decode_str(text).collect()
}
