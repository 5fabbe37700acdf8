//! Whether a response may be stored (RFC 9111 section 3), what is kept of it, and whether what is stored may answer a
//! request (section 4): fresh, stale with permission, or only after the upstream was asked.

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED, SET_COOKIE, VARY},
};

use super::{
    directives::{RequestDirectives, ResponseDirectives, Scope},
    freshness::{Answer, is_cacheable, seconds},
    key,
    policy::{Obey, Policy, SetCookie},
    range::ContentRange,
    targeted::{self, Said},
    vary::Vary,
    why::{Source, Why},
};

/// How long a stored response may be used, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// When its age was zero, in milliseconds since the Unix epoch.
    pub born: u64,
    /// How long it is fresh, in seconds of age.
    pub ttl: u32,
    /// How long after that it may answer while a new one is fetched.
    pub stale_while_revalidate: u32,
    /// How long after that it may answer where the upstream fails.
    pub stale_if_error: u32,
    /// Whether it may be used without the upstream's word.
    pub reuse: Reuse,
}

/// Whether a stored response may be used without the upstream's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Also stale, where something allows it.
    #[default]
    Free,
    /// Only fresh: `must-revalidate`, `proxy-revalidate` or `s-maxage`.
    FreshOnly,
    /// Never: `no-cache`.
    Never,
}

/// A response that may be stored.
#[derive(Debug)]
pub struct Storable {
    /// Its terms.
    pub terms: Terms,
    /// Where its lifetime is from.
    pub source: Source,
    /// What it varies by.
    pub vary: Vary,
    /// Which part it is, if it is one.
    pub part: Option<ContentRange>,
}

impl Storable {
    /// The reason, for whoever asks.
    pub fn why(&self) -> Why {
        Why::Stored { ttl: u64::from(self.terms.ttl), from: self.source }
    }
}

/// Whether the answer to a request with these header fields may be stored, by RFC 9111 section 3.
///
/// # Errors
/// Why not.
pub fn storable(request: &HeaderMap, answer: &Answer<'_>, policy: &Policy) -> Result<Storable, Why> {
    let (said, place) = targeted::directives(answer.headers);
    let status = answer.status;
    if said.must_understand && !is_understood(status) {
        return Err(Why::NotUnderstood { status: status.as_u16() });
    }
    // `must-understand` speaks louder where it is understood (section 5.2.2.3).
    if said.no_store && !said.must_understand {
        return Err(Why::NoStore);
    }
    if said.private.is_all() {
        return Err(Why::Private);
    }
    if status == StatusCode::NOT_MODIFIED {
        return Err(Why::ForClientOnly);
    }
    let shared = said.public || said.s_maxage.is_some() || place == Said::Targeted;
    if request.contains_key(AUTHORIZATION) && !said.public && said.s_maxage.is_none() && !said.must_revalidate {
        return Err(Why::Authorized);
    }
    let names_cookie = |scope: &Scope| scope.fields().contains(&SET_COOKIE);
    if policy.set_cookie == SetCookie::Bypass
        && answer.headers.contains_key(SET_COOKIE)
        && !shared
        && !names_cookie(&said.no_cache)
        && !names_cookie(&said.private)
    {
        return Err(Why::SetsCookie);
    }
    let vary = Vary::of(answer.headers.get_all(VARY).iter())?;
    let part = part(answer)?;
    let (ttl, source) = answer.lifetime(&said, place, policy);
    if source == Source::Nothing && !is_cacheable(status) && !said.public {
        return Err(Why::StatusNotCacheable { status: status.as_u16() });
    }
    let terms = terms(answer, &said, policy, ttl);
    if ttl == 0 && terms.stale_while_revalidate == 0 && terms.stale_if_error == 0 && !has_validator(answer.headers)
        || terms.reuse == Reuse::Never && !has_validator(answer.headers)
    {
        return Err(Why::NeverUsable);
    }
    Ok(Storable { terms, source, vary, part })
}

