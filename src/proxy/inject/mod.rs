//! Tags in pages: what a browser SDK continues the request's trace with.
//!
//! It stands outside of everything that may store a response, since these octets belong to one visitor, and inside of
//! compression, since it needs plain ones. It does not touch a request or a response that is not a page to be edited;
//! `Accept-Encoding` stays in any case, else traced visitors would see other variants than the rest.
//!
//! A compressed page's first piece is decoded before its head goes out: what proves to be encoded otherwise than it says
//! passes as it came, with the tags beside it.
//!
//! The span begins with the response's head, and ends when the document's head has passed.

mod decode;
mod edit;
mod first;

use std::{rc::Rc, sync::Arc};

use http::{Method, StatusCode};

use self::{decode::Decoder, edit::Edit, first::First};
use super::{context::Context, handler::Handler};
use crate::{
    body::Body,
    config::model::{self, Toggle},
    rules::{
        html::Scanner,
        page::{self, Plan},
        trace_context::{Incoming, MetaTags, NewIds, Outgoing, Policy, Settings},
    },
    service::{Outcome, Request, Response},
    trace::{ids, scope::Span, stage::Stage},
};

/// Puts [`Inject`] in front of a stage.
#[derive(Clone, Debug)]
pub struct InjectLayer {
    /// When pages are given tags.
    pub mode: model::Inject,
    /// Whether the upstream's error pages are given tags too; Waylight's own are.
    pub error_pages: Toggle,
    /// How far trace context that comes in is believed, for pages that are not traced.
    pub policy: Policy,
    /// The Sentry project, for pages that are not traced.
    pub sentry: Arc<Settings>,
}

impl<S> tower::Layer<S> for InjectLayer {
    type Service = Inject<S>;

    fn layer(&self, inner: S) -> Inject<S> {
        Inject { settings: self.clone(), inner }
    }
}

/// Edits pages.
#[derive(Debug)]
pub struct Inject<S> {
    settings: InjectLayer,
    inner: S,
}

impl<S: Handler> Handler for Inject<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let Some(wanted) = self.settings.wanted(&request, cx) else { return self.inner.handle(request, cx).await };
        // A 304 would revive a page with another trace's tags, and a part of a page has no place for them.
        page::ask_for_all(request.headers_mut());
        let response = self.inner.handle(request, cx).await?;
        if !self.settings.is_page(&response, &wanted, cx) {
            return Ok(response);
        }
        Ok(edit(response, &wanted.tags, cx).await)
    }
}

/// What a page is to be given.
struct Wanted {
    tags: MetaTags,
    sharing: Sharing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// The trace is this visitor's, and the page becomes his.
    Never,
    /// Pages that others may be given too stay as they are.
    Respected,
}

impl InjectLayer {
    fn wanted(&self, request: &Request, cx: &Context) -> Option<Wanted> {
        let traced = cx.is_traced();
        let applies = match self.mode {
            model::Inject::Traced => traced,
            model::Inject::Deferred => true,
            model::Inject::Off => false,
        };
        if !applies || request.method() != Method::GET || !page::navigates(request.headers()) {
            return None;
        }
        match cx.tags() {
            Some(tags) => Some(Wanted { tags, sharing: Sharing::Never }),
            None if traced => None,
            None => Some(Wanted { tags: self.deferred(request), sharing: Sharing::Respected }),
        }
    }

    /// Tags of a page that is not traced: nothing is decided for the browser.
    fn deferred(&self, request: &Request) -> MetaTags {
        let new = NewIds { trace_id: ids::trace_id(), sample_rate: 1.0 };
        let outgoing = Outgoing::deferred(&Incoming::read(request.headers()), self.policy, &self.sentry, new);
        outgoing.meta(outgoing.parent.unwrap_or_else(ids::span_id))
    }

    fn is_page(&self, response: &Response, wanted: &Wanted, cx: &Context) -> bool {
        let status = response.status();
        let is_error = status.is_client_error() || status.is_server_error();
        let is_ours = cx.error.get().is_some();
        let shared = wanted.sharing == Sharing::Respected && page::may_be_shared(response.headers());
        let whole = status == StatusCode::OK || is_error && (is_ours || self.error_pages.is_on());
        whole && !shared && !http_body::Body::is_end_stream(response.body())
    }
}

/// Gives a page its tags, in the body or else beside it.
async fn edit(mut response: Response, tags: &MetaTags, cx: &Rc<Context>) -> Response {
    let plan = page::plan(response.headers());
    if plan == Plan::Leave {
        return response;
    }
    let mut span = cx.span(Stage::Inject);
    let (coding, charset) = match plan {
        Plan::Rewrite { coding, charset } => (coding, charset),
        Plan::Announce(reason) => return announce(response, tags, span, reason, cx),
        Plan::Leave => return response,
    };
    let Ok(decoder) = coding.map(Decoder::new).transpose() else {
        return announce(response, tags, span, "no_decoder", cx);
    };
    let mut content = response.body_mut().take_content();
    let mut decoded = None;
    if let Some(mut decoder) = decoder {
        match first::first(content, &mut decoder).await {
            First::Piece(piece, rest) => {
                content = rest;
                decoded = Some((decoder, piece));
            }
            First::AsItCame(content) => {
                tracing::warn!(request_id = %cx.request_id, "a page is not encoded as it says, and passes as it came");
                let response = response.map(|shell| shell.map_content(|_| content));
                return announce(response, tags, span, "not_decodable", cx);
            }
        }
    }
    page::make_personal(response.headers_mut());
    page::forget_octets(response.headers_mut());
    if let Some(coding) = coding {
        span.set("waylight.inject.decoded", || coding.name());
    }
    let edit = Edit::new(Scanner::new(tags, charset), span, Rc::clone(cx));
    response.map(|shell| shell.map_content(|_| Body::boxed(edit.of(content, decoded))))
}

/// Tells the browser beside the body, which must stay as it is.
fn announce(mut response: Response, tags: &MetaTags, mut span: Span, reason: &'static str, cx: &Context) -> Response {
    cx.counters.pages_not_injected.one();
    span.set("waylight.inject.result", || "server_timing");
    span.set("waylight.inject.reason", || reason);
    if let Some(value) = page::server_timing(tags) {
        page::make_personal(response.headers_mut());
        response.headers_mut().append("server-timing", value);
    }
    response
}

#[cfg(test)]
mod tests;
