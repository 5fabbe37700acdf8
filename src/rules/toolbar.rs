//! The toolbar's element in a page: a script of our own, and what it is told to begin with, so that it need not ask.
//! Knows neither where in a page that goes (`html`) nor whether the page lets it run (`csp`).

use std::{fmt, fmt::Write as _};

use http::{HeaderMap, HeaderName};
use opentelemetry::trace::TraceId;

use super::session::{Session, SessionKind};

mod browser;

pub use browser::{Browser, Origin, SiteFacts, agent, server_timing};

/// The field by which a response asks for a page without toolbar, with the value `off`.
pub const SKIP: HeaderName = HeaderName::from_static("waylight-toolbar");

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Whether a response asks for a page without toolbar.
pub fn is_skipped(headers: &HeaderMap) -> bool {
    headers.get(SKIP).is_some_and(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"off"))
}

/// The corner that the toolbar stands in until it is dragged to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Corner {
    /// Bottom right.
    #[default]
    BottomRight,
    /// Bottom left.
    BottomLeft,
    /// Top right.
    TopRight,
    /// Top left.
    TopLeft,
}

impl Corner {
    /// Every corner, with its word.
    pub const ALL: [(&'static str, Self); 4] = [
        ("bottom-right", Self::BottomRight),
        ("bottom-left", Self::BottomLeft),
        ("top-right", Self::TopRight),
        ("top-left", Self::TopLeft),
    ];

    const fn letters(self) -> &'static str {
        match self {
            Self::BottomRight => "br",
            Self::BottomLeft => "bl",
            Self::TopRight => "tr",
            Self::TopLeft => "tl",
        }
    }
}

/// A keyboard shortcut: modifiers, and the `code` of a key, which is its place and not its letter (UI Events).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortcut(String);

const MODIFIERS: [&str; 4] = ["Alt", "Control", "Meta", "Shift"];

impl Shortcut {
    /// Reads `Alt+Shift+T`: one modifier at least, `Shift` alone not being enough, and a letter, a digit, or a `code`.
    pub fn parse(text: &str) -> Option<Self> {
        let (modifiers, key) = text.rsplit_once('+')?;
        let named = |name: &str| MODIFIERS.iter().position(|known| known.eq_ignore_ascii_case(name.trim()));
        let mut places = modifiers.split('+').map(named).collect::<Option<Vec<_>>>()?;
        places.sort_unstable();
        places.dedup();
        let code = match key.trim() {
            letter if letter.len() == 1 && letter.as_bytes()[0].is_ascii_alphabetic() => {
                format!("Key{}", letter.to_ascii_uppercase())
            }
            digit if digit.len() == 1 && digit.as_bytes()[0].is_ascii_digit() => format!("Digit{digit}"),
            code if code.len() > 1 && code.bytes().all(|octet| octet.is_ascii_alphanumeric()) => code.to_owned(),
            _ => return None,
        };
        let modifiers: Vec<_> = places.iter().map(|place| MODIFIERS[*place]).collect();
        (modifiers != ["Shift"]).then(|| Self(format!("{}+{code}", modifiers.join("+"))))
    }
}

impl Default for Shortcut {
    fn default() -> Self {
        Self("Alt+Shift+KeyT".to_owned())
    }
}

impl fmt::Display for Shortcut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the toolbar is told of a page. Times are whole seconds since the Unix epoch, or microseconds where that is said.
#[derive(Clone, Debug)]
pub struct State<'a> {
    /// The page's own trace.
    pub trace: Option<TraceId>,
    /// The tracing session of this browser.
    pub session: Option<SessionState<'a>>,
    /// What the cache did.
    pub cache: Option<&'static str>,
    /// How long the edge and the upstream took, in microseconds, until the response's head.
    pub times: Option<(u64, u64)>,
    /// How far the month's spans are spent, where that is to be told, and when they begin anew.
    pub quota: Option<(&'static str, u64)>,
    /// Until when the sign-in counts.
    pub expiry: u64,
    /// What lets a navigation do what a button does; there is none for those who may only read.
    pub token: Option<&'a str>,
    /// Whether the page's policy lets the toolbar ask.
    pub connect: super::csp::Connect,
    /// Where it stands.
    pub corner: Corner,
    /// What opens it.
    pub shortcut: Option<&'a Shortcut>,
    /// Whether it shows itself.
    pub start: Opening,
    /// Whether browsers record spans.
    pub browser: Recording,
}

/// Whether browsers record spans of traced pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// They do.
    On,
    /// They do not.
    Off,
}

/// Whether the toolbar shows itself when a page loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Opening {
    /// It does.
    #[default]
    Shown,
    /// The shortcut shows it.
    Hidden,
}