/// Whether the answer to a POST may be stored to answer later GETs (RFC 9110 section 9.3.3): it says by itself how long it
/// is fresh, and, in `Content-Location`, that it is what is found at `target`, as [`key::Asked::target`] has it.
///
/// # Errors
/// Why not.
pub fn storable_of_post(
    request: &HeaderMap,
    answer: &Answer<'_>,
    asked: &key::Asked<'_>,
    policy: &Policy,
) -> Result<Storable, Why> {
    let (said, place) = targeted::directives(answer.headers);
    let is_clear = answer.status == StatusCode::OK
        && answer.explicit(&said, place).is_some_and(|(ttl, _)| ttl > 0)
        && key::is_of(answer.headers, asked)
        && !(policy.request_directives == Obey::Yes && RequestDirectives::of(request).no_store);
    if is_clear { storable(request, answer, policy) } else { Err(Why::Method) }
}

/// What a response that was validated says anew of its terms (section 4.3.4).
pub fn renewed(answer: &Answer<'_>, policy: &Policy) -> (Terms, Source) {
    let (said, place) = targeted::directives(answer.headers);
    let (ttl, source) = answer.lifetime(&said, place, policy);
    (terms(answer, &said, policy, ttl), source)
}

fn terms(answer: &Answer<'_>, said: &ResponseDirectives, policy: &Policy, ttl: u32) -> Terms {
    let forbids = said.must_revalidate || said.proxy_revalidate;
    // `s-maxage` forbids too (section 5.2.2.10), but a response that gives leave itself means it.
    let leaves = said.stale_while_revalidate.is_some() || said.stale_if_error.is_some();
    let reuse = if said.no_cache.is_all() {
        Reuse::Never
    } else if forbids || said.s_maxage.is_some() && !leaves {
        Reuse::FreshOnly
    } else {
        Reuse::Free
    };
    let grace = |own: Option<u32>, route| match reuse {
        Reuse::Free => own.unwrap_or_else(|| seconds(route)),
        Reuse::FreshOnly | Reuse::Never => 0,
    };
    Terms {
        born: answer.born(),
        ttl,
        stale_while_revalidate: grace(said.stale_while_revalidate, policy.stale_while_revalidate),
        stale_if_error: grace(said.stale_if_error, policy.stale_if_error),
        reuse,
    }
}

/// Which part of a representation a 206 is, RFC 9111 section 3.3. It answers what lies within it; to be put together with
/// others it needs a strong validator, too (section 3.4).
fn part(answer: &Answer<'_>) -> Result<Option<ContentRange>, Why> {
    if answer.status != StatusCode::PARTIAL_CONTENT {
        return Ok(None);
    }
    let range = answer.headers.get(CONTENT_RANGE).and_then(|value| ContentRange::parse(value.as_bytes()));
    range.map(Some).ok_or(Why::PartUnusable)
}

/// Whether the status's own rules of caching are known here.
fn is_understood(status: StatusCode) -> bool {
    matches!(status.as_u16(),
        200 | 203 | 204 | 206 | 300..=304 | 307 | 308 | 400 | 401 | 403..=406 | 409..=417 | 421 | 422 | 429 | 431 | 451
        | 500..=505 | 511)
}

fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED)
}

/// What never is stored: fields of one connection (RFC 9111 section 3.1; the others went with the connection), those
/// that the response keeps to itself, and what is written anew for each answer.
pub fn strip(headers: &mut HeaderMap, answered: u64, policy: &Policy) {
    // Trailers are not stored, so none is announced: what they say of the whole may be used when it comes only.
    for name in ["proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "age", "trailer"] {
        headers.remove(name);
    }
    let (said, _) = targeted::directives(headers);
    let plain = ResponseDirectives::of(headers);
    let own: Vec<HeaderName> = [&said, &plain]
        .into_iter()
        .flat_map(|said| said.no_cache.fields().iter().chain(said.private.fields()))
        .cloned()
        .collect();
    // Without `Vary` what is stored would be for everybody.
    for name in own.into_iter().filter(|name| *name != VARY) {
        headers.remove(name);
    }
    if policy.set_cookie == SetCookie::Remove {
        headers.remove(SET_COOKIE);
    }
    if !headers.contains_key(DATE) {
        // RFC 9110 section 6.6.1.
        let date = std::time::UNIX_EPOCH + std::time::Duration::from_millis(answered);
        if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(date)) {
            headers.insert(DATE, date);
        }
    }
}

