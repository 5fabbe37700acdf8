//! Every decision of the cache, with its reason: a word that machines look for, and a sentence that people read. The
//! words for what became of a request are those of RFC 9211.

use std::fmt;

use http::HeaderName;

/// What the cache did with a request, as the Logs list it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// A fresh stored response answered.
    Hit,
    /// A stale stored response answered, with permission.
    Stale,
    /// A stored response was found to be current still.
    Revalidated,
    /// Nothing stored could answer, so the upstream was asked.
    Miss,
    /// Another request was asking already, and its answer was taken.
    Collapsed,
    /// The cache was passed by.
    Bypass,
}

impl Status {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
            Self::Collapsed => "collapsed",
            Self::Bypass => "bypass",
        }
    }
}

/// Why a request went on to the upstream: the parameter `fwd` of RFC 9211 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fwd {
    /// `bypass`: as configured.
    Bypass,
    /// `method`: it is not one that stored responses answer.
    Method,
    /// `miss`: something is stored for the URL, for other parts of the key.
    Miss,
    /// `uri-miss`: nothing is stored for the URL.
    UriMiss,
    /// `vary-miss`: something is, for other headers.
    VaryMiss,
    /// `request`: the request demands it.
    Request,
    /// `stale`: what is stored is not fresh.
    Stale,
    /// `partial`: only a part is stored.
    Partial,
}

impl Fwd {
    /// The token.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::Miss => "miss",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),+ })? $word:literal $sentence:literal,)*) => {
        /// A reason.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Why { $($(#[$doc])* $name $({ $($(#[$field_doc])* $field: $type),+ })?,)* }

        impl Why {
            /// Every word, in order.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word for it.
            pub const fn word(&self) -> &'static str {
                match self { $(Self::$name { .. } => $word,)* }
            }
        }

        impl fmt::Display for Why {
            /// The sentence.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$name $({ $($field),+ })? => write!(f, $sentence),)* }
            }
        }
    };
}