/// A session, as the toolbar shows it.
#[derive(Clone, Copy, Debug)]
pub struct SessionState<'a> {
    /// The session.
    pub session: &'a Session,
    /// Requests recorded so far.
    pub requests: u64,
    /// Spans recorded so far.
    pub spans: u64,
}

impl State<'_> {
    /// As JSON, behind what is there; short names, since it stands in a page.
    fn json(&self, html: String) -> String {
        let mut json = Json::behind(html);
        if let Some(trace) = self.trace {
            json.text("trace", &trace.to_string());
        }
        if let Some(SessionState { session, requests, spans }) = &self.session {
            let mut inner = Json::default();
            inner.text("id", &session.id.to_string());
            inner.text("kind", if session.kind == SessionKind::Session { "session" } else { "page" });
            inner.number("until", session.expiry);
            inner.number("requests", *requests);
            inner.number("spans", *spans);
            inner.number("max", session.spans_max);
            json.raw("session", &inner.close());
        }
        if let Some(cache) = self.cache {
            json.text("cache", cache);
        }
        if let Some((edge, upstream)) = self.times {
            json.raw("times", &format!("[{edge},{upstream}]"));
        }
        if let Some((level, resets_at)) = self.quota {
            json.text("quota", level);
            json.number("resets", resets_at);
        }
        json.number("until", self.expiry);
        if let Some(token) = self.token {
            json.text("token", token);
        }
        if self.connect == super::csp::Connect::Refused {
            json.raw("alone", "1");
        }
        json.text("corner", self.corner.letters());
        if let Some(shortcut) = self.shortcut {
            json.text("keys", &shortcut.0);
        }
        if self.start == Opening::Hidden {
            json.raw("hidden", "1");
        }
        if self.browser == Recording::On {
            json.raw("spans", "1");
        }
        json.close()
    }
}

/// The most octets of most elements.
const ELEMENT_BYTES: usize = 640;

/// The element, to be written into a page. It waits for nothing, and nothing waits for it.
pub fn element(script: &str, nonce: Option<&str>, state: &State<'_>) -> String {
    let mut html = String::with_capacity(ELEMENT_BYTES);
    html += "<script async fetchpriority=\"low\"";
    html = opened(html, script, nonce);
    // The state has no quotes, ampersands or angle brackets but JSON's own.
    state.json(html) + "'></script>"
}

/// What the elements of our scripts have in common, up to what they are told.
fn opened(mut html: String, script: &str, nonce: Option<&str>) -> String {
    for text in [" src=\"", script, "\""] {
        html += text;
    }
    if let Some(nonce) = nonce {
        for text in [" nonce=\"", nonce, "\""] {
            html += text;
        }
    }
    html + " data-waylight='"
}

/// What a cache did, as the response tells it: the last one of `Cache-Status` is the nearest (RFC 9211 section 2).
pub fn cache_result(headers: &HeaderMap) -> Option<&'static str> {
    let value = headers.get_all(CACHE_STATUS).iter().next_back()?.to_str().ok()?;
    let member = value.rsplit(',').next()?;
    let mut parameters = member.split(';').skip(1).map(str::trim);
    parameters.find_map(|parameter| match parameter {
        "hit" => Some("HIT"),
        "fwd=stale" => Some("STALE"),
        "fwd=bypass" | "fwd=method" | "fwd=request" => Some("BYPASS"),
        "fwd=miss" | "fwd=uri-miss" | "fwd=vary-miss" | "fwd=partial" => Some("MISS"),
        _ => None,
    })
}

/// An object, member by member, behind other text. Texts are ids, tokens and words of ours: nothing in them needs an escape.
#[derive(Default)]
struct Json {
    text: String,
    has_members: bool,
}

impl Json {
    const fn behind(text: String) -> Self {
        Self { text, has_members: false }
    }

    fn name(&mut self, name: &str) {
        for text in [if self.has_members { ",\"" } else { "{\"" }, name, "\":"] {
            self.text += text;
        }
        self.has_members = true;
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text += value;
    }

    fn text(&mut self, name: &str, value: &str) {
        debug_assert!(value.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_+=.".contains(&octet)));
        self.name(name);
        for text in ["\"", value, "\""] {
            self.text += text;
        }
    }

    fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        // Writing to a string does not fail.
        write!(self.text, "{value}").ok();
    }

    fn close(self) -> String {
        self.text + "}"
    }
}

/// A text in JSON that may stand in an attribute of an element, whatever the page's encoding: all but plain characters
/// are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(octet) if octet.is_ascii_alphanumeric() || b"-_.~/:*[]()+,;=@!$ ".contains(&octet) => {
                quoted.push(char::from(octet));
            }
            // Writing to a string does not fail.
            _ => _ = write!(quoted, "\\u{unit:04x}"),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
