//! Which responses are pages that may be given tags, and what their headers say then. Knows nothing of HTML itself
//! (`html`), nor of what the tags say (`trace_context`).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
        ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, USER_AGENT,
    },
};

use super::{cache::directives::ResponseDirectives, html::Charset, trace_context::MetaTags};

/// User agents for which browser SDKs do not trace: the words that Sentry's looks for, in lower case.
const BOTS: [&[u8]; 13] = [
    b"googlebot",
    b"google-inspectiontool",
    b"storebot-google",
    b"bingbot",
    b"slurp",
    b"duckduckbot",
    b"baiduspider",
    b"yandexbot",
    b"facebot",
    b"facebookexternalhit",
    b"linkedinbot",
    b"twitterbot",
    b"applebot",
];

/// What a request is made for (Fetch metadata).
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Fields that let a page be used again, or validated: RFC 9111, RFC 9213 and what some networks call theirs, which are the
/// last ones.
const REUSE: [HeaderName; 6] = [
    ETAG,
    LAST_MODIFIED,
    EXPIRES,
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("cloudflare-cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
];

/// Fields about octets that are no longer these: lengths, ranges, digests (RFC 9530 and its forerunners).
const OCTETS: [HeaderName; 6] = [
    CONTENT_LENGTH,
    ACCEPT_RANGES,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("content-digest"),
];

/// Whether a request asks for a page to be shown: a navigation, in a window or in a frame. What a script fetches is not.
pub fn navigates(headers: &HeaderMap) -> bool {
    let is_page = match headers.get(DESTINATION) {
        Some(destination) => matches!(destination.as_bytes(), b"document" | b"iframe" | b"frame"),
        // Older browsers and pages on plain http say it in `Accept`: `*/*` is what scripts ask with. Who says nothing
        // takes everything (RFC 9110 section 12.5.1), and is no browser's script.
        None => headers.get(ACCEPT).is_none_or(|accept| contains(accept, b"text/html")),
    };
    is_page && !headers.get(USER_AGENT).is_some_and(is_bot)
}

/// Whether a page that is asked for fills a window, and no frame in another page. Browsers that do not tell are taken at
/// their best.
pub fn fills_window(headers: &HeaderMap) -> bool {
    headers.get(DESTINATION).is_none_or(|destination| destination == "document")
}

/// Takes off what could be answered with less than the whole page: with 304, or with a part. Gives what there was of it.
pub fn ask_for_all(headers: &mut HeaderMap) -> Vec<HeaderName> {
    let mut names = vec![IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE, IF_RANGE];
    names.retain(|name| headers.remove(name).is_some());
    names
}

/// What can be done with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is no page.
    Leave,
    /// It is a page whose body must stay, for this reason: the tags go into `Server-Timing`.
    Announce(&'static str),
    /// The tags go into the body.
    Rewrite {
        /// How the body is encoded.
        coding: Option<Coding>,
        /// Whether the headers name the charset.
        charset: Charset,
    },
}

/// A content coding that can be taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, as RFC 9110 has it; pages are left as they are in it, since servers mean two things by it.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// As `Content-Encoding` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// What can be done with a response that has these headers.
pub fn plan(headers: &HeaderMap) -> Plan {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else { return Plan::Leave };
    let mut parameters = kind.split(';').map(str::trim);
    let is_html = parameters.next().is_some_and(|essence| essence.eq_ignore_ascii_case("text/html"));
    let attached = headers
        .get(CONTENT_DISPOSITION)
        .is_some_and(|value| value.as_bytes().trim_ascii_start().to_ascii_lowercase().starts_with(b"attachment"));
    if !is_html || attached {
        return Plan::Leave;
    }
    if says(headers, "no-transform") {
        return Plan::Announce("no_transform");
    }
    let coding = match coding(headers) {
        Err(UnknownCoding) | Ok(Some(Coding::Deflate)) => return Plan::Announce("unknown_coding"),
        Ok(coding) => coding,
    };
    let label = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    match label {
        Some(label) if !agrees_with_ascii(&label) => Plan::Announce("charset"),
        Some(label) if !label.is_empty() => Plan::Rewrite { coding, charset: Charset::Declared },
        _ => Plan::Rewrite { coding, charset: Charset::Unknown },
    }
}

/// Whether a cache that many people share may store a response (RFC 9111 section 3). Tags without a decision stay out
/// of those, or many visitors would share one trace.
pub fn may_be_shared(headers: &HeaderMap) -> bool {
    let said = ResponseDirectives::of(headers);
    // `private="set-cookie"` keeps that field out and nothing else; who understands what he must takes no notice of
    // `no-store` (sections 5.2.2.3 and 5.2.2.7).
    let is_kept_out = said.private.is_all() || said.no_store && !said.must_understand;
    REUSE[3..].iter().any(|name| headers.contains_key(name)) || !is_kept_out
}

/// Makes a response one visitor's: it is stored nowhere but in his browser, and not used again without being asked for.
/// `no-store` stays if the origin said so; browsers that read it keep no page to go back to.
pub fn make_personal(headers: &mut HeaderMap) {
    let value = match (says(headers, "no-store"), says(headers, "no-transform")) {
        (false, false) => "private, no-cache",
        (true, false) => "private, no-cache, no-store",
        (false, true) => "private, no-cache, no-transform",
        (true, true) => "private, no-cache, no-store, no-transform",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
    remove(headers, &REUSE);
}

/// Keeps a response with a field for one visitor out of caches that many people share, which would tell others of his trace
/// (RFC 9111 section 5.2.2.7). His browser stores it as before.
pub fn keep_apart(headers: &mut HeaderMap) {
    if may_be_shared(headers) {
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
        remove(headers, &REUSE[3..]);
    }
}

/// Takes off what is said of octets that are about to change.
pub fn forget_octets(headers: &mut HeaderMap) {
    headers.remove(CONTENT_ENCODING);
    remove(headers, &OCTETS);
}

/// Takes off fields that are seldom there: to compare their names with the few that are costs less than to look each up.
fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        if headers.keys().any(|known| known == name) {
            headers.remove(name);
        }
    }
}

