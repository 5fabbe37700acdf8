//! Tags in pages, which a browser SDK continues the request's trace with; and the toolbar, for people who are signed in.
//!
//! It stands outside of everything that may store a response, since these octets belong to one visitor, and inside of
//! compression, since it needs plain ones. It does not touch a request or a response that is not a page to be edited;
//! `Accept-Encoding` stays in any case, else traced visitors would see other variants than the rest.
//!
//! A compressed page's first piece is decoded before its head goes out: what proves to be encoded otherwise than it says
//! passes as it came, with the tags beside it.
//!
//! The span begins with the response's head, and ends when the document's head has passed.

mod edit;
mod first;
mod toolbar;

use std::{rc::Rc, sync::Arc};

use http::{HeaderMap, HeaderName, Method, StatusCode};

pub use self::toolbar::Toolbar;
use self::{edit::Edit, first::First, toolbar::Person};
use super::{
    context::{Context, Dress, Wardrobe},
    decode::Decoder,
    handler::Handler,
};
use crate::{
    body::Body,
    config::model::{self, Toggle},
    rules::{
        html::Scanner,
        page::{self, Plan},
        toolbar::is_skipped,
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
    /// The toolbar, where pages get one.
    pub toolbar: Option<Rc<Toolbar>>,
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
        let Some(mut wanted) = self.settings.wanted(&request, cx) else { return self.inner.handle(request, cx).await };
        // A 304 would revive a page with another trace's tags, and a part of a page has no place for them.
        wanted.taken_off = page::ask_for_all(request.headers_mut());
        let response = self.inner.handle(request, cx).await?;
        if is_skipped(response.headers()) {
            wanted.person = None;
        }
        if wanted.is_nothing() || !self.settings.is_page(&response, &wanted, cx) {
            return Ok(response);
        }
        Ok(edit(response, wanted, cx).await)
    }
}

/// What a page is to be given.
struct Wanted {
    tags: Option<MetaTags>,
    // Boxed, so that requests of everybody else do not carry its size.
    person: Option<Box<Person>>,
    sharing: Sharing,
    /// Fields that the request came with, and does not have any more.
    taken_off: Vec<HeaderName>,
}

impl Wanted {
    fn is_nothing(&self) -> bool {
        self.tags.is_none() && self.person.is_none()
    }
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
            // Nothing of ours: no toolbar either.
            model::Inject::Off => return None,
        };
        let toolbar = self.toolbar.as_ref().filter(|_| cx.is_known());
        let may_be_wanted = applies || toolbar.is_some();
        if !may_be_wanted || request.method() != Method::GET || !page::navigates(request.headers()) {
            return None;
        }
        // A frame's page has none: there is one toolbar in a window.
        let toolbar = toolbar.filter(|_| page::fills_window(request.headers()));
        let person = toolbar.and_then(|toolbar| toolbar.person(request, cx));
        let tags = if applies { self.tags(request, cx) } else { None };
        let is_decided = traced || person.is_some();
        let sharing = if is_decided { Sharing::Never } else { Sharing::Respected };
        let wanted = Wanted { tags, person, sharing, taken_off: Vec::new() };
        (!wanted.is_nothing()).then_some(wanted)
    }

    fn tags(&self, request: &Request, cx: &Context) -> Option<MetaTags> {
        cx.tags().or_else(|| (!cx.is_traced()).then(|| self.deferred(request)))
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

impl Wardrobe for InjectLayer {
    fn choose(&self, request: &Request, cx: &Context) -> Option<Dress> {
        if self.mode == model::Inject::Off || request.method() != Method::GET {
            return None;
        }
        let fills_window = |headers| page::navigates(headers) && page::fills_window(headers);
        let toolbar = self.toolbar.as_ref().filter(|_| cx.is_known() && fills_window(request.headers()));
        let person = toolbar.and_then(|toolbar| toolbar.person(request, cx));
        Some(Box::new(move |page, cx| {
            Box::pin(async move {
                // A route that was known may have another mode than its site, and its name is told with the tags.
                let wanted = Wanted { tags: cx.tags(), person, sharing: Sharing::Never, taken_off: Vec::new() };
                let is_off = cx.inject.get() == model::Inject::Off;
                if is_off || wanted.is_nothing() { page } else { edit(page, wanted, &cx).await }
            })
        }))
    }
}

/// Gives a page what is wanted: in the body or, of the tags, else beside it.
async fn edit(mut response: Response, wanted: Wanted, cx: &Rc<Context>) -> Response {
    let (coding, charset) = match page::plan(response.headers()) {
        Plan::Leave => return response,
        Plan::Rewrite { coding, charset } => (coding, charset),
        Plan::Announce(reason) => return announce(response, &wanted, cx.span(Stage::Inject), reason, cx),
    };
    let mut span = cx.span(Stage::Inject);
    let mut headers = response.headers().clone();
    let fitted = wanted.person.as_ref().map(|person| person.fit(&mut headers, cx));
    let has_script = matches!(fitted, Some(Ok(_)));
    if wanted.tags.is_none() && !has_script {
        return response;
    }
    let Ok(decoder) = coding.map(Decoder::new).transpose() else {
        return announce(response, &wanted, span, "no_decoder", cx);
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
                return announce(response, &wanted, span, "not_decodable", cx);
            }
        }
    }
    page::make_personal(&mut headers);
    page::forget_octets(&mut headers);
    if span.is_on() {
        altered(response.headers(), &headers, &wanted.taken_off, &mut span);
    }
    let script = fitted.zip(wanted.person).and_then(|(fitted, person)| {
        toolbar::tell(&fitted, &mut span);
        Some(person.elements(&fitted.ok()?, response.headers(), cx))
    });
    *response.headers_mut() = headers;
    if let Some(coding) = coding {
        span.set("waylight.inject.decoded", || coding.name());
    }
    let edit = Edit::new(Scanner::new(wanted.tags.as_ref(), script, charset), span, Rc::clone(cx));
    response.map(|shell| shell.map_content(|_| Body::boxed(edit.of(content, decoded))))
}

/// Tells which fields of the request and of the response are not as they were.
fn altered(before: &HeaderMap, after: &HeaderMap, taken_off: &[HeaderName], span: &mut Span) {
    let list = |names: Vec<&str>| names.join(", ");
    if !taken_off.is_empty() {
        span.set("waylight.inject.request_headers_removed", || {
            list(taken_off.iter().map(HeaderName::as_str).collect())
        });
    }
    let is_other = |name: &&HeaderName| !before.get_all(*name).iter().eq(after.get_all(*name).iter());
    let removed = || before.keys().filter(|name| !after.contains_key(*name)).map(HeaderName::as_str);
    if removed().next().is_some() {
        span.set("waylight.inject.headers_removed", || list(removed().collect()));
    }
    span.set("waylight.inject.headers_changed", || {
        list(after.keys().filter(is_other).map(HeaderName::as_str).collect())
    });
}

/// Tells the browser beside the body, which must stay as it is. For the toolbar there is no such place.
fn announce(mut response: Response, wanted: &Wanted, mut span: Span, reason: &'static str, cx: &Context) -> Response {
    cx.counters.pages_not_injected.one();
    span.set("waylight.inject.reason", || reason);
    if wanted.person.is_some() {
        span.set("waylight.inject.toolbar", || reason);
    }
    if let Some(tags) = &wanted.tags {
        span.set("waylight.inject.result", || "server_timing");
        if let Some(value) = page::server_timing(tags) {
            page::make_personal(response.headers_mut());
            response.headers_mut().append("server-timing", value);
        }
    }
    response
}

#[cfg(test)]
mod tests;
