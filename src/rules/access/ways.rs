//! What makes a role: groups, addresses and words that others vouch for; and secrets, compared in constant time.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Role;

/// The most groups of one person that are looked at.
const GROUPS_MAX: usize = 256;

/// Which groups and which people have which role.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Mapping {
    /// By group.
    pub groups: BTreeMap<String, Role>,
    /// By e-mail address or name.
    pub people: BTreeMap<String, Role>,
    /// Of everybody else; `None`: no role, so no sign-in.
    pub otherwise: Option<Role>,
}

impl Mapping {
    /// The highest role that any of these give; addresses are compared without case.
    pub fn role<'a>(&self, person: Option<&str>, groups: impl Iterator<Item = &'a str>) -> Option<Role> {
        let named = person.and_then(|person| {
            let mut known = self.people.iter().filter(|(name, _)| name.eq_ignore_ascii_case(person));
            known.next().map(|(_, role)| *role)
        });
        let grouped = groups.take(GROUPS_MAX).filter_map(|group| self.groups.get(group).copied()).max();
        named.max(grouped).or(self.otherwise)
    }
}

/// What a proxy in front says of its user, and in which headers. To be believed of trusted proxies only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Names the user.
    pub user: HeaderName,
    /// Names his role in our own word.
    pub role: Option<HeaderName>,
    /// Names his groups, with commas between them.
    pub groups: Option<HeaderName>,
    /// What groups and users are worth.
    pub mapping: Mapping,
}

impl Proof {
    /// The user and his role. A header that stands there twice says nothing.
    pub fn read(&self, headers: &HeaderMap) -> Option<(String, Role)> {
        let user = single(headers, &self.user)?;
        let said = self.role.as_ref().and_then(|name| single(headers, name)).and_then(Role::parse);
        let groups = self.groups.as_ref().and_then(|name| single(headers, name)).unwrap_or_default();
        let role = said.or_else(|| self.mapping.role(Some(user), groups.split(',').map(str::trim)))?;
        Some((user.to_owned(), role))
    }

    /// Every header it reads: none of them goes on to an upstream.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        std::iter::once(&self.user).chain(&self.role).chain(&self.groups)
    }
}

/// The token of `Authorization: Bearer`, RFC 6750 section 2.1.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = single(headers, &AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

/// A secret, as it is compared: how long that takes tells nothing of where two differ, or of their lengths.
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Whether both are of one secret.
    pub fn is(self, other: Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(***)")
    }
}

/// The only value of a header, without blanks around it.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
}
