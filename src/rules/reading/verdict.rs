//! The verdict: where the time of a request went, in one sentence, and in parts that add up to it. Told from the
//! critical path of the edge's request, and never from the length of a page load or a navigation.

use std::collections::HashMap;

use super::{
    Maker, Outcome, Trace, Work,
    path::{Stretch, critical_path},
};
use crate::rules::length::{length, part_of};

/// A request that takes at least so long is called slow, in nanoseconds.
pub const SLOW_NANOS: u64 = 100_000_000;

/// Where the time went.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In plain English.
    pub sentence: String,
    /// The request's length, in nanoseconds.
    pub total: u64,
    /// Its parts, the longest first; together they are as long as the whole.
    pub parts: Vec<Part>,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose time it is.
    pub culprit: Culprit,
    /// Its length, in nanoseconds.
    pub nanos: u64,
}

/// Whose time a part is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Culprit {
    /// The edge itself.
    Edge,
    /// The TLS handshake with the client.
    Handshake,
    /// Starting the upstream's process.
    Start,
    /// Finding, opening and waiting for a connection to the upstream.
    Connection,
    /// Between the edge and an app: the network, queues, and what the app does outside of its spans.
    Network,
    /// An upstream that sent no spans.
    Unseen,
    /// The app with this service name.
    App(String),
    /// The browser.
    Browser,
}

impl Culprit {
    /// The stable word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Handshake => "handshake",
            Self::Start => "start",
            Self::Connection => "connection",
            Self::Network => "network",
            Self::Unseen => "unseen",
            Self::App(_) => "app",
            Self::Browser => "browser",
        }
    }

    /// The app's service.
    pub fn service(&self) -> Option<&str> {
        if let Self::App(service) = self { Some(service) } else { None }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Edge => "the edge",
            Self::Handshake => "the TLS handshake with the client",
            Self::Start => "a cold start",
            Self::Connection => "the connection to the upstream",
            Self::Network => "the way between edge and app",
            Self::Unseen => "the upstream, which sent no spans",
            Self::App(_) => "the app",
            Self::Browser => "the browser",
        }
    }
}

/// The verdict on a trace; `None` if nothing in it has a length that says something.
pub fn verdict(trace: &Trace) -> Option<Verdict> {
    let entry = trace.entry()?;
    Some(along(trace, entry, &critical_path(trace, entry)))
}

/// The same, where the critical path of the trace's entry is known.
pub fn along(trace: &Trace, entry: usize, path: &[Stretch]) -> Verdict {
    let total = trace.length(entry);
    let mut sums: HashMap<Culprit, u64> = HashMap::new();
    let mut spans: HashMap<usize, u64> = HashMap::new();
    for stretch in path {
        *sums.entry(culprit(trace, stretch.span)).or_default() += stretch.length();
        *spans.entry(stretch.span).or_default() += stretch.length();
    }
    let mut parts: Vec<Part> = sums.into_iter().map(|(culprit, nanos)| Part { culprit, nanos }).collect();
    parts.sort_by(|a, b| (b.nanos, &a.culprit).cmp(&(a.nanos, &b.culprit)));
    let sentence = sentence(&Told { trace, spans: &spans, entry, total }, parts.first());
    Verdict { sentence, total, parts }
}

fn culprit(trace: &Trace, index: usize) -> Culprit {
    let span = &trace.spans[index];
    match trace.maker(index) {
        Maker::Browser => Culprit::Browser,
        Maker::App => Culprit::App(trace.service(index).to_owned()),
        Maker::Edge => match &*span.stage {
            "tls_handshake" => Culprit::Handshake,
            "upstream.start" | "upstream.spawn" | "upstream.ready" => Culprit::Start,
            "upstream.wait" | "upstream.dns" | "upstream.connect" | "upstream.tls" => Culprit::Connection,
            "upstream.request" if trace.children(index).iter().any(|child| trace.maker(*child) == Maker::App) => {
                Culprit::Network
            }
            "upstream.request" => Culprit::Unseen,
            _ => Culprit::Edge,
        },
    }
}

/// What a sentence is made of.
struct Told<'a> {
    trace: &'a Trace,
    /// The time of each span on the critical path.
    spans: &'a HashMap<usize, u64>,
    entry: usize,
    total: u64,
}

fn sentence(told: &Told<'_>, longest: Option<&Part>) -> String {
    let Told { trace, entry, total, .. } = *told;
    let span = &trace.spans[entry];
    let failed = (span.outcome == Outcome::Failed).then(|| {
        let status = span.status.map(|status| format!(" with {status}")).unwrap_or_default();
        let kind = Some(&span.error).filter(|error| span.status.is_none_or(|status| **error != status.to_string()));
        let kind = kind.filter(|error| !error.is_empty()).map(|error| format!(" ({error})")).unwrap_or_default();
        format!("Failed{status}{kind} after {}", length(total))
    });
    let Some(part) = longest.filter(|part| part.nanos > 0) else {
        return failed.unwrap_or_else(|| format!("Took {}", length(total))) + ".";
    };
    let of = part_of(part.nanos, total);
    let place = place(told, &part.culprit);
    let detail = detail(told, part);
    let name = part.culprit.name();
    match failed {
        Some(failed) => format!("{failed}, most of it because of {name}: {of}{place}{detail}."),
        None if total >= SLOW_NANOS => format!("Slow because of {name}: {of}{place}{detail}."),
        None => format!("Quick, with most of the time in {name}: {of}{place}{detail}."),
    }
}

/// Where in the app: its span that the edge's request led to.
fn place(told: &Told<'_>, culprit: &Culprit) -> String {
    let Culprit::App(service) = culprit else { return String::new() };
    let is_of = |index: usize| told.trace.maker(index) == Maker::App && told.trace.service(index) == service;
    let mut rows = told.trace.rows.iter().map(|row| row.index);
    let top = rows.find(|index| is_of(*index) && told.spans.contains_key(index));
    let Some(mut top) = top else { return format!(" in {service}") };
    while let Some(parent) = told.trace.parent(top).filter(|parent| is_of(*parent)) {
        top = parent;
    }
    format!(" in {} in {service}", told.trace.spans[top].name)
}

/// What of an app's time is one thing: queries, or calls of somebody else.
fn detail(told: &Told<'_>, part: &Part) -> String {
    let Culprit::App(service) = &part.culprit else { return String::new() };
    let mut groups: HashMap<(Work, &str), (u64, usize)> = HashMap::new();
    for (&index, &nanos) in told.spans {
        let span = &told.trace.spans[index];
        let is_of = told.trace.maker(index) == Maker::App && told.trace.service(index) == service;
        let is_last = told.trace.children(index).is_empty();
        if is_of && is_last && span.work != Work::Other && nanos > 0 {
            let name = if span.work == Work::Query { "" } else { &*span.name };
            let group = groups.entry((span.work, name)).or_default();
            *group = (group.0 + nanos, group.1 + 1);
        }
    }
    let largest = groups.into_iter().max_by_key(|((_, name), (nanos, _))| (*nanos, std::cmp::Reverse(*name)));
    let Some(((work, name), (nanos, count))) = largest else { return String::new() };
    if nanos * 2 < part.nanos {
        return String::new();
    }
    let what = match (work, count) {
        (Work::Query, 1) => "one query".to_owned(),
        (Work::Query, _) => format!("{count} queries"),
        (_, 1) => format!("one call, {name}"),
        (..) => format!("{count} calls, {name}"),
    };
    format!(", {} of it {what}", length(nanos))
}
