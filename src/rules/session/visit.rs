//! The trace link: somebody who may trace asks a visitor to open it, to agree, and to have so many minutes or requests
//! traced. It works once, on one host, and tells whoever opens it who asks and for how long.

use super::{
    HOST_BYTES_MAX, Id, LINK_TTL_MAX_SECONDS, NAME_BYTES_MAX, cut,
    payload::{Reader, Writer},
};
use crate::rules::token::{Keys, PAYLOAD_BYTES_MAX, Purpose, TokenError};

/// What a trace link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLink {
    /// Makes it usable once.
    pub nonce: Id,
    /// When it was made.
    pub issued: u64,
    /// Until when it can be used.
    pub expiry: u64,
    /// Who asks; at most [`NAME_BYTES_MAX`] octets.
    pub name: String,
    /// The host whose requests are traced: lower case, without port.
    pub host: String,
    /// The page that the visitor is led to.
    pub path: String,
    /// How long he is traced, in seconds.
    pub seconds: u64,
    /// The most requests that are traced.
    pub requests_max: u64,
}

impl TraceLink {
    /// As a token.
    ///
    /// # Errors
    /// The path is too long.
    pub fn seal(&self, keys: &Keys) -> Result<String, TokenError> {
        let mut payload = Writer::default();
        payload.id(self.nonce).number(self.issued).number(self.expiry).number(self.seconds).number(self.requests_max);
        payload.text(cut(&self.name, NAME_BYTES_MAX)).text(cut(&self.host, HOST_BYTES_MAX)).text(&self.path);
        if payload.bytes().len() > PAYLOAD_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        Ok(keys.seal(Purpose::TraceLink, payload.bytes()))
    }

    /// From a token, for `host`. Whether it was used before is for others to know.
    ///
    /// # Errors
    /// The token is no trace link of these keys, or one of another host; its time is over, or it would live longer than
    /// is allowed.
    pub fn open(token: &str, keys: &Keys, host: &str, now: u64) -> Result<Self, TokenError> {
        let link = Reader::whole(&keys.open(Purpose::TraceLink, token)?, |payload| {
            let (nonce, issued, expiry) = (payload.id()?, payload.number()?, payload.number()?);
            let (seconds, requests_max) = (payload.number()?, payload.number()?);
            let (name, host, path) = (payload.text()?, payload.text()?, payload.text()?);
            Some(Self { nonce, issued, expiry, name, host, path, seconds, requests_max })
        })?;
        match link.expiry.checked_sub(now) {
            Some(1..=LINK_TTL_MAX_SECONDS) if link.host == host => Ok(link),
            Some(1..=LINK_TTL_MAX_SECONDS) => Err(TokenError::Elsewhere),
            _ => Err(TokenError::Expired),
        }
    }
}
