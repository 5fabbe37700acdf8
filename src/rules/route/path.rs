//! Path patterns, and request paths in the form that patterns are compared with.
//!
//! The normal form of a request path (RFC 3986 section 6.2.2): split at `/`, `.` and `..` resolved, whether written
//! plainly or as `%2e`; empty segments dropped, but a trailing slash kept, since `/a` and `/a/` are different; every
//! segment percent-decoded on its own, so that `%2F` is a character of a segment and never a separator. Refused:
//! a path that climbs above its root, and whatever some upstreams take for another path than we did: a segment in which
//! decoding uncovers NUL, or `..` beside an encoded separator; a `\` as it is, which is a `/` to all that read URLs as
//! browsers do (WHATWG URL section 4.4), and which browsers therefore never send; and `..;`, which is `..` to those that
//! take path parameters off first.

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode_str;

use super::PatternError;

/// Path parameters, in the order of the pattern.
pub type Params = Vec<Param>;

/// What a pattern took out of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name in the pattern.
    pub name: Box<str>,
    /// Its text, decoded.
    pub value: String,
    /// How much it is.
    pub kind: ParamKind,
}

/// How much of a path a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// One segment: a `/` in it is data.
    Segment,
    /// The rest of the path: a `/` in it separates segments.
    Rest,
}

/// Paths that a route takes: `/a` exactly, `/products/:slug` with a parameter for one segment that is not empty,
/// `/api/*` or `/api/*rest` for `/api`, `/api/` and everything below.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPattern {
    text: Box<str>,
    pub(super) segments: Vec<Segment>,
    pub(super) tail: Tail,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Segment {
    Exact(Box<str>),
    Param(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tail {
    /// The path ends here.
    None,
    /// Anything may follow; it is a parameter if it has a name.
    Any(Box<str>),
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it does not begin with `/`, has a wildcard before its end, or names a parameter twice or not at all.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PatternError { what: "a path begins with `/`", hint: "write `/*` for every path" });
        };
        if rest.contains(['?', '#']) {
            let hint = "demand query parameters with `query = { name = \"value\" }`";
            return Err(PatternError { what: "a path pattern holds no query and no fragment", hint });
        }
        let mut pattern = Self { text: text.into(), segments: Vec::new(), tail: Tail::None };
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            if let Some(name) = part.strip_prefix('*') {
                if !last {
                    let hint = "use `:name` for one segment in the middle";
                    return Err(PatternError { what: "a wildcard stands only at the end", hint });
                }
                pattern.check_name(name)?;
                pattern.tail = Tail::Any(name.into());
            } else if let Some(name) = part.strip_prefix(':') {
                if name.is_empty() {
                    return Err(PatternError { what: "a parameter needs a name", hint: "write `:name`" });
                }
                pattern.check_name(name)?;
                pattern.segments.push(Segment::Param(name.into()));
            } else {
                pattern.push_exact(part, last)?;
            }
        }
        Ok(pattern)
    }

    fn push_exact(&mut self, part: &str, last: bool) -> Result<(), PatternError> {
        if part.contains('*') {
            let hint = "write `/*` as a segment of its own; a prefix ends at a `/`";
            return Err(PatternError { what: "a wildcard is a whole segment", hint });
        }
        let decoded = decode(part);
        if matches!(&*decoded, "." | "..") {
            return Err(PatternError { what: "`.` and `..` never match", hint: "write the path without them" });
        }
        if part.is_empty() && !last {
            return Err(PatternError { what: "an empty segment never matches", hint: "write one `/`" });
        }
        self.segments.push(Segment::Exact(decoded.into()));
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), PatternError> {
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let hint = "use letters, digits and `_`";
            return Err(PatternError { what: "not a parameter name", hint });
        }
        if matches!(name, "path" | "query" | "host") {
            let hint = "templates use `{path}`, `{query}` and `{host}` for the request's own";
            return Err(PatternError { what: "a reserved parameter name", hint });
        }
        if !name.is_empty() && self.names().any(|known| known == name) {
            return Err(PatternError { what: "a parameter is named twice", hint: "give each its own name" });
        }
        Ok(())
    }

    /// The names of its parameters, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let tail = match &self.tail {
            Tail::Any(name) if !name.is_empty() => Some(&**name),
            _ => None,
        };
        let params = self.segments.iter().filter_map(|segment| match segment {
            Segment::Param(name) => Some(&**name),
            Segment::Exact(_) => None,
        });
        params.chain(tail)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it takes `path`.
    pub fn matches(&self, path: &RequestPath<'_>) -> bool {
        let mut rest = path.segments.as_slice();
        for segment in &self.segments {
            let Some((first, after)) = rest.split_first() else { return false };
            let fits = match segment {
                Segment::Exact(text) => **text == **first,
                Segment::Param(_) => !first.is_empty(),
            };
            if !fits {
                return false;
            }
            rest = after;
        }
        rest.is_empty() || self.tail != Tail::None
    }

    /// The parameters of a path that it takes.
    pub fn params(&self, path: &RequestPath<'_>) -> Params {
        let mut params = Params::new();
        for (segment, text) in self.segments.iter().zip(&path.segments) {
            if let Segment::Param(name) = segment {
                params.push(Param { name: name.clone(), value: text.to_string(), kind: ParamKind::Segment });
            }
        }
        if let Tail::Any(name) = &self.tail
            && !name.is_empty()
        {
            let rest = path.segments.get(self.segments.len()..).unwrap_or_default();
            params.push(Param { name: name.clone(), value: rest.join("/"), kind: ParamKind::Rest });
        }
        params
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A request's path in its normal form. `*` (of `OPTIONS *`) is one segment of its own, which only
/// parameters and wildcards take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'a> {
    pub(super) segments: Vec<Cow<'a, str>>,
    forward: Option<String>,
}

