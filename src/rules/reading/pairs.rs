//! Pairs of a request and its answer: the span of whoever asked, and the span of whoever answered, which lies within it
//! in time, whatever their clocks say. They tell clocks apart ([`super::clocks`]), and what lay between ([`super::network`]).

use std::collections::HashSet;

use opentelemetry::trace::SpanKind;

use super::{Maker, Trace};

/// A request and its answer, by their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Who asked.
    pub client: usize,
    /// Who answered.
    pub server: usize,
}

/// The pairs of two processes, in the order of the tree.
pub fn pairs(trace: &Trace) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = trace.rows.iter().filter_map(|row| direct(trace, row.index)).collect();
    let answered: HashSet<usize> = pairs.iter().map(|pair| pair.client).collect();
    let documents = trace.rows.iter().filter_map(|row| document(trace, row.index));
    pairs.extend(documents.filter(|pair| !answered.contains(&pair.client)));
    pairs
}

/// A server's span below the span of whoever called it.
fn direct(trace: &Trace, server: usize) -> Option<Pair> {
    let client = trace.parent(server)?;
    let [asked, answers] = [client, server].map(|index| &trace.spans[index]);
    let asks = asked.kind == SpanKind::Client || (asks_as_browser(trace, client) && is_edge_request(trace, server));
    let is_pair = answers.kind == SpanKind::Server && asks && !trace.ends_by_inactivity(client);
    (is_pair && asked.process != answers.process).then_some(Pair { client, server })
}

/// What a browser says of one request, whatever kind it gives it.
fn asks_as_browser(trace: &Trace, index: usize) -> bool {
    let stage = &*trace.spans[index].stage;
    trace.maker(index) == Maker::Browser
        && (matches!(stage, "http.client" | "browser.request") || stage.starts_with("resource"))
}

fn is_edge_request(trace: &Trace, index: usize) -> bool {
    trace.maker(index) == Maker::Edge && trace.spans[index].stage == "request"
}

/// The request for a page itself. The browser's part of it and the edge's hang beside each other, below the page load, or
/// the page load hangs below the edge's. After a redirect there were several, and which is which is not said.
fn document(trace: &Trace, load: usize) -> Option<Pair> {
    if trace.maker(load) != Maker::Browser || trace.spans[load].stage != "pageload" {
        return None;
    }
    let of = |stage: &str| {
        let is = |child: &&usize| trace.maker(**child) == Maker::Browser && trace.spans[**child].stage == stage;
        trace.children(load).iter().find(is).copied()
    };
    if of("browser.redirect").is_some_and(|redirect| trace.length(redirect) > 0) {
        return None;
    }
    let above = trace.parent(load).filter(|parent| is_edge_request(trace, *parent));
    let server = above.or_else(|| trace.children(load).iter().copied().find(|child| is_edge_request(trace, *child)))?;
    Some(Pair { client: of("browser.request")?, server })
}
