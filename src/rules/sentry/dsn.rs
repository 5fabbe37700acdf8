//! DSNs: `proto://key@host[:port]/[path/]project`, where a project's envelopes go, and the path at which an SDK with
//! `tunnel: true` expects to find its tunnel.

use std::fmt;

use http::{Uri, uri::PathAndQuery};

use crate::rules::{authority, headers::Scheme};

/// Where a project of Sentry takes envelopes.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    text: String,
    scheme: Scheme,
    public_key: String,
    host: String,
    port: Option<u16>,
    /// Empty, or with a slash in front and none behind.
    path: String,
    project: String,
}

impl Dsn {
    /// Reads a DSN. Old ones carry a secret key behind a colon; it is forgotten.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = match uri.scheme_str()? {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let (keys, place) = uri.authority()?.as_str().split_once('@')?;
        let public_key = keys.split(':').next().filter(|key| is_word(key))?;
        // One key only.
        let host = uri.host().filter(|host| !host.is_empty() && place.starts_with(host))?;
        let port = authority::port(&uri).ok()?;
        let (path, project) = uri.path().rsplit_once('/')?;
        let is_project = !project.is_empty() && project.bytes().all(|octet| octet.is_ascii_digit());
        if !is_project || uri.query().is_some() {
            return None;
        }
        Some(Self {
            // As SDKs write it into the head of an envelope.
            text: format!("{}://{public_key}@{place}{}", scheme.as_str(), uri.path()),
            scheme,
            public_key: public_key.to_owned(),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            path: path.to_owned(),
            project: project.to_owned(),
        })
    }

    /// As SDKs write it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How its host is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The part that everybody may know.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// A name or an address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where it is written or where it is not.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == Scheme::Https { 443 } else { 80 })
    }

    /// The organisation: the digits after `o` in the host of Sentry's own service.
    pub fn org_id(&self) -> Option<&str> {
        let digits = self.host.split('.').next()?.strip_prefix('o')?;
        (!digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit())).then_some(digits)
    }

    /// Where envelopes of the project are posted, below its host.
    pub fn target(&self) -> PathAndQuery {
        let Self { path, project, public_key, .. } = self;
        let target = format!("{path}/api/{project}/envelope/?sentry_version=7&sentry_key={public_key}");
        // Made of parts that were read out of a URL.
        target.parse().unwrap_or_else(|_| PathAndQuery::from_static("/"))
    }

    /// The path of `tunnel: true`: FNV-1a with 32 bits, over the DSN in UTF-16, in base 36.
    pub fn tunnel_path(&self) -> String {
        const OFFSET: u32 = 2_166_136_261;
        const PRIME: u32 = 16_777_619;
        let mut hash = OFFSET;
        for unit in self.text.encode_utf16() {
            hash = (hash ^ u32::from(unit)).wrapping_mul(PRIME);
        }
        let mut digits = Vec::new();
        loop {
            digits.push(char::from_digit(hash % 36, 36).unwrap_or('0'));
            hash /= 36;
            if hash == 0 {
                digits.push('/');
                return digits.iter().rev().collect();
            }
        }
    }
}

/// What JavaScript's `\w` takes.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({}:{}/{})", self.host, self.port(), self.project)
    }
}

#[cfg(test)]
mod tests;
