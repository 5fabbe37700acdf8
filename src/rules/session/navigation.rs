//! What lets a plain navigation do what a button of the toolbar does, where a page's policy forbids it to ask: usable
//! once, by one identity, on one host. What is to be done stands beside it.

use super::{
    HOST_BYTES_MAX, Id, cut,
    payload::{Reader, Writer},
};
use crate::rules::token::{Keys, Purpose, TokenError};

/// The longest that a page's token can be used, in seconds.
pub const NAVIGATION_TTL_SECONDS: u64 = 3_600;

/// What a page's token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Navigation<'a> {
    /// Makes it usable once.
    pub nonce: Id,
    /// Whose it is.
    pub identity: Id,
    /// Until when it can be used.
    pub expiry: u64,
    /// The host of the page: lower case, without port.
    pub host: &'a str,
}

impl<'a> Navigation<'a> {
    /// As a token.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut payload = Writer::default();
        payload.id(self.nonce).id(self.identity).number(self.expiry).text(cut(self.host, HOST_BYTES_MAX));
        keys.seal(Purpose::Navigation, payload.bytes())
    }

    /// From a token, for this identity at this host. Whether it was used before is for others to know.
    ///
    /// # Errors
    /// The token is none of these keys; its time is over; or it was made for somebody or somewhere else.
    pub fn open(token: &str, keys: &Keys, identity: Id, host: &'a str, now: u64) -> Result<Self, TokenError> {
        let (nonce, whose, expiry, place) = Reader::whole(&keys.open(Purpose::Navigation, token)?, |payload| {
            Some((payload.id()?, payload.id()?, payload.number()?, payload.text()?))
        })?;
        match expiry.checked_sub(now) {
            Some(1..=NAVIGATION_TTL_SECONDS) if whose == identity && place == host => {
                Ok(Self { nonce, identity, expiry, host })
            }
            Some(1..=NAVIGATION_TTL_SECONDS) => Err(TokenError::Elsewhere),
            _ => Err(TokenError::Expired),
        }
    }
}
