//! Middleware as meant: `[middleware.NAME]`.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::{Redirect, Toggle};

/// One middleware.
#[derive(Clone, Debug, PartialEq)]
pub enum Middleware {
    /// Sets, adds and removes headers.
    Headers(HeadersMiddleware),
    /// Redirects every request that reaches it.
    Redirect(Redirect),
    /// Changes the path that the upstream sees.
    Rewrite(Rewrite),
    /// Compresses responses.
    Compress(Compress),
    /// Cross-origin resource sharing.
    Cors(Cors),
}

/// Sets, adds and removes headers, in the order remove, set, add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadersMiddleware {
    /// Removed from the request.
    pub request_remove: Vec<HeaderName>,
    /// Set on the request.
    pub request_set: Vec<(HeaderName, HeaderValue)>,
    /// Added to the request.
    pub request_add: Vec<(HeaderName, HeaderValue)>,
    /// Removed from the response.
    pub response_remove: Vec<HeaderName>,
    /// Set on the response.
    pub response_set: Vec<(HeaderName, HeaderValue)>,
    /// Added to the response.
    pub response_add: Vec<(HeaderName, HeaderValue)>,
}

/// Changes the path that the upstream sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Rewrite {
    /// Takes this prefix of whole segments off.
    StripPrefix(String),
    /// Puts this prefix in front.
    AddPrefix(String),
    /// A new path, with `{name}` for path parameters and `{path}`.
    To(String),
}

/// Compresses responses.
#[derive(Clone, Debug, PartialEq)]
pub struct Compress {
    /// Codings offered.
    pub codings: Vec<Coding>,
    /// Smaller responses are left alone, in octets.
    pub bytes_min: u64,
    /// How hard to try.
    pub level: CompressLevel,
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// How hard to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressLevel {
    /// Least processor time.
    Fastest,
    /// The coding's own default.
    Default,
    /// Smallest result.
    Best,
}

/// Cross-origin resource sharing, by tower-http's layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Cors {
    /// Origins allowed; `*` for any.
    pub origins: Vec<String>,
    /// Methods allowed; empty: those of simple requests.
    pub methods: Vec<Method>,
    /// Request headers allowed.
    pub headers: Vec<HeaderName>,
    /// Whether cookies may be sent; not with origin `*`.
    pub credentials: Toggle,
    /// How long a browser may remember the answer.
    pub max_age: Option<Duration>,
}
