//! What is purged of stored responses, and how: the one form of it that the command line, the admin listener, the API,
//! and an upstream's answers (RFC 9111 section 4.4, RFC 9875 section 3) lead to.

use std::fmt;

use http::Uri;

/// What is purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Everything.
    All,
    /// This URL, with all of its variants and key parts.
    Url(String),
    /// Every URL that begins so.
    Prefix(String),
    /// Whatever has this tag.
    Tag(String),
    /// Whatever of this origin has one of these groups, RFC 9875.
    Groups(String, Vec<String>),
}

/// Whether what is purged may still be validated, and answer where a stale response may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is gone.
    Hard,
    /// It is stale from now on.
    Soft,
}

impl How {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
        }
    }
}

/// What somebody names to be purged: one of these.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// One URL.
    pub url: Option<String>,
    /// The beginning of URLs.
    pub prefix: Option<String>,
    /// A tag.
    pub tag: Option<String>,
    /// Everything.
    pub all: Option<Everything>,
}

/// Says that everything is meant.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Named {
    /// What is meant.
    ///
    /// # Errors
    /// Nothing, several, or what is no URL.
    pub fn purge(self) -> Result<Purge, NotOne> {
        let url = |url: Option<String>| url.map(|url| canonical(&url)).transpose().map_err(|_| NotOne::Url);
        let tag = self.tag.filter(|tag| !tag.trim().is_empty());
        let named = [
            url(self.url)?.map(Purge::Url),
            url(self.prefix)?.map(Purge::Prefix),
            tag.map(|tag| Purge::Tag(tag.trim().to_owned())),
            self.all.map(|_| Purge::All),
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(what), None) => Ok(what),
            _ => Err(NotOne::Several),
        }
    }
}

/// What is no purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOne {
    /// It is none, or several.
    Several,
    /// It is no URL.
    Url,
}

impl fmt::Display for NotOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several => f.write_str("say what is purged: one of `url`, `prefix`, `tag` or `all`"),
            Self::Url => NotAUrl.fmt(f),
        }
    }
}

impl Purge {
    /// Whether it means a response at this URL that has certain tags, or groups of an origin.
    pub fn means(&self, at: &str, is_named: impl Fn(Option<&str>, &str) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::Url(url) => at == url,
            Self::Prefix(prefix) => at.starts_with(prefix.as_str()),
            Self::Tag(tag) => is_named(None, tag),
            Self::Groups(origin, groups) => groups.iter().any(|group| is_named(Some(origin), group)),
        }
    }
}

impl fmt::Display for Purge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Url(url) => f.write_str(url),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::Groups(origin, groups) => write!(f, "groups {} of {origin}", groups.join(", ")),
        }
    }
}

/// A URL that no key can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAUrl;

impl fmt::Display for NotAUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a whole URL, like https://shop.example/a?b=c")
    }
}

impl std::error::Error for NotAUrl {}

/// A URL as keys have it: scheme and host in lower case, no usual port, no fragment.
///
/// # Errors
/// [`NotAUrl`].
pub fn canonical(url: &str) -> Result<String, NotAUrl> {
    let uri: Uri = url.trim().split('#').next().unwrap_or_default().parse().map_err(|_| NotAUrl)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(NotAUrl) };
    let scheme = scheme.to_ascii_lowercase();
    let usual = match &*scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(NotAUrl),
    };
    let authority = authority.as_str().to_ascii_lowercase();
    let authority = authority.strip_suffix(usual).unwrap_or(&authority);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok(format!("{scheme}://{authority}{slash}{target}"))
}
