//! A link that shows one trace to whoever has it.

use super::{
    Id, NAME_BYTES_MAX, cut,
    payload::{Reader, Writer},
};
use crate::rules::token::{Keys, Purpose, TokenError};

/// What the link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The trace.
    pub trace: [u8; 16],
    /// The sign-in of whoever made it: revoked with it.
    pub sharer: Id,
    /// His name; at most [`NAME_BYTES_MAX`] octets: revoked with him.
    pub name: String,
    /// When it was made.
    pub issued: u64,
    /// Until when it counts.
    pub expiry: u64,
    /// Kinds of values that are hidden, one bit each.
    pub hide: u8,
}

impl Share {
    /// As a token.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut payload = Writer::default();
        payload.id(Id::from_bytes(self.trace)).id(self.sharer);
        payload.number(self.issued).number(self.expiry).octet(self.hide).text(cut(&self.name, NAME_BYTES_MAX));
        keys.seal(Purpose::Share, payload.bytes())
    }

    /// From a token.
    ///
    /// # Errors
    /// The token is no such link of these keys, or its time is over.
    pub fn open(token: &str, keys: &Keys, now: u64) -> Result<Self, TokenError> {
        let share = Reader::whole(&keys.open(Purpose::Share, token)?, |payload| {
            let (trace, sharer) = (payload.id()?.to_bytes(), payload.id()?);
            let (issued, expiry, hide) = (payload.number()?, payload.number()?, payload.octet()?);
            Some(Self { trace, sharer, issued, expiry, hide, name: payload.text()? })
        })?;
        if share.expiry > now { Ok(share) } else { Err(TokenError::Expired) }
    }
}
