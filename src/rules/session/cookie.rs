//! The one cookie: `__Host-waylight` on https, `waylight` on http. It carries an identity and, after a dot, a session.
//! It is read here, and stripped before the upstream sees the request, with every other octet of `Cookie` untouched.

use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::{Identity, Session, flow};
use crate::rules::{
    headers::Scheme,
    token::{Keys, TokenError},
};

/// The cookie's name on https. The prefix binds it to one host, RFC 6265bis section 4.1.3.2.
pub const COOKIE_HTTPS: &str = "__Host-waylight";
/// The cookie's name on http.
pub const COOKIE_HTTP: &str = "waylight";

/// What a request says about its sender.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Credentials {
    /// Who sent it.
    pub identity: Option<Identity>,
    /// The session it belongs to: of this identity, for this host.
    pub session: Option<Session>,
    /// Why the cookie, or its session, does not count.
    pub refused: Option<TokenError>,
}

/// Reads the cookie. On https only `__Host-waylight` counts; two of a name are none.
pub fn read(headers: &HeaderMap, scheme: Scheme, keys: &Keys, host: &str, now: u64) -> Credentials {
    let mut credentials = Credentials::default();
    let value = match single(headers, name(scheme)) {
        Ok(Some(value)) => value,
        Ok(None) => return credentials,
        Err(error) => {
            credentials.refused = Some(error);
            return credentials;
        }
    };
    let (identity, session) = match value.split_once('.') {
        Some((identity, session)) => (identity, Some(session)),
        None => (value, None),
    };
    match Identity::open(identity, keys, now) {
        Ok(identity) if identity.host == host => credentials.identity = Some(identity),
        Ok(_) => credentials.refused = Some(TokenError::Elsewhere),
        Err(error) => credentials.refused = Some(error),
    }
    if let (Some(identity), Some(session)) = (&credentials.identity, session) {
        match Session::open(session, keys, now) {
            Ok(session) if session.identity == identity.id && session.host == host => {
                credentials.session = Some(session);
            }
            Ok(_) => credentials.refused = Some(TokenError::Elsewhere),
            Err(error) => credentials.refused = Some(error),
        }
    }
    credentials
}

/// The value of the only cookie of this name; two of a name are an error.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, TokenError> {
    let mut found = pairs(headers).filter(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => std::str::from_utf8(value).map(Some).map_err(|_| TokenError::Malformed),
        (Some(_), Some(_)) => Err(TokenError::Malformed),
    }
}

/// The `Set-Cookie` value that carries an identity and perhaps a session, until the identity's time is over.
pub fn cookie(scheme: Scheme, keys: &Keys, identity: &Identity, session: Option<&Session>, now: u64) -> HeaderValue {
    let mut value = identity.seal(keys);
    if let Some(session) = session {
        value.push('.');
        value.push_str(&session.seal(keys));
    }
    let seconds = i64::try_from(identity.expiry.saturating_sub(now)).unwrap_or(i64::MAX);
    set_cookie(name(scheme), value, scheme, Duration::seconds(seconds))
}

/// The `Set-Cookie` value that removes the cookie.
pub fn clear_cookie(scheme: Scheme) -> HeaderValue {
    set_cookie(name(scheme), String::new(), scheme, Duration::ZERO)
}

/// The `Set-Cookie` value of a cookie of ours.
pub(super) fn set_cookie(name: &'static str, value: String, scheme: Scheme, max_age: Duration) -> HeaderValue {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(scheme == Scheme::Https)
        .max_age(max_age)
        .build();
    #[expect(clippy::expect_used, reason = "base64url, a dot, and constants")]
    HeaderValue::try_from(cookie.to_string()).expect("all of it is visible ASCII")
}

/// Removes the cookie, under both its names, wherever it is. What is left of `Cookie` keeps its octets; a header that
/// held nothing else is dropped. Costs a search where there is nothing to remove.
pub fn strip(headers: &mut HeaderMap) {
    if !pairs(headers).any(|(name, _)| is_ours(name)) {
        return;
    }
    let kept: Vec<_> = headers.get_all(COOKIE).iter().filter_map(without_ours).collect();
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
}

fn without_ours(value: &HeaderValue) -> Option<HeaderValue> {
    if !split(value.as_bytes()).any(|(name, _)| is_ours(name)) {
        return Some(value.clone());
    }
    let kept: Vec<_> =
        value.as_bytes().split(|&octet| octet == b';').filter(|pair| !is_ours(pair_of(pair).0)).collect();
    let joined = kept.join(&b';');
    let trimmed = joined.trim_ascii_start();
    // Octets of a valid value, so it is valid itself.
    HeaderValue::from_bytes(trimmed).ok().filter(|value| !value.is_empty())
}

/// Every name and value in all `Cookie` headers, of requests that may hold ours; of others, none.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .filter(|value| memchr::memmem::find(value, COOKIE_HTTP.as_bytes()).is_some())
        .flat_map(split)
}

fn split(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    value.split(|&octet| octet == b';').map(pair_of)
}

/// Name and value of one pair, as RFC 6265 section 5.4 reads them; without `=` it is all value.
fn pair_of(pair: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'=', pair) {
        Some(equals) => (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()),
        None => (b"", pair.trim_ascii()),
    }
}

fn is_ours(name: &[u8]) -> bool {
    [COOKIE_HTTPS, COOKIE_HTTP, flow::COOKIE_HTTPS, flow::COOKIE_HTTP].iter().any(|ours| name == ours.as_bytes())
}

const fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Https => COOKIE_HTTPS,
        Scheme::Http => COOKIE_HTTP,
    }
}
