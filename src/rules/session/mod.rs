//! Who somebody is, and which of his requests are traced: the payloads of tokens, and the cookie that carries them.
//!
//! All times are whole seconds since the Unix epoch. Not here: what is live, revoked or used (`trace::sessions`).

mod cookie;
pub mod flow;
pub mod force;
mod link;
mod navigation;
mod payload;
mod share;
pub mod upload;
mod visit;

pub use cookie::{COOKIE_HTTP, COOKIE_HTTPS, Credentials, clear_cookie, cookie, read, strip};
pub use force::Force;
pub use link::{Csrf, LINK_TTL_MAX_SECONDS, SignInLink};
pub use navigation::{NAVIGATION_TTL_SECONDS, Navigation};
pub use share::Share;
pub use upload::Upload;
pub use visit::TraceLink;

use std::fmt;

use self::payload::{Reader, Writer};
use super::{
    access::{Role, Way},
    token::{Keys, Purpose, TokenError},
};

/// The longest name of a person, in octets.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest host, in octets; RFC 1035 section 2.3.4.
const HOST_BYTES_MAX: usize = 255;

/// 128 secret random bits that name an identity, a session or a nonce. They come from the operating system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 16]);

impl Id {
    /// The id of these random octets.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its octets.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Somebody who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// His id, new at every sign-in.
    pub id: Id,
    /// His name; at most [`NAME_BYTES_MAX`] octets. A guest's is that of whoever invited him.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// How he proved who he is.
    pub way: Way,
    /// The host he signed in at, lower case, without port: he is nobody elsewhere.
    pub host: String,
    /// When he signed in.
    pub issued: u64,
    /// Until when that counts.
    pub expiry: u64,
}

impl Identity {
    /// As a token.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut payload = Writer::default();
        payload.id(self.id).number(self.issued).number(self.expiry);
        payload.octet(self.role.octet()).octet(self.way.octet());
        payload.text(cut(&self.name, NAME_BYTES_MAX)).text(cut(&self.host, HOST_BYTES_MAX));
        keys.seal(Purpose::Identity, payload.bytes())
    }

    /// From a token. Where it counts is for [`read`] to see.
    ///
    /// # Errors
    /// The token is no identity of these keys, or its time is over.
    pub fn open(token: &str, keys: &Keys, now: u64) -> Result<Self, TokenError> {
        let identity = Reader::whole(&keys.open(Purpose::Identity, token)?, |payload| {
            let (id, issued, expiry) = (payload.id()?, payload.number()?, payload.number()?);
            let (role, way) = (Role::from_octet(payload.octet()?)?, Way::from_octet(payload.octet()?)?);
            Some(Self { id, issued, expiry, role, way, name: payload.text()?, host: payload.text()? })
        })?;
        if identity.expiry > now { Ok(identity) } else { Err(TokenError::Expired) }
    }
}

/// A tracing session: requests of one browser to one host are traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: Id,
    /// Who started it; of no use to anybody else.
    pub identity: Id,
    /// The host it was started on: lower case, without port.
    pub host: String,
    /// Until when it lasts.
    pub expiry: u64,
    /// The most spans it may record.
    pub spans_max: u64,
    /// The most requests it may record.
    pub requests_max: u64,
    /// How it was started.
    pub kind: SessionKind,
}

/// How a session was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// With *Start*: it lasts until stopped.
    Session,
    /// With *Run page trace*: one page and what it loads.
    Page,
    /// With *Run without cache*: one page and what it loads, and no cache may answer unasked.
    Fresh,
    /// By a trace link, with the visitor's consent: so many minutes or requests.
    Guest,
}

impl SessionKind {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Page | Self::Fresh => "page",
            Self::Guest => "guest",
        }
    }
}

impl Session {
    /// As a token.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut payload = Writer::default();
        payload.id(self.id).id(self.identity).number(self.expiry).number(self.spans_max).number(self.requests_max);
        payload.octet(match self.kind {
            SessionKind::Session => 0,
            SessionKind::Page => 1,
            SessionKind::Guest => 2,
            SessionKind::Fresh => 3,
        });
        payload.text(cut(&self.host, HOST_BYTES_MAX));
        keys.seal(Purpose::Session, payload.bytes())
    }

    /// From a token. Whose it is, and where it counts, is for [`read`] to see.
    ///
    /// # Errors
    /// The token is no session of these keys, or its time is over.
    pub fn open(token: &str, keys: &Keys, now: u64) -> Result<Self, TokenError> {
        let session = Reader::whole(&keys.open(Purpose::Session, token)?, |payload| {
            let (id, identity) = (payload.id()?, payload.id()?);
            let (expiry, spans_max, requests_max) = (payload.number()?, payload.number()?, payload.number()?);
            let kind = match payload.octet()? {
                0 => SessionKind::Session,
                1 => SessionKind::Page,
                2 => SessionKind::Guest,
                3 => SessionKind::Fresh,
                _ => return None,
            };
            Some(Self { id, identity, expiry, spans_max, requests_max, kind, host: payload.text()? })
        })?;
        if session.expiry > now { Ok(session) } else { Err(TokenError::Expired) }
    }
}

/// At most so many octets of a text, cut between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
