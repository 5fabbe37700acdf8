//! What joins a request to its page view, taken from its head as numbers, so that nothing of it has to be kept: which
//! browser sent it, which URL it asked for, and which one referred to it.

use std::{
    hash::{BuildHasher as _, Hash as _, Hasher as _},
    net::IpAddr,
    sync::LazyLock,
};

use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderValue};

/// One for all workers: what one of them sees is joined to what another saw.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// What joins a request to its page view. A hash of 0 stands for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The browser: its user agent, and later with it its address or sign-in.
    pub browser: u64,
    /// The URL asked for.
    pub url: u64,
    /// The URL that referred to it.
    pub referer: u64,
    /// What it is for.
    pub destination: Destination,
}

impl Hints {
    /// What the head says. The browser is its user agent only, until [`Self::sent_by`].
    pub fn read(headers: &HeaderMap) -> Self {
        let mut hints = Self::default();
        let mut said = false;
        // One look at all fields, in place of a search for each that might be there.
        for (name, value) in headers {
            match name.as_str() {
                "user-agent" => hints.browser = hash(|to| to.write(value.as_bytes())),
                "referer" => hints.referer = value.to_str().map_or(0, referer_hash),
                "sec-fetch-dest" => {
                    hints.destination = Destination::read(value);
                    said = true;
                }
                // Browsers do not say it to sites without TLS; there a wish for HTML is a page's.
                "accept" if !said && value.as_bytes().starts_with(b"text/html") => {
                    hints.destination = Destination::DOCUMENT;
                }
                _ => {}
            }
        }
        hints
    }

    /// With the URL asked for, where it may refer to others.
    #[must_use]
    pub fn asking(mut self, host: &str, path: &str, query: Option<&str>) -> Self {
        if self.destination.refers() {
            self.url = url_hash(host, path, query);
        }
        self
    }

    /// With the browser told apart by its address, as a browser that nobody is signed in at is.
    #[must_use]
    pub fn sent_from(mut self, client: IpAddr) -> Self {
        let agent = self.browser;
        self.browser = hash(|to| {
            to.write_u64(agent);
            client.hash(to);
        });
        self
    }

    /// With the browser told apart by its sign-in.
    #[must_use]
    pub fn sent_by(mut self, identity: [u8; 16]) -> Self {
        self.browser = hash(|to| to.write(&identity));
        self
    }
}

/// What a request is for, as `Sec-Fetch-Dest` says (Fetch Standard, "request destination").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Destination(u8);

/// Known destinations, with the empty one first; and those that may refer to others.
const DESTINATIONS: [(&str, Refers); 22] = [
    ("", Refers::No),
    ("document", Refers::Yes),
    ("empty", Refers::No),
    ("image", Refers::No),
    ("script", Refers::Yes),
    ("style", Refers::Yes),
    ("font", Refers::No),
    ("iframe", Refers::Yes),
    ("frame", Refers::Yes),
    ("audio", Refers::No),
    ("audioworklet", Refers::Yes),
    ("embed", Refers::Yes),
    ("fencedframe", Refers::Yes),
    ("manifest", Refers::No),
    ("object", Refers::Yes),
    ("paintworklet", Refers::Yes),
    ("report", Refers::No),
    ("serviceworker", Refers::Yes),
    ("sharedworker", Refers::Yes),
    ("track", Refers::No),
    ("video", Refers::No),
    ("worker", Refers::Yes),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refers {
    Yes,
    No,
}

impl Destination {
    /// A page.
    pub const DOCUMENT: Self = Self(1);

    fn read(said: &HeaderValue) -> Self {
        let known = DESTINATIONS.iter().position(|(name, _)| name.as_bytes() == said.as_bytes());
        Self::of(known.and_then(|at| u8::try_from(at).ok()).unwrap_or(0))
    }

    /// The destination of this number; unknown ones are empty.
    pub(super) fn of(code: u8) -> Self {
        if usize::from(code) < DESTINATIONS.len() { Self(code) } else { Self(0) }
    }

    pub(super) fn code(self) -> u8 {
        self.0
    }

    /// Its word; empty if it is not known.
    pub fn as_str(self) -> &'static str {
        DESTINATIONS[usize::from(self.0)].0
    }

    /// Whether a page's own window asks for it, so that the page's browser measures it: no document, nor a script's request.
    pub fn is_part(self) -> bool {
        const WITH_A_WINDOW_OF_ITS_OWN: [&str; 9] =
            ["", "document", "empty", "iframe", "frame", "embed", "object", "fencedframe", "report"];
        !WITH_A_WINDOW_OF_ITS_OWN.contains(&self.as_str()) && !self.as_str().ends_with("worker")
    }

    /// Whether what it refers to is loaded by the same page: styles and scripts ask for more.
    pub fn leads_on(self) -> bool {
        matches!(self.as_str(), "script" | "style")
    }

    /// Whether other requests may name its URL as their referer: styles ask for fonts.
    pub fn refers(self) -> bool {
        DESTINATIONS[usize::from(self.0)].1 == Refers::Yes
    }
}

fn hash(write: impl FnOnce(&mut foldhash::fast::FoldHasher<'_>)) -> u64 {
    let mut hasher = HASHER.build_hasher();
    write(&mut hasher);
    // 0 stands for nothing.
    hasher.finish().max(1)
}

fn url_hash(host: &str, path: &str, query: Option<&str>) -> u64 {
    hash(|to| {
        to.write(host.as_bytes());
        to.write(path.as_bytes());
        to.write(query.unwrap_or_default().as_bytes());
    })
}

/// The hash of a referer, which is that of the URL it names; its port is left out, as it is there.
fn referer_hash(referer: &str) -> u64 {
    let Some((_, rest)) = referer.split_once("://") else { return 0 };
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let bracket = authority.rfind(']').unwrap_or(0);
    let host = authority[bracket..].find(':').map_or(authority, |colon| &authority[..bracket + colon]);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (if target.is_empty() { "/" } else { target }, None),
    };
    url_hash(host, path, query)
}

#[cfg(test)]
mod tests;