/// What a stored response may do for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// It answers.
    Fresh(Why),
    /// It answers though it is stale.
    Stale(Why, Refresh),
    /// The upstream has to be asked first.
    Ask(Why),
}

/// What else a stale answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// A new one is fetched in the background.
    Background,
    /// Nothing.
    No,
}

impl Terms {
    /// Its age, in seconds.
    pub fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.born) / 1_000
    }

    /// What remains of its life, in seconds; below zero when it is stale.
    pub fn left(&self, now: u64) -> i64 {
        i64::from(self.ttl) - i64::try_from(self.age(now)).unwrap_or(i64::MAX)
    }

    /// The terms of a response that was purged softly when it was so many seconds old: stale from then on.
    #[must_use]
    pub fn purged(mut self, age: u32) -> Self {
        self.ttl = self.ttl.min(age);
        self
    }

    /// What it may do for a request that says `asked`, RFC 9111 section 4.
    pub fn decide(&self, asked: &RequestDirectives, now: u64) -> Use {
        let age = self.age(now);
        let left = self.left(now);
        if asked.no_cache {
            return Use::Ask(Why::RequestNoCache);
        }
        if self.reuse == Reuse::Never {
            return Use::Ask(Why::ResponseNoCache);
        }
        if let Some(max_age) = asked.max_age.filter(|max_age| age > u64::from(*max_age))
            && asked.max_stale.is_none()
        {
            return Use::Ask(Why::RequestMaxAge { age, max_age });
        }
        if let Some(min_fresh) = asked.min_fresh.filter(|min_fresh| left < i64::from(*min_fresh)) {
            return Use::Ask(Why::RequestMinFresh { left: u64::try_from(left).unwrap_or(0), min_fresh });
        }
        // What is exactly as old as it may be is not fresh any more (section 4.2).
        if left > 0 {
            return match asked.max_age.filter(|max_age| *max_age == 0) {
                Some(max_age) if asked.max_stale.is_none() => Use::Ask(Why::RequestMaxAge { age, max_age }),
                _ => Use::Fresh(Why::Fresh { age, left: left.unsigned_abs() }),
            };
        }
        let stale = left.unsigned_abs();
        let expired = Why::Expired { age, ttl: u64::from(self.ttl) };
        if self.reuse != Reuse::Free {
            return Use::Ask(expired);
        }
        if asked.max_stale.is_some_and(|allowed| stale <= u64::from(allowed)) {
            return Use::Stale(Why::MaxStale { stale }, Refresh::No);
        }
        let allowed = u64::from(self.stale_while_revalidate);
        if allowed > 0 && stale <= allowed && asked.max_age.is_none() {
            return Use::Stale(Why::WhileRevalidate { stale, allowed }, Refresh::Background);
        }
        Use::Ask(expired)
    }

    /// Whether it may answer others than the one who asked for it: it then needs no word of the upstream (RFC 9111 section
    /// 4). Many pages say nothing of caching, have an entity tag, and are a visitor's own. What others demand of its age it
    /// fulfils as well as one of their own would.
    pub fn is_for_others(&self, now: u64) -> bool {
        !matches!(self.decide(&RequestDirectives::default(), now), Use::Ask(_))
    }

    /// Whether it may answer where the upstream failed, RFC 5861 section 4.
    pub fn on_error(&self, asked: &RequestDirectives, now: u64) -> Option<Why> {
        if self.reuse != Reuse::Free {
            return None;
        }
        let stale = u64::try_from(-self.left(now)).unwrap_or(0);
        let allowed = u64::from(self.stale_if_error.max(asked.stale_if_error.unwrap_or(0)));
        (allowed > 0 && stale <= allowed).then_some(Why::IfError { stale, allowed })
    }
}

/// Statuses at which a stale response may stand in, RFC 5861 section 4.
pub fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}
