//! The agent's element in a page of a traced session: a script that records the browser's half of the trace, and what it
//! needs for that. Like the toolbar's, it stands in front of everything that the page brings along; unlike it, the page
//! waits for it, because what the page fetches first is part of the trace.

use std::fmt;

use opentelemetry::trace::{SpanId, TraceId};

use super::Json;
use crate::rules::hex::Hex;

/// The most route patterns of a site that a page is told, and their octets: each traced page carries them.
const ROUTES_MAX: usize = 64;
const ROUTES_BYTES_MAX: usize = 4096;

/// An origin, as browsers write it (HTML standard, "serialization of an origin").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads `https://api.example.com`, with a port where there is one. `None`: it has a path, or is no such address.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (scheme, rest) = lower.split_once("://")?;
        let default = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let host = rest.strip_suffix(default).unwrap_or(rest);
        let authority: http::uri::Authority = host.parse().ok()?;
        let is_plain = !host.contains(['@', '/', '*']) && !authority.host().is_empty();
        let port = &host[authority.host().len()..];
        let has_port = port.is_empty() || port[1..].parse::<u16>().is_ok_and(|port| port > 0);
        (is_plain && has_port).then(|| Self(format!("{scheme}://{host}")))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What all pages of a site are told alike, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFacts {
    routes: Box<str>,
    targets: Box<str>,
}

impl SiteFacts {
    /// Of a site with these route patterns, whose pages send trace context to these origins too. Patterns beyond the
    /// bound are left out, those of later routes first.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a str>, targets: &[Origin]) -> Self {
        let mut known: Vec<&str> = Vec::new();
        let mut left = ROUTES_BYTES_MAX;
        for pattern in patterns {
            if known.len() == ROUTES_MAX || pattern.len() > left {
                break;
            }
            if !known.contains(&pattern) {
                left -= pattern.len();
                known.push(pattern);
            }
        }
        let list = |texts: &mut dyn Iterator<Item = &str>| {
            let quoted: Vec<_> = texts.map(super::quoted).collect();
            format!("[{}]", quoted.join(",")).into()
        };
        Self {
            routes: list(&mut known.into_iter()),
            targets: list(&mut targets.iter().map(|origin| origin.0.as_str())),
        }
    }
}

/// What the agent is told of a page.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// The page's trace.
    pub trace: TraceId,
    /// The edge's span of the page's request, which the page's tags name.
    pub edge: SpanId,
    /// The span that the edge's hangs under: the browser's own of the same request. `None`: it hangs elsewhere already.
    pub document: Option<SpanId>,
    /// Under which spans are sent.
    pub upload: &'a str,
    /// The pattern of the page's route.
    pub route: &'a str,
    /// What all pages of the site are told.
    pub site: &'a SiteFacts,
}

/// The element, to be written into a page.
pub fn agent(script: &str, nonce: Option<&str>, page: &Browser<'_>) -> String {
    let mut json = Json::behind(super::opened("<script".to_owned(), script, nonce));
    json.text("trace", &page.trace.to_string());
    json.text("edge", &page.edge.to_string());
    if let Some(document) = page.document {
        json.text("doc", &document.to_string());
    }
    json.text("upload", page.upload);
    json.raw("route", &super::quoted(page.route));
    json.raw("routes", &page.site.routes);
    json.raw("to", &page.site.targets);
    json.close() + "'></script>"
}

/// The `Server-Timing` metric by which the edge tells a page which span of its browser a request hangs under: the trace,
/// and the id that the browser is to give to its own span of this request. Of a request in a trace of its own, which is no
/// trace of the page's, it is the edge's span; the browser's links to it.
pub fn server_timing(trace: TraceId, span: SpanId) -> String {
    format!("edge;desc=\"{}-{}\"", Hex(trace.to_bytes()), Hex(span.to_bytes()))
}