/// The tags as metrics of a `Server-Timing` field: browser SDKs look there when a page has no tags.
pub fn server_timing(tags: &MetaTags) -> Option<HeaderValue> {
    let mut value = format!("sentry-trace;desc=\"{}\"", tags.sentry_trace);
    if let Some(baggage) = &tags.baggage {
        value.push_str(", baggage;desc=\"");
        // RFC 9110 section 5.6.4.
        value.extend(baggage.chars().flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c])));
        value.push('"');
    }
    HeaderValue::try_from(value).ok()
}

/// A body is in a coding that cannot be taken off, or in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCoding;

/// The coding of a body.
///
/// # Errors
/// It is not one that can be taken off.
pub fn coding(headers: &HeaderMap) -> Result<Option<Coding>, UnknownCoding> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.as_bytes().trim_ascii().to_ascii_lowercase();
    match (value.as_slice(), values.next()) {
        (b"" | b"identity", None) => Ok(None),
        (b"gzip" | b"x-gzip", None) => Ok(Some(Coding::Gzip)),
        (b"deflate", None) => Ok(Some(Coding::Deflate)),
        (b"br", None) => Ok(Some(Coding::Brotli)),
        (b"zstd", None) => Ok(Some(Coding::Zstd)),
        _ => Err(UnknownCoding),
    }
}

/// Whether `Cache-Control` has this directive (RFC 9111 section 5.2).
fn says(headers: &HeaderMap, directive: &str) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|member| member.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(directive)))
}

/// Whether `<`, quotes and letters are one octet each in this encoding, and always mean themselves.
fn agrees_with_ascii(label: &str) -> bool {
    !["utf-16", "utf-32", "utf-7", "ucs-2", "unicode", "iso-10646-ucs", "iso-2022", "csiso2022", "hz-gb", "utf16"]
        .iter()
        .any(|other| label.starts_with(other))
}

fn is_bot(agent: &HeaderValue) -> bool {
    let agent = agent.as_bytes().to_ascii_lowercase();
    BOTS.iter().any(|bot| memchr::memmem::find(&agent, bot).is_some())
}

fn contains(value: &HeaderValue, word: &[u8]) -> bool {
    memchr::memmem::find(&value.as_bytes().to_ascii_lowercase(), word).is_some()
}

#[cfg(test)]
mod tests;
