//! A request's way through the cache: its key, what is stored under it, and what that may do.

use std::{rc::Rc, sync::Arc};

use http::{HeaderMap, Method, Uri, header};
use http_body::Body as _;

use super::{
    RouteCache,
    answer::{self, Wish},
    ask::{Errand, Need},
    disk::large::Opened,
    memory::Found,
    object::{self, Object},
    refresh,
    report::{self, Told},
    store::now,
};
use crate::{
    error::{ErrorType, ProxyError},
    proxy::{context::Context, handler::Handler},
    rules::cache::{
        Answer, Fwd, Purge, Refresh, RequestDirectives, Status, Use, Why, key, policy::Obey, stored::storable_of_post,
        tags,
    },
    service::{Outcome, Request, Response},
    trace::stage::Stage,
};

/// One request in the cache.
pub(super) struct Visit<S> {
    pub(super) route: Rc<RouteCache>,
    pub(super) inner: Rc<S>,
    pub(super) cx: Rc<Context>,
}

/// What a request asks the cache for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) key: String,
    pub(super) said: RequestDirectives,
}

impl<S: Handler> Visit<S> {
    pub(super) async fn run(self, mut request: Request) -> Outcome {
        let policy = &self.route.policy;
        key::ignore_cookies(request.headers_mut(), &policy.ignore_cookies);
        let key = match self.key(&mut request) {
            Ok(key) => key,
            Err(why) => return Box::pin(self.pass(request, Fwd::Bypass, why)).await,
        };
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS | Method::TRACE => return Box::pin(self.pass(request, Fwd::Method, Why::Method)).await,
            _ => return Box::pin(self.change(request, key)).await,
        }
        if let Some(why) = self.passes_by(&request) {
            return Box::pin(self.pass(request, Fwd::Bypass, why)).await;
        }
        let said = match policy.request_directives {
            Obey::Yes => RequestDirectives::of(request.headers()),
            Obey::No => RequestDirectives::default(),
        };
        let asked = Asked { key, said };
        let (found, decided, _opened) = self.look_up(&request, &asked).await;
        match (found, decided) {
            (Found::Variant(object), Some(Use::Fresh(why))) => Ok(self.hit(&request, &object, (Status::Hit, why))),
            (Found::Variant(object), Some(Use::Stale(why, wish))) => {
                if wish == Refresh::Background {
                    refresh::begin(&self, &request, &asked, &object);
                }
                Ok(self.hit(&request, &object, (Status::Stale, why)))
            }
            (found, decided) => {
                let need = Need::of(found, decided);
                if asked.said.only_if_cached {
                    return Err(self.refuse());
                }
                // Boxed, so that a hit does not carry its size.
                Box::pin(self.ask(request, asked, need)).await
            }
        }
    }

    /// The key. What is ignored of the query does not reach the upstream either.
    fn key(&self, request: &mut Request) -> Result<String, Why> {
        let policy = &self.route.policy;
        if let Some(kept) = request.uri().query().and_then(|query| key::query(query, &policy.query)) {
            let path = request.uri().path();
            let target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = target.parse().ok();
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        let own = self.cx.uri.query();
        let kept = own.and_then(|query| key::query(query, &policy.query)).map(|kept| kept.join("&"));
        let query = kept.as_deref().map_or(own, |kept| Some(kept).filter(|kept| !kept.is_empty()));
        let mut key = key::key(&self.asked(Self::authority(request), query, request.headers()), policy)?;
        // Two routes may answer one URL, by headers or methods, and are not the same then.
        key.push_str(&self.route.mark);
        Ok(key)
    }

    /// Host and port, as the upstream will see them.
    fn authority(request: &Request) -> &str {
        let host = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        request.uri().authority().map(http::uri::Authority::as_str).or_else(host).unwrap_or_default()
    }

    fn asked<'a>(&'a self, authority: &'a str, query: Option<&'a str>, headers: &'a HeaderMap) -> key::Asked<'a> {
        key::Asked {
            scheme: self.cx.scheme.get().as_str(),
            authority,
            forwarded_host: self.cx.forwarded_host.get().map(|host| &**host),
            path: self.cx.uri.path(),
            query,
            headers,
        }
    }

    fn passes_by(&self, request: &Request) -> Option<Why> {
        if !request.body().is_end_stream() {
            return Some(Why::HasContent);
        }
        if self.cx.hop.get().is_some_and(|hop| hop.upgrade.is_some()) {
            return Some(Why::Upgrade);
        }
        key::bypass(request.headers(), &self.route.policy)
    }

    /// What is stored and what it may do; its file, if its body is in one.
    async fn look_up(&self, request: &Request, asked: &Asked) -> (Found, Option<Use>, Option<Arc<Opened>>) {
        let mut span = self.cx.span(Stage::CacheLookup);
        let store = &self.route.store;
        let mut found = store.memory.find(&asked.key, request.headers());
        let is_unknown = matches!(found, Found::None(Why::NothingStored | Why::KeyDiffers { .. }, _));
        if is_unknown && store.promote(&asked.key, self.cx.request_id.number()).await {
            span.set("cache.promoted", || "from disk");
            found = store.memory.find(&asked.key, request.headers());
        }
        let mut opened = None;
        if let Found::Variant(object) = &found
            && object.large().is_some()
        {
            // Boxed, so that others do not carry its size.
            match Box::pin(store.open(object)).await {
                Ok(file) => opened = file,
                Err(why) => found = Found::None(why, None),
            }
        }
        let decided = match &found {
            Found::Variant(object) if answer::has_all(object, request.method(), request.headers()) => {
                let decided = object.terms().decide(&asked.said, now());
                Some(match decided {
                    Use::Ask(Why::Expired { .. }) if object.is_purged() => Use::Ask(Why::Purged),
                    decided => decided,
                })
            }
            _ => None,
        };
        span.set("cache.key", || self.cx.told(key::url(&asked.key)));
        report::found(&mut span, &found, decided.as_ref());
        (found, decided, opened)
    }

    /// Answers from what is stored.
    pub(super) fn hit(&self, request: &Request, object: &Arc<Object>, (status, why): (Status, Why)) -> Response {
        let now = now();
        let mut response = answer::from(object, request.method(), request.headers(), now);
        Told::hit(status, why, object.terms().left(now), object.tier()).tell(response.headers_mut(), &self.cx);
        response
    }

    /// RFC 9111 section 5.2.1.7.
    fn refuse(&self) -> ProxyError {
        let error = ProxyError::client(ErrorType::HttpRequestDenied)
            .with_status(http::StatusCode::GATEWAY_TIMEOUT)
            .with_detail(Why::OnlyIfCached.to_string());
        Told::refused(Why::OnlyIfCached).with_error(error, &self.cx)
    }

    /// Hands the request on, whatever is stored.
    async fn pass(&self, request: Request, fwd: Fwd, why: Why) -> Outcome {
        let told = Told::forwarded(Status::Bypass, why, fwd);
        match self.inner.handle(request, &self.cx).await {
            Ok(mut response) => {
                told.with_status(response.status()).tell(response.headers_mut(), &self.cx);
                Ok(response)
            }
            Err(error) => Err(told.with_error(error, &self.cx)),
        }
    }

    /// A method that changes what is stored: where it succeeds, that is forgotten (RFC 9111 section 4.4). The answer to a
    /// POST may take its place (RFC 9110 section 9.3.3).
    async fn change(&self, request: Request, key: String) -> Outcome {
        let authority = Self::authority(&request).to_owned();
        let wish = (*request.method() == Method::POST)
            .then(|| Wish { method: Method::GET, headers: request.headers().clone() });
        let told = Told::forwarded(Status::Bypass, Why::Method, Fwd::Method);
        let (asked_at, before) = (now(), self.route.store.purges());
        let mut response = match self.inner.handle(request, &self.cx).await {
            Ok(response) => response,
            Err(error) => return Err(told.with_error(error, &self.cx)),
        };
        if response.status().is_success() || response.status().is_redirection() {
            let store = &self.route.store;
            // Another purge while it was on its way may mean what this is about.
            let url = key::url(&key);
            let is_outdated = store.is_outdated(before, url, |purge| purge.means(url, |_, _| true));
            let purges = self.outdates(&response, &key, &authority);
            let alone = store.purges() + purges.len() as u64;
            let forgotten = store.purge_beside(purges).await;
            self.cx.counters.cache_invalidated.add(forgotten as u64);
            let since = store.purges();
            let asked = self.asked(&authority, self.cx.uri.query(), response.headers());
            let answer =
                Answer { status: response.status(), headers: response.headers(), asked: asked_at, answered: now() };
            if let Some(wish) = wish.filter(|_| !is_outdated && since == alone)
                && storable_of_post(&wish.headers, &answer, &asked, &self.route.policy).is_ok()
            {
                let asked = Asked { key, said: RequestDirectives::default() };
                let errand = Errand { asked, wish, need: Need::method(), leader: None, since };
                return Ok(self.take(response, errand, (asked_at, false)));
            }
        }
        told.with_status(response.status()).tell(response.headers_mut(), &self.cx);
        Ok(response)
    }

    /// What the answer to a method that changes something outdates.
    fn outdates(&self, response: &Response, key: &str, authority: &str) -> Vec<Purge> {
        let origin = object::origin(key);
        let others = key::invalidates(response.headers(), &self.asked(authority, None, response.headers()));
        let others = others.into_iter().map(|target| format!("{origin}{target}"));
        let urls = std::iter::once(key::url(key).to_owned()).chain(others);
        let mut purges: Vec<_> = urls.map(Purge::Url).collect();
        let groups = tags::groups(response.headers(), &tags::CACHE_GROUP_INVALIDATION);
        if !groups.is_empty() {
            purges.push(Purge::Groups(origin.to_owned(), groups));
        }
        purges
    }
}
