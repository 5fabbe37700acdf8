//! Targets of redirects and rewrites: text with `{name}` for what was taken out of the request.
//!
//! | written | becomes |
//! |---|---|
//! | `{name}` | a path parameter, percent-encoded for where it stands; only a wildcard's keeps its `/` |
//! | `{path}` | the request's path, as sent; after a `/` its own first `/` is left out |
//! | `{query}` | the request's query, as sent; only behind `?`; an empty one takes the `?` or `&` before it along |
//! | `{host}` | the host asked for, without port; only in place of a host |
//!
//! Nothing of the request ever decides where a target leads: no parameter stands in its host, and a target that begins
//! with `/` never begins with `//` or `/\`, which browsers read as another host.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::route::{ParamKind, Params, PatternError};

/// Everything but RFC 3986's unreserved characters and the sub-delimiters that a segment may hold.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
const REST: &AsciiSet = &SEGMENT.remove(b'/');
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Param(Box<str>, Place),
    Path,
    Query,
    Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Host,
    Path,
    Query,
}

/// What a template is filled with.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// The route's path parameters.
    pub params: &'a Params,
    /// The request's path, as sent.
    pub path: &'a str,
    /// The request's query, as sent.
    pub query: Option<&'a str>,
    /// The host asked for.
    pub host: &'a str,
}

impl Template {
    /// Reads a template: a path, or a URL of http or https.
    ///
    /// # Errors
    /// If it is neither, or a name stands where it may not.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let after_scheme = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let mut place = if after_scheme.is_some() { Place::Host } else { Place::Path };
        let bad_start = after_scheme.map_or(!text.starts_with('/'), str::is_empty);
        if bad_start || text.starts_with("//") || text.starts_with("/\\") {
            let hint = "write `/path` or `https://host/path`";
            return Err(PatternError { what: "a target begins with one `/`, or is a URL of http or https", hint });
        }
        if text.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'\\') || !text.is_ascii() {
            let hint = "percent-encode what is not a character of a URL";
            return Err(PatternError { what: "a target holds no spaces, backslashes and non-ASCII characters", hint });
        }
        let mut parts = Vec::new();
        let mut rest = text;
        if let Some(after) = after_scheme {
            parts.push(Part::Text(text[..text.len() - after.len()].into()));
            rest = after;
        }
        while !rest.is_empty() {
            let plain = rest.find(['{', '}']).unwrap_or(rest.len());
            if plain > 0 {
                place = place.after(&rest[..plain]);
                parts.push(Part::Text(rest[..plain].into()));
                rest = &rest[plain..];
                continue;
            }
            let inside = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let Some((name, after)) = inside else {
                let hint = "write `{name}`; percent-encode a brace that is meant: `%7B`, `%7D`";
                return Err(PatternError { what: "a brace without its other half", hint });
            };
            let part = part(name, place)?;
            // The request's path brings its `/`, and so ends a host.
            if part == Part::Path && place == Place::Host {
                place = Place::Path;
            }
            parts.push(part);
            rest = after;
        }
        Ok(Self { parts })
    }

    /// The names of the parameters it uses; `path`, `query` and `host` are the request's own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Param(name, _) => Some(&**name),
            Part::Path => Some("path"),
            Part::Query => Some("query"),
            Part::Host => Some("host"),
        })
    }

    /// Whether it says what the query becomes.
    pub fn has_query(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains('?')))
    }

    /// Fills it in. A parameter that the route does not have becomes nothing.
    pub fn fill(&self, values: &Values<'_>) -> String {
        let mut out = String::with_capacity(64);
        for part in &self.parts {
            match part {
                Part::Text(text) => out += text,
                Part::Param(name, place) => {
                    if let Some(param) = values.params.iter().find(|param| param.name == *name) {
                        out.extend(utf8_percent_encode(&param.value, set(param.kind, *place)));
                    }
                }
                Part::Path => {
                    let path = values.path.strip_prefix('/').filter(|_| out.ends_with('/')).unwrap_or(values.path);
                    if !path.starts_with('/') && !out.ends_with('/') {
                        out.push('/'); // `OPTIONS *`
                    }
                    out += path;
                }
                Part::Query => match values.query.filter(|query| !query.is_empty()) {
                    Some(query) => out += query,
                    None if out.ends_with(['?', '&']) => _ = out.pop(),
                    None => {}
                },
                Part::Host => out.extend(values.host.chars().filter(|&char| is_host(char))),
            }
        }
        if out.starts_with('/') {
            let rest = out.trim_start_matches(['/', '\\']);
            return format!("/{rest}");
        }
        out
    }
}

impl Place {
    fn after(self, text: &str) -> Self {
        match self {
            Self::Query => Self::Query,
            _ if text.contains('?') => Self::Query,
            Self::Host if text.contains('/') => Self::Path,
            place => place,
        }
    }
}

fn part(name: &str, place: Place) -> Result<Part, PatternError> {
    let wrong = |what, hint| Err(PatternError { what, hint });
    match (name, place) {
        ("path", Place::Query) => wrong("`{path}` stands before the query", "pass a parameter instead"),
        ("path", _) => Ok(Part::Path),
        ("query", Place::Query) => Ok(Part::Query),
        ("query", _) => wrong("`{query}` stands behind `?`", "write `?{query}`"),
        ("host", Place::Host) => Ok(Part::Host),
        ("host", _) => wrong("`{host}` stands in place of a host", "write `https://{host}/...`"),
        (_, Place::Host) => {
            wrong("a parameter cannot stand in a host", "clients could send themselves anywhere; write the host")
        }
        (name, _) if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
            wrong("not a parameter's name", "write `{name}` for the `:name` of the path")
        }
        (name, place) => Ok(Part::Param(name.into(), place)),
    }
}

const fn set(kind: ParamKind, place: Place) -> &'static AsciiSet {
    match (place, kind) {
        (Place::Query, _) => QUERY,
        (_, ParamKind::Segment) => SEGMENT,
        (_, ParamKind::Rest) => REST,
    }
}

fn is_host(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_' | ':' | '[' | ']')
}

#[cfg(test)]
mod tests;
