//! The tags themselves: which the page has, which are still to be written, and how.
//!
//! No white space between them or around: text nodes there break the hydration of server-rendered pages.

use opentelemetry::trace::TraceId;

use super::tokens::Meta;
use crate::rules::trace_context::{MetaTags, baggage, sentry_trace::SentryTrace, traceparent::Traceparent};

const NAMES: [&str; 3] = ["sentry-trace", "baggage", "traceparent"];
const SENTRY_TRACE: usize = 0;
const BAGGAGE: usize = 1;

/// What becomes of a tag that the page brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not about tracing.
    Other,
    /// It stays.
    Keep,
    /// It goes.
    Remove,
}

/// What a page has of one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing.
    Missing,
    /// Nothing any more: another trace's was taken out.
    Removed,
    /// One of this trace.
    There,
}

/// The tags to write, and what the page has of them.
#[derive(Debug)]
pub(super) struct Pending {
    trace_id: TraceId,
    values: [Option<String>; 3],
    states: [State; 3],
    written: bool,
}

impl Pending {
    pub(super) fn new(tags: &MetaTags) -> Self {
        Self {
            trace_id: tags.trace_id,
            values: [Some(tags.sentry_trace.clone()), tags.baggage.clone(), Some(tags.traceparent.clone())],
            states: [State::Missing; 3],
            written: false,
        }
    }

    /// What becomes of `meta`. The first of this trace stays, unless ours are written already: a browser takes the
    /// first in document order, so everything behind is a duplicate.
    pub(super) fn judge(&mut self, meta: &Meta) -> Verdict {
        let Some(tag) = NAMES.iter().position(|name| meta.name() == name.as_bytes()) else { return Verdict::Other };
        let same = meta.content().and_then(|content| trace_of(tag, content)) == Some(self.trace_id);
        if same && !self.written && self.states[tag] != State::There {
            self.states[tag] = State::There;
            return Verdict::Keep;
        }
        if self.states[tag] == State::Missing {
            self.states[tag] = State::Removed;
        }
        Verdict::Remove
    }

    /// Adds what is missing to `html`.
    pub(super) fn write(&mut self, html: &mut String) {
        self.written = true;
        for (tag, value) in self.values.iter().enumerate() {
            if let Some(value) = value.as_ref().filter(|_| self.is_wanted(tag)) {
                push_tag(html, NAMES[tag], value);
            }
        }
    }

    fn is_wanted(&self, tag: usize) -> bool {
        match self.states[tag] {
            State::There => false,
            State::Removed => true,
            // A page's own pair stays as the page wrote it: a decision of ours might contradict its own.
            State::Missing => tag == SENTRY_TRACE || self.states[SENTRY_TRACE] != State::There,
        }
    }
}

/// The trace that a tag's content names.
fn trace_of(tag: usize, content: &[u8]) -> Option<TraceId> {
    match tag {
        SENTRY_TRACE => SentryTrace::parse(content).map(|context| context.trace_id),
        BAGGAGE => {
            let named = baggage::parse(content).find(|member| member.key() == "sentry-trace_id")?;
            TraceId::from_hex(&named.value()).ok()
        }
        _ => Traceparent::parse(content).map(|context| context.trace_id),
    }
}

fn push_tag(html: &mut String, name: &str, value: &str) {
    html.push_str("<meta name=\"");
    html.push_str(name);
    html.push_str("\" content=\"");
    for c in value.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
    }
    html.push_str("\"/>");
}
