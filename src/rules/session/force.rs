//! `Waylight-Trace`: a signed header that has one request of a command-line client traced. It is bound to host, method
//! and path, expires, can be used once, and never reaches the upstream, valid or not.

use http::{HeaderMap, HeaderName, Method};

use super::{
    Id,
    payload::{Reader, Writer},
};
use crate::rules::token::{Keys, PAYLOAD_BYTES_MAX, Purpose, TokenError};

/// The header's name.
pub const FORCE: HeaderName = HeaderName::from_static("waylight-trace");

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Force {
    /// Makes it usable once.
    pub nonce: Id,
    /// Until when it can be used.
    pub expiry: u64,
    /// The host asked: lower case, without port.
    pub host: String,
    /// The method used.
    pub method: Method,
    /// The path asked for, without the query.
    pub path: String,
}

impl Force {
    /// The header's value.
    ///
    /// # Errors
    /// Host, method and path are too long together.
    pub fn seal(&self, keys: &Keys) -> Result<String, TokenError> {
        let mut payload = Writer::default();
        payload.id(self.nonce).number(self.expiry);
        payload.text(&self.host).text(self.method.as_str()).text(&self.path);
        if payload.bytes().len() > PAYLOAD_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        Ok(keys.seal(Purpose::Force, payload.bytes()))
    }

    /// From the header's value; the request is for others to compare ([`read`]).
    ///
    /// # Errors
    /// The value is no force header of these keys, or its time is over.
    pub fn open(token: &str, keys: &Keys, now: u64) -> Result<Self, TokenError> {
        let force = Reader::whole(&keys.open(Purpose::Force, token)?, |payload| {
            let (nonce, expiry) = (payload.id()?, payload.number()?);
            let (host, method) = (payload.text()?, Method::from_bytes(payload.text()?.as_bytes()).ok()?);
            Some(Self { nonce, expiry, host, method, path: payload.text()? })
        })?;
        if force.expiry > now { Ok(force) } else { Err(TokenError::Expired) }
    }
}

/// The request that a force header must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The host asked: lower case, without port.
    pub host: &'a str,
    /// The method used.
    pub method: &'a Method,
    /// The path asked for, without the query.
    pub path: &'a str,
}

/// Reads the header of a request. `None`: there is none. Whether the nonce was used before is for others to know.
pub fn read(headers: &HeaderMap, keys: &Keys, target: Target<'_>, now: u64) -> Option<Result<Force, TokenError>> {
    let mut values = headers.get_all(FORCE).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return Some(Err(TokenError::Malformed));
    }
    let Ok(value) = value.to_str() else { return Some(Err(TokenError::Malformed)) };
    Some(Force::open(value, keys, now).and_then(|force| {
        let fits = force.host == target.host && force.method == *target.method && force.path == target.path;
        if fits { Ok(force) } else { Err(TokenError::Elsewhere) }
    }))
}

/// Removes the header, valid or not.
pub fn strip(headers: &mut HeaderMap) {
    headers.remove(FORCE);
}
