//! A sign-in that is under way at an OpenID provider: what is remembered of it, in a cookie of the browser that began
//! it. The provider's answer counts in that browser only, once, and for a few minutes.

use cookie::time::Duration;
use http::{HeaderMap, HeaderValue};

use super::{
    HOST_BYTES_MAX, Id, cookie as jar, cut,
    payload::{Reader, Writer},
};
use crate::rules::{
    headers::Scheme,
    token::{Keys, Purpose, TokenError},
};

/// The cookie's name on https.
pub const COOKIE_HTTPS: &str = "__Host-waylight-sign-in";
/// The cookie's name on http.
pub const COOKIE_HTTP: &str = "waylight-sign-in";
/// A sign-in at a provider may take so long, in seconds.
pub const FLOW_TTL_SECONDS: u64 = 600;

/// A sign-in under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Comes back in the provider's answer (RFC 6749 section 10.12), and makes the answer usable once.
    pub state: Id,
    /// Comes back in the identity token (OpenID Connect Core section 3.1.2.1).
    pub nonce: Id,
    /// Proves that the answer is used by whom it was given to (RFC 7636).
    pub verifier: String,
    /// Until when an answer counts.
    pub expiry: u64,
    /// The host it was begun at: lower case, without port.
    pub host: String,
    /// Where the provider was told to send its answer.
    pub redirect: String,
}

impl Flow {
    /// The `Set-Cookie` value.
    pub fn cookie(&self, scheme: Scheme, keys: &Keys) -> HeaderValue {
        let mut payload = Writer::default();
        payload.id(self.state).id(self.nonce).number(self.expiry);
        payload.text(&self.verifier).text(cut(&self.host, HOST_BYTES_MAX)).text(&self.redirect);
        let value = keys.seal(Purpose::Flow, payload.bytes());
        jar::set_cookie(name(scheme), value, scheme, Duration::seconds(FLOW_TTL_SECONDS.cast_signed()))
    }

    /// From the cookies of a request to `host`.
    ///
    /// # Errors
    /// There is none, or more than one; it is not of these keys, or of another host; its time is over.
    pub fn read(headers: &HeaderMap, scheme: Scheme, keys: &Keys, host: &str, now: u64) -> Result<Self, TokenError> {
        let token = jar::single(headers, name(scheme))?.ok_or(TokenError::Malformed)?;
        let flow = Reader::whole(&keys.open(Purpose::Flow, token)?, |payload| {
            let (state, nonce, expiry) = (payload.id()?, payload.id()?, payload.number()?);
            let (verifier, host, redirect) = (payload.text()?, payload.text()?, payload.text()?);
            Some(Self { state, nonce, expiry, verifier, host, redirect })
        })?;
        match flow.expiry.checked_sub(now) {
            Some(1..=FLOW_TTL_SECONDS) if flow.host == host => Ok(flow),
            Some(1..=FLOW_TTL_SECONDS) => Err(TokenError::Elsewhere),
            _ => Err(TokenError::Expired),
        }
    }
}

/// The `Set-Cookie` value that ends it.
pub fn clear(scheme: Scheme) -> HeaderValue {
    jar::set_cookie(name(scheme), String::new(), scheme, Duration::ZERO)
}

const fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Https => COOKIE_HTTPS,
        Scheme::Http => COOKIE_HTTP,
    }
}
