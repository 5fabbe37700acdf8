//! The one-time link that signs in, and the token in our own forms.

use super::{
    Id, NAME_BYTES_MAX, cut,
    payload::{Reader, Writer},
};
use crate::rules::{
    access::Role,
    token::{Keys, Purpose, TokenError},
};

/// A sign-in link lives no longer than this.
pub const LINK_TTL_MAX_SECONDS: u64 = 600;

/// What a sign-in link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInLink {
    /// Makes it usable once.
    pub nonce: Id,
    /// When it was made.
    pub issued: u64,
    /// Until when it can be used.
    pub expiry: u64,
    /// Who signs in with it; at most [`NAME_BYTES_MAX`] octets.
    pub name: String,
    /// What he may do then.
    pub role: Role,
}

impl SignInLink {
    /// A link that lives `ttl_seconds`, and at most ten minutes.
    pub fn new(nonce: Id, who: (impl Into<String>, Role), now: u64, ttl_seconds: u64) -> Self {
        let (name, role) = who;
        let expiry = now.saturating_add(ttl_seconds.min(LINK_TTL_MAX_SECONDS));
        Self { nonce, issued: now, expiry, name: name.into(), role }
    }

    /// As a token.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut payload = Writer::default();
        payload
            .id(self.nonce)
            .number(self.issued)
            .number(self.expiry)
            .octet(self.role.octet())
            .text(cut(&self.name, NAME_BYTES_MAX));
        keys.seal(Purpose::SignIn, payload.bytes())
    }

    /// From a token. Whether it was used before is for others to know.
    ///
    /// # Errors
    /// The token is no sign-in link of these keys, its time is over, or it would live longer than is allowed.
    pub fn open(token: &str, keys: &Keys, now: u64) -> Result<Self, TokenError> {
        let link = Reader::whole(&keys.open(Purpose::SignIn, token)?, |payload| {
            let (nonce, issued, expiry) = (payload.id()?, payload.number()?, payload.number()?);
            let role = Role::from_octet(payload.octet()?).filter(|role| *role != Role::Guest)?;
            Some(Self { nonce, issued, expiry, role, name: payload.text()? })
        })?;
        match link.expiry.checked_sub(now) {
            Some(1..=LINK_TTL_MAX_SECONDS) => Ok(link),
            _ => Err(TokenError::Expired),
        }
    }
}

/// Proof that a form was shown to this identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csrf {
    /// Whom the form was shown to.
    pub identity: Id,
    /// Until when it may be sent.
    pub expiry: u64,
}

impl Csrf {
    /// As a token.
    pub fn seal(self, keys: &Keys) -> String {
        keys.seal(Purpose::Csrf, Writer::default().id(self.identity).number(self.expiry).bytes())
    }

    /// Accepts a form sent by `identity`.
    ///
    /// # Errors
    /// The token is none of these keys, its time is over, or the form was shown to somebody else.
    pub fn verify(token: &str, keys: &Keys, identity: Id, now: u64) -> Result<(), TokenError> {
        let csrf = Reader::whole(&keys.open(Purpose::Csrf, token)?, |payload| {
            Some(Self { identity: payload.id()?, expiry: payload.number()? })
        })?;
        if csrf.expiry <= now {
            return Err(TokenError::Expired);
        }
        if csrf.identity == identity { Ok(()) } else { Err(TokenError::Elsewhere) }
    }
}