/// Why a request's path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It climbs above its root.
    AboveRoot,
    /// It holds NUL, `\`, or `..` beside an encoded separator or a parameter.
    Hidden,
}

impl PathError {
    /// In words, for logs and spans.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AboveRoot => "the path climbs above its root",
            Self::Hidden => "the path hides NUL, `..` or a separator",
        }
    }
}

impl<'a> RequestPath<'a> {
    /// Reads the path of a request target.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn parse(path: &'a str) -> Result<Self, PathError> {
        let rest = path.strip_prefix('/').unwrap_or(path);
        if rest.as_bytes().contains(&b'\\') {
            return Err(PathError::Hidden);
        }
        let mut segments = Vec::with_capacity(8);
        let mut raw: Vec<&str> = Vec::new();
        // Kept only from the first dot segment on: other paths are forwarded as they came.
        let mut dots = false;
        let mut parts = rest.split('/').enumerate().peekable();
        while let Some((index, part)) = parts.next() {
            let last = parts.peek().is_none();
            let plain = !part.as_bytes().contains(&b'%');
            let decoded = if plain { Cow::Borrowed(part) } else { decode(part) };
            match &*decoded {
                "." | ".." => {
                    if !dots {
                        dots = true;
                        raw = rest.split('/').take(index).filter(|part| !part.is_empty()).collect();
                    }
                    if decoded.len() == 2 {
                        raw.pop();
                        segments.pop().ok_or(PathError::AboveRoot)?;
                    }
                    if last {
                        segments.push(Cow::Borrowed(""));
                        raw.push("");
                    }
                }
                "" if !last => {}
                text => {
                    if (!plain || text.starts_with('.')) && is_hidden(text) {
                        return Err(PathError::Hidden);
                    }
                    if dots {
                        raw.push(part);
                    }
                    segments.push(decoded);
                }
            }
        }
        let forward = dots.then(|| format!("/{}", raw.join("/")));
        Ok(Self { segments, forward })
    }

    /// The path to send on, where it differs from the one that came: with its dot segments resolved, so that the
    /// upstream answers for the path that the route was chosen by. Its segments are written as they came.
    pub fn forward(&self) -> Option<&str> {
        self.forward.as_deref()
    }
}

/// Whether a segment, which is no dot segment itself, holds NUL, or a dot segment beside a separator or a parameter.
fn is_hidden(decoded: &str) -> bool {
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    decoded.contains('\0') || decoded.split(['/', '\\']).any(is_dots)
}

fn decode(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}