reasons! {
    /// Fresh.
    Fresh {
        /// Its age, in seconds.
        age: u64,
        /// What remains of its life, in seconds.
        left: u64
    } "fresh" "the stored response is {age} s old and fresh for another {left} s",
    /// Validated, RFC 9111 section 4.3.
    NotModified {
        /// What remains of its life, in seconds.
        left: u64
    } "not-modified" "the upstream said that the stored response is current; it is fresh for another {left} s",
    /// Stale, RFC 5861 section 3.
    WhileRevalidate {
        /// For how long it has been stale, in seconds.
        stale: u64,
        /// For how long it may be.
        allowed: u64
    } "stale-while-revalidate" "it has been stale for {stale} s, which stale-while-revalidate allows for {allowed} s; a new one is fetched in the background",
    /// Stale, RFC 5861 section 4.
    IfError {
        /// For how long it has been stale, in seconds.
        stale: u64,
        /// For how long it may be.
        allowed: u64
    } "stale-if-error" "the upstream failed, and stale-if-error allows a response that has been stale for {stale} s, up to {allowed} s",
    /// Stale, RFC 9111 section 5.2.1.2.
    MaxStale {
        /// For how long it has been stale, in seconds.
        stale: u64
    } "max-stale" "it has been stale for {stale} s, which the request's max-stale allows",
    /// Nothing is there.
    NothingStored "nothing-stored" "nothing is stored under this key",
    /// Something is there, for another value of a part of the key.
    KeyDiffers {
        /// The part.
        part: String
    } "key-differs" "what is stored is for another value of {part}, which is part of the key",
    /// Something is there, RFC 9111 section 4.1.
    VariantDiffers {
        /// The first field whose values differ.
        field: HeaderName
    } "variant-differs" "what is stored was answered to another value of {field}",
    /// RFC 9111 section 4.2.
    Expired {
        /// Its age, in seconds.
        age: u64,
        /// How long it was fresh, in seconds.
        ttl: u64
    } "expired" "the stored response is {age} s old and was fresh for {ttl} s",
    /// A soft purge.
    Purged "purged" "the stored response was purged softly, and needs to be validated",
    /// RFC 9111 section 5.2.2.4.
    ResponseNoCache "response-no-cache" "the stored response says no-cache, so each use needs the upstream's word",
    /// RFC 9111 section 5.2.1.4.
    RequestNoCache "request-no-cache" "the request says no-cache",
    /// RFC 9111 section 5.2.1.1.
    RequestMaxAge {
        /// Its age, in seconds.
        age: u64,
        /// The request's limit.
        max_age: u32
    } "request-max-age" "the stored response is {age} s old, and the request's max-age allows {max_age} s",
    /// RFC 9111 section 5.2.1.3.
    RequestMinFresh {
        /// What remains of its life, in seconds.
        left: u64,
        /// The request's demand.
        min_fresh: u32
    } "request-min-fresh" "the stored response is fresh for another {left} s, and the request's min-fresh demands {min_fresh} s",
    /// Only a part is stored.
    PartStored "part-stored" "only a part of the response is stored, and not all that is asked for",
    /// RFC 9111 section 5.2.1.7.
    OnlyIfCached "only-if-cached" "the request says only-if-cached, and nothing stored can answer it",
    /// The method.
    Method "method" "the cache answers GET and HEAD only",
    /// Configured.
    BypassHeader {
        /// The field.
        field: HeaderName
    } "bypass-header" "requests with the header {field} pass the cache by, as configured",
    /// Configured.
    BypassCookie "bypass-cookie" "requests with this cookie pass the cache by, as configured",
    /// A header that changes what some upstreams answer, and is in no key.
    UnkeyedHeader {
        /// The field.
        field: HeaderName
    } "unkeyed-header" "{field} may change the answer and is not part of the key, so the request passes the cache by",
    /// RFC 9110 sections 13.1.1 and 13.1.4.
    Precondition "precondition" "If-Match and If-Unmodified-Since are for the upstream to judge",
    /// Content in a GET.
    HasContent "has-content" "the request has content, which is not part of the key",
    /// An upgrade.
    Upgrade "upgrade" "the request asks for another protocol",
    /// RFC 9111 section 5.2.1.5.
    RequestNoStore "request-no-store" "the request says no-store",
    /// The request is too long to be a key.
    KeyTooLong "key-too-long" "the key would be too long",
    /// Stored.
    Stored {
        /// How long it is fresh, in seconds.
        ttl: u64,
        /// Where that is from.
        from: Source
    } "stored" "stored, and fresh for {ttl} s {from}",
    /// RFC 9111 section 5.2.2.5.
    NoStore "no-store" "the response says no-store",
    /// RFC 9111 section 5.2.2.7.
    Private "private" "the response says private",
    /// RFC 9111 section 3.5.
    Authorized "authorized" "the request has Authorization, and the response does not say public, s-maxage or must-revalidate",
    /// RFC 9111 section 4.1.
    VaryStar "vary-star" "the response varies by more than headers: Vary is *",
    /// `Vary` names the client.
    VaryClient {
        /// The field.
        field: HeaderName
    } "vary-client" "the response varies by {field}, so it is for one client",
    /// An absurd `Vary`.
    VaryTooLong "vary-too-long" "the response varies by too many headers",
    /// A cookie.
    SetsCookie "sets-cookie" "the response sets a cookie, and does not say that it may be shared all the same",
    /// RFC 9111 section 3.
    StatusNotCacheable {
        /// The status.
        status: u16
    } "status-not-cacheable" "a response with status {status} is stored only if it says how long it is fresh",
    /// RFC 9111 section 5.2.2.3.
    NotUnderstood {
        /// The status.
        status: u16
    } "not-understood" "the response says must-understand, and status {status} is not understood",
    /// It could never be used.
    NeverUsable "never-usable" "the response is stale at once, and cannot be validated",
    /// A part that does not say where it belongs, RFC 9111 section 3.3.
    PartUnusable "part-unusable" "the response is a part, and does not say of what, or is several",
    /// Interrupted.
    Interrupted "interrupted" "the response ended early",
    /// Too large.
    TooLarge {
        /// The most that is stored, in octets.
        bytes_max: u64
    } "too-large" "the response is larger than the {bytes_max} octets that are stored of one",
    /// Too many others.
    NoRoom "no-room" "too many responses were on their way into the cache at once",
    /// A large body came faster than the disk takes it, or the disk fails.
    DiskBusy "disk-busy" "the response is too large to be held in memory, and the cache's disk could not take it",
    /// Its file is not there, or is broken, or the disk does not answer.
    Unreadable "unreadable" "what is stored is on disk, and could not be read from there",
    /// A 304 to a condition of the client's own.
    ForClientOnly "for-client-only" "the answer is to a condition of the client's own",
    /// The answer to a HEAD.
    Head "head" "the answer to a HEAD has no content to store",
    /// Purged meanwhile.
    PurgedMeanwhile "purged-meanwhile" "what it would have replaced was purged while it was on its way",
    /// Another request's answer was taken.
    Collapsed {
        /// That request's name.
        onto: u128
    } "collapsed" "another request was asking for the same, and its answer was taken: that of {onto:032x}",
}

/// Where a lifetime is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The route's `ttl`.
    Route,
    /// The route's `ttl_default`.
    RouteDefault,
    /// The route's `ttl_negative`.
    RouteNegative,
    /// `s-maxage`.
    SharedMaxAge,
    /// `max-age`.
    MaxAge,
    /// `Expires`.
    Expires,
    /// A tenth of the time since `Last-Modified`, RFC 9111 section 4.2.2.
    Heuristic,
    /// Nothing says that it is fresh.
    Nothing,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route => "as the route's ttl says",
            Self::RouteDefault => "as the route's ttl_default says",
            Self::RouteNegative => "as the route's ttl_negative says",
            Self::SharedMaxAge => "by s-maxage",
            Self::MaxAge => "by max-age",
            Self::Expires => "by Expires",
            Self::Heuristic => "by the age of its Last-Modified",
            Self::Nothing => "since nothing says more",
        })
    }
}
