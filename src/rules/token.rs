//! Keys and tokens. One secret, or several while they are rotated; from each, one key per purpose (HKDF-SHA256,
//! RFC 5869); a token is `version | payload | HMAC-SHA256`, in base64url. A token of one purpose is refused as any
//! other, since its key is another one.
//!
//! Payloads are signed, not encrypted. Not here: what they say (`session/`), and whether one was used before.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The longest payload, in octets.
pub const PAYLOAD_BYTES_MAX: usize = 1024;
/// The longest token, in octets.
pub const TOKEN_BYTES_MAX: usize = (1 + PAYLOAD_BYTES_MAX + MAC_BYTES).div_ceil(3) * 4;
/// The shortest secret, in octets.
pub const SECRET_BYTES_MIN: usize = 16;

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A one-time link that signs in.
    SignIn,
    /// Who somebody is.
    Identity,
    /// A tracing session.
    Session,
    /// A one-time link that has a visitor's requests traced, with his consent.
    TraceLink,
    /// A trace shown to people without a sign-in.
    Share,
    /// The header that has one request traced.
    Force,
    /// One navigation to be traced.
    Navigation,
    /// Sending spans from a page.
    Upload,
    /// Proof that a form came from our own page.
    Csrf,
    /// A sign-in that is under way at an OpenID provider.
    Flow,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 10] = [
        Self::SignIn,
        Self::Identity,
        Self::Session,
        Self::TraceLink,
        Self::Share,
        Self::Force,
        Self::Navigation,
        Self::Upload,
        Self::Csrf,
        Self::Flow,
    ];

    /// What its key is derived with. Must never change.
    const fn info(self) -> &'static str {
        match self {
            Self::SignIn => "waylight sign-in",
            Self::Identity => "waylight identity",
            Self::Session => "waylight session",
            Self::TraceLink => "waylight trace-link",
            Self::Share => "waylight share",
            Self::Force => "waylight force",
            Self::Navigation => "waylight navigation",
            Self::Upload => "waylight upload",
            Self::Csrf => "waylight csrf",
            Self::Flow => "waylight flow",
        }
    }
}

/// The keys of every purpose, derived from each secret: the newest seals, all of them open.
#[derive(Clone)]
pub struct Keys {
    newest: KeySet,
    older: Vec<KeySet>,
}

/// One key a purpose, in the order of [`Purpose::ALL`], ready to use.
type KeySet = [Hmac<Sha256>; Purpose::ALL.len()];

impl Keys {
    /// Derives the keys of `secrets`, newest first.
    ///
    /// # Errors
    /// There is no secret, or one is shorter than [`SECRET_BYTES_MIN`].
    pub fn new<S: AsRef<[u8]>>(secrets: &[S]) -> Result<Self, KeysError> {
        let mut sets = Vec::with_capacity(secrets.len());
        for (index, secret) in secrets.iter().enumerate() {
            if secret.as_ref().len() < SECRET_BYTES_MIN {
                return Err(KeysError::Short { index });
            }
            sets.push(derive(secret.as_ref()));
        }
        let mut sets = sets.into_iter();
        let newest = sets.next().ok_or(KeysError::None)?;
        Ok(Self { newest, older: sets.collect() })
    }

    /// A token of this purpose. `payload` must not be longer than [`PAYLOAD_BYTES_MAX`], or no key will open it.
    pub fn seal(&self, purpose: Purpose, payload: &[u8]) -> String {
        debug_assert!(payload.len() <= PAYLOAD_BYTES_MAX, "payloads are bounded by their makers");
        let mut token = Vec::with_capacity(1 + payload.len() + MAC_BYTES);
        token.push(VERSION);
        token.extend_from_slice(payload);
        let mac = mac(&self.newest, purpose, &token).finalize();
        token.extend_from_slice(&mac.into_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The payload of a token of this purpose, made with any of the keys. Compares in constant time.
    ///
    /// # Errors
    /// The text is too long, no token, or not made by these keys for this purpose.
    pub fn open(&self, purpose: Purpose, token: &str) -> Result<Vec<u8>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError::Malformed)?;
        let length = bytes.len().checked_sub(MAC_BYTES).ok_or(TokenError::Malformed)?;
        let (signed, tag) = bytes.split_at(length);
        if signed.first() != Some(&VERSION) {
            return Err(TokenError::Malformed);
        }
        let mut sets = std::iter::once(&self.newest).chain(&self.older);
        if !sets.any(|set| mac(set, purpose, signed).verify_slice(tag).is_ok()) {
            return Err(TokenError::Forged);
        }
        bytes.truncate(length);
        bytes.remove(0);
        Ok(bytes)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("secrets", &(1 + self.older.len())).finish_non_exhaustive()
    }
}

fn mac(set: &KeySet, purpose: Purpose, signed: &[u8]) -> Hmac<Sha256> {
    set[purpose as usize].clone().chain_update(signed)
}

fn derive(secret: &[u8]) -> KeySet {
    let extracted = Hkdf::<Sha256>::new(Some(b"waylight keys 1"), secret);
    Purpose::ALL.map(|purpose| {
        let mut key = [0; MAC_BYTES];
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 octets")]
        extracted.expand(purpose.info().as_bytes(), &mut key).expect("32 octets are few enough");
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Hmac::new_from_slice(&key).expect("any length will do")
    })
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// There is no secret.
    None,
    /// A secret is shorter than [`SECRET_BYTES_MIN`].
    Short {
        /// Which of them, from 0.
        index: usize,
    },
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no secret"),
            Self::Short { index } => write!(f, "secret {} is shorter than {SECRET_BYTES_MIN} octets", index + 1),
        }
    }
}

impl std::error::Error for KeysError {}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is no token.
    Malformed,
    /// It was not made by these keys for this purpose.
    Forged,
    /// Its time is over.
    Expired,
    /// It was made for another host, method or path, or for somebody else.
    Elsewhere,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a token",
            Self::Forged => "not signed for this",
            Self::Expired => "expired",
            Self::Elsewhere => "made for another place",
        })
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests;
