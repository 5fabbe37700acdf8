//! What others are told of a traced request's place in its trace: the upstream, in header fields, and the page, in tags.

use http::{HeaderMap, HeaderName};
use opentelemetry::trace::SpanId;

use super::Context;
use crate::rules::trace_context::MetaTags;

impl Context {
    /// Tells a dynamic sampling context that begins here the route's name; the route must be known.
    pub fn name_transaction(&self) {
        if let (Some(outgoing), Some(route)) = (self.outgoing.borrow_mut().as_mut(), self.route.get()) {
            outgoing.name_transaction(route);
        }
    }

    /// Makes the trace context of a traced request that of the edge, with `span` as the parent of what happens at the
    /// upstream, which [`Self::tell_upstream`] says. The headers of an untraced request stay as they are.
    pub fn propagate(&self, headers: &mut HeaderMap, span: Option<SpanId>) {
        // A span that did not fit into the request's share is not named: nobody would find it.
        let span = span.or_else(|| self.root.borrow().id());
        if let (Some(outgoing), Some(span)) = (self.outgoing.borrow().as_ref(), span) {
            outgoing.apply(headers);
            self.keeping.unname(headers);
            self.parent_there.set(Some(span));
        }
    }

    /// Gives the fields to `write` that tell the upstream of a traced request where it hangs and what its name is.
    pub fn tell_upstream(&self, mut write: impl FnMut(&HeaderName, &[u8])) {
        if let (Some(outgoing), Some(span)) = (self.outgoing.borrow().as_ref(), self.parent_there.get()) {
            outgoing.tell(span, &mut write);
            self.keeping.name(self.request_id, write);
        }
    }

    /// What a traced request's page is told: the root span is its parent.
    pub fn tags(&self) -> Option<MetaTags> {
        let span = self.root.borrow().id()?;
        self.outgoing.borrow().as_ref().map(|outgoing| outgoing.meta(span))
    }

    /// The root span, and where it hangs: under a span of the page's browser from now on, unless it came with a parent.
    pub fn hang_under(&self, browser: SpanId) -> Option<(SpanId, Option<SpanId>)> {
        let mut root = self.root.borrow_mut();
        let is_free = self.outgoing.borrow().as_ref().is_some_and(|outgoing| outgoing.parent.is_none());
        if is_free {
            root.hang_under(browser);
        }
        Some((root.id()?, is_free.then_some(browser)))
    }
}
