//! The way to the upstream: for itself or for others too, with a condition where something is stored, and what becomes
//! of the answer: a stored response renewed, a new one stored, or one that is handed through.

use std::{rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{AGE, DATE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE, SET_COOKIE},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    answer::{self, Wish},
    filling::Filling,
    flight::{Landing, Leader, OnItsWay, Part},
    memory::Found,
    object::{self, Chunks, Object, Parts},
    report::{self, Told},
    save::{Filler, Saving, length},
    store::now,
    visit::{Asked, Visit},
};
use crate::{
    body::Body,
    proxy::handler::Handler,
    rules::cache::{
        Answer, Fwd, Status, Use, Why, key,
        stored::{is_failure, renewed, storable, strip},
        validate, vary,
    },
    service::{Outcome, Request, Response},
    trace::{scope::Span, stage::Stage},
};

/// How often a request waits for another one whose leader failed.
const WAITS_MAX: usize = 3;

/// Why the upstream is to be asked.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) fwd: Fwd,
    pub(super) why: Why,
    /// What is stored for this request, though it cannot answer as it is.
    pub(super) stored: Option<Arc<Object>>,
    /// What is stored for another request to the same URL.
    other: Option<Arc<Object>>,
}

impl Need {
    /// What is stored has to be asked about.
    pub(super) fn stale(fwd: Fwd, why: Why, stored: Arc<Object>) -> Self {
        Self { fwd, why, stored: Some(stored), other: None }
    }

    /// As the lookup had it.
    pub(super) fn of(found: Found, decided: Option<Use>) -> Self {
        match (found, decided) {
            (Found::Variant(stored), Some(Use::Ask(why) | Use::Fresh(why) | Use::Stale(why, _))) => {
                let by_request =
                    matches!(why, Why::RequestNoCache | Why::RequestMaxAge { .. } | Why::RequestMinFresh { .. });
                let fwd = if by_request { Fwd::Request } else { Fwd::Stale };
                Self::stale(fwd, why, stored)
            }
            (Found::Variant(part), None) => {
                Self { fwd: Fwd::Partial, why: Why::PartStored, stored: None, other: Some(part) }
            }
            (Found::None(why, other), _) => {
                let fwd = if other.is_some() { Fwd::VaryMiss } else { Fwd::UriMiss };
                Self { fwd, why, stored: None, other }
            }
        }
    }
}

/// One question to the upstream.
pub(super) struct Errand {
    pub(super) asked: Asked,
    pub(super) wish: Wish,
    pub(super) need: Need,
    pub(super) leader: Option<Leader>,
    /// How many purges there had been when it began.
    pub(super) since: u64,
}

impl<S: Handler> Visit<S> {
    /// Has the request answered by the upstream, or by another request's answer.
    pub(super) async fn ask(&self, request: Request, asked: Asked, need: Need) -> Outcome {
        let wish = Wish { method: request.method().clone(), headers: request.headers().clone() };
        let mut leader = None;
        if need.fwd != Fwd::Request && !asked.said.no_store && !self.route.store.is_refused(&asked.key) {
            let name = flight_name(&asked, &wish, &need);
            let deadline = Instant::now() + self.route.policy.collapse_wait;
            for _ in 0..WAITS_MAX {
                match self.route.store.flights.join(&name) {
                    Part::Leader(leads) => {
                        leader = Some(leads);
                        break;
                    }
                    Part::Follower(flight) => match self.follow((flight, deadline), &asked, &wish, &need).await {
                        Ok(response) => return Ok(response),
                        Err(Next::Alone) => break,
                        Err(Next::Again) => {}
                    },
                }
            }
        }
        let since = self.route.store.purges();
        self.lead(request, Errand { asked, wish, need, leader, since }).await
    }

    /// Waits for another request's answer.
    async fn follow(
        &self,
        (mut flight, deadline): (watch::Receiver<Landing>, Instant),
        asked: &Asked,
        wish: &Wish,
        need: &Need,
    ) -> Result<Response, Next> {
        let mut span = self.cx.span(Stage::CacheWait);
        let landed = flight.wait_for(|landing| !matches!(landing, Landing::Asking));
        let landing = match timeout_at(deadline, landed).await {
            Ok(Ok(landing)) => landing.clone(),
            Ok(Err(_)) => Landing::Failed,
            Err(_) => {
                span.set("cache.collapsed", || "the other request took too long");
                return Err(Next::Alone);
            }
        };
        let (response, filled_by) = match &landing {
            Landing::Asking | Landing::Failed => {
                span.set("cache.collapsed", || "the other request failed");
                return Err(Next::Again);
            }
            Landing::Private => {
                span.set("cache.collapsed", || "the answer was for the other request only");
                return Err(Next::Alone);
            }
            Landing::Stored(object) => {
                let fits =
                    object.differs(&wish.headers).is_none() && answer::has_all(object, &wish.method, &wish.headers);
                (fits.then(|| answer::from(object, &wish.method, &wish.headers, now())), object.filled_by())
            }
            Landing::Filling(way) => {
                // What was purged since it was asked for is not for those who come later.
                let names = || object::names(&asked.key, &way.headers);
                let is_current = !self.route.store.is_outdated(way.since, |purge| {
                    purge.means_one(key::url(&asked.key), |name| names().contains(&name))
                });
                (is_current.then(|| on_its_way(way, wish)).flatten(), way.filled_by)
            }
        };
        let Some(mut response) = response else {
            span.set("cache.collapsed", || "the answer does not fit this request");
            return Err(Next::Alone);
        };
        if let Some((trace_id, span_id)) = filled_by {
            span.link(trace_id, span_id, "collapsed onto");
        }
        report::reason(&mut span, &Why::Collapsed);
        let told = Told::forwarded(Status::Collapsed, Why::Collapsed, need.fwd).with_status(response.status());
        told.tell(response.headers_mut(), &self.cx);
        Ok(response)
    }

    /// Asks the upstream.
    pub(super) async fn lead(&self, mut request: Request, errand: Errand) -> Outcome {
        let stored = errand.need.stored.as_ref().filter(|_| errand.wish.method == Method::GET);
        let stored = stored.map(|object| object.headers()).filter(validate::can_validate);
        let plain = stored.as_ref().map(|_| again(&request));
        if let Some(stored) = &stored {
            validate::ask(request.headers_mut(), stored);
        }
        let mut span = stored.as_ref().map_or_else(Span::off, |_| self.cx.span(Stage::CacheRevalidate));
        let outer = self.cx.enter(&span);
        let mut asked = now();
        let mut outcome = self.inner.handle(request, &self.cx).await;
        let is_foreign = |response: &Response| {
            response.status() == StatusCode::NOT_MODIFIED
                && stored.as_ref().is_some_and(|stored| !validate::is_about(response.headers(), stored))
        };
        if let Some(plain) = plain
            && outcome.as_ref().is_ok_and(is_foreign)
        {
            // It is about something that is not stored here (RFC 9111 section 4.3.3).
            asked = now();
            outcome = self.inner.handle(plain, &self.cx).await;
        }
        self.cx.leave(outer);
        span.outcome(&outcome);
        let failed = outcome.as_ref().map_or(true, |response| is_failure(response.status()));
        if failed
            && let Some(object) = &errand.need.stored
            && let Some(why) = object.terms().on_error(&errand.asked.said, now())
        {
            report::reason(&mut span, &why);
            return Ok(self.stand_in(object, &errand.wish, why));
        }
        match outcome {
            Err(error) => {
                Err(Told::forwarded(Status::Miss, errand.need.why, errand.need.fwd).with_error(error, &self.cx))
            }
            Ok(response) if response.status() == StatusCode::NOT_MODIFIED && stored.is_some() => {
                Ok(self.renew(&response, errand, (asked, &mut span)))
            }
            Ok(response) => Ok(self.take(response, errand, (asked, stored.is_some()))),
        }
    }

    fn stand_in(&self, object: &Arc<Object>, wish: &Wish, why: Why) -> Response {
        let now = now();
        let mut response = answer::from(object, &wish.method, &wish.headers, now);
        Told::hit(Status::Stale, why, object.terms().left(now)).tell(response.headers_mut(), &self.cx);
        response
    }

    /// The upstream says that what is stored is current still, RFC 9111 section 4.3.4.
    fn renew(&self, response: &Response, errand: Errand, (asked, span): (u64, &mut Span)) -> Response {
        let Errand { wish, need, leader, since, .. } = errand;
        let Some(object) = &need.stored else { return answer::without_content(response.status(), HeaderMap::new()) };
        let (object, kept) = self.refreshed(object, &wish.headers, response.headers(), (asked, since));
        let left = object.terms.left(now());
        let why = Why::NotModified { left: u64::try_from(left).unwrap_or(0) };
        report::reason(span, &why);
        report::stored(span, &object);
        if let Some(leader) = &leader {
            leader.tell(if kept.is_ok() { Landing::Stored(Arc::clone(&object)) } else { Landing::Private });
        }
        let mut renewed = answer::from(&object, &wish.method, &wish.headers, now());
        // What the 304 sets is for this client.
        for cookie in response.headers().get_all(SET_COOKIE) {
            renewed.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        let told = Told::forwarded(Status::Revalidated, why, need.fwd).with_status(StatusCode::NOT_MODIFIED);
        let told = match kept {
            Ok(()) => told.with_stored(left),
            Err(why) => told.not_stored(why),
        };
        told.tell(renewed.headers_mut(), &self.cx);
        renewed
    }

    /// Stores anew what an answer without content says of a stored response. One that may not be stored as it is now is
    /// forgotten, and is for this request only.
    fn refreshed(
        &self,
        object: &Arc<Object>,
        request: &HeaderMap,
        answered: &HeaderMap,
        (asked, since): (u64, u64),
    ) -> (Arc<Object>, Result<(), Why>) {
        let policy = &self.route.policy;
        let now = now();
        let mut headers = object.headers();
        headers.remove(DATE);
        let mut answered = answered.clone();
        answered.remove(SET_COOKIE);
        validate::update(&mut headers, &answered);
        let answer = Answer { status: object.status, headers: &headers, asked, answered: now };
        let (terms, _) = renewed(&answer, policy);
        let verdict = storable(request, &answer, policy);
        // What it varies by may be something else from now on.
        let vary = verdict.as_ref().map_or_else(|_| object.vary().to_owned(), |stored| stored.vary.values(request));
        strip(&mut headers, now, policy);
        let parts = Parts {
            key: object.key(),
            vary: &vary,
            status: object.status,
            headers: &headers,
            terms,
            answered: now,
            part: object.part(),
            filled_by: self.cx.scope().context().map(|at| (at.trace_id, at.span_id)).or(object.filled_by()),
        };
        let renewed = Object::new(&parts, object.body());
        let store = &self.route.store;
        if verdict.is_err() || vary != object.vary() {
            store.forget(object);
        }
        if let Err(why) = verdict {
            return (Arc::new(renewed), Err(why));
        }
        match store.put(renewed, since) {
            Ok(renewed) => (renewed, Ok(())),
            Err(renewed) => (renewed, Err(Why::PurgedMeanwhile)),
        }
    }

    /// A new response: into the store, or only through.
    fn take(&self, response: Response, errand: Errand, (asked, ours): (u64, bool)) -> Response {
        let answered = now();
        let policy = &self.route.policy;
        let answer = Answer { status: response.status(), headers: response.headers(), asked, answered };
        let verdict = if errand.wish.method != Method::GET {
            self.heard_of(&response, &errand, asked);
            Err(Why::Head)
        } else if errand.asked.said.no_store {
            Err(Why::RequestNoStore)
        } else {
            storable(&errand.wish.headers, &answer, policy)
        };
        let bytes_max = policy.object_bytes_max.min(self.route.store.memory.object_bytes_max());
        let is_too_large = length(response.headers()).is_some_and(|length| length > bytes_max);
        match verdict {
            Ok(_) if is_too_large => self.hand_through(response, errand, Why::TooLarge { bytes_max }),
            Ok(storable) => {
                let saving = Saving { route: Rc::clone(&self.route), storable, answered, bytes_max };
                self.save(response, errand, (saving, ours))
            }
            Err(why) => self.hand_through(response, errand, why),
        }
    }

    /// What the answer to a HEAD says of what is stored, RFC 9111 section 4.3.5.
    fn heard_of(&self, response: &Response, errand: &Errand, asked: u64) {
        let Some(object) = errand.need.stored.as_ref().filter(|_| !is_failure(response.status())) else { return };
        if response.status() == object.status && validate::head_is_about(response.headers(), &object.headers()) {
            self.refreshed(object, &errand.wish.headers, response.headers(), (asked, errand.since)).1.ok();
        } else {
            self.route.store.forget(object);
        }
    }

    /// Gives a response to its own request only.
    fn hand_through(&self, mut response: Response, errand: Errand, why: Why) -> Response {
        let Errand { asked, wish, need, leader, .. } = errand;
        let mut span = self.cx.span(Stage::CacheStore);
        report::reason(&mut span, &why);
        if let Some(leader) = leader {
            leader.tell(Landing::Private);
        }
        let is_general = !matches!(why, Why::ForClientOnly | Why::RequestNoStore | Why::Head);
        if is_general {
            self.route.store.refuse(&asked.key, why.clone());
        }
        if let Some(object) = &need.stored
            && is_general
            && wish.method == Method::GET
            && !response.status().is_server_error()
        {
            // There is a newer one, which is not to be stored.
            self.route.store.forget(object);
        }
        let told = Told::forwarded(Status::Miss, need.why, need.fwd).with_status(response.status());
        told.not_stored(why).tell(response.headers_mut(), &self.cx);
        response
    }

    /// Stores a response, at once if it is all there, else while it is read.
    fn save(&self, mut response: Response, errand: Errand, (saving, ours): (Saving, bool)) -> Response {
        let Errand { asked, wish, need, leader, since } = errand;
        let mut span = self.cx.span(Stage::CacheStore);
        let ttl = saving.storable.terms.left(saving.answered);
        report::reason(&mut span, &saving.storable.why());
        let mut headers = response.headers().clone();
        strip(&mut headers, saving.answered, &self.route.policy);
        let told = Told::forwarded(Status::Miss, need.why, need.fwd)
            .with_status(response.status())
            .with_stored(ttl)
            .saved(saving.storable.why());
        let way = OnItsWay {
            status: response.status(),
            vary: saving.storable.vary.values(&wish.headers),
            terms: saving.storable.terms,
            filled_by: span.scope().context().map(|at| (at.trace_id, at.span_id)),
            filling: Filling::new(length(&headers)),
            headers,
            since,
        };
        let mut response = match response.body_mut().take_ready() {
            Some(whole) => {
                let landed = saving.put(&asked.key, &way, Chunks::new(vec![whole.clone()]));
                if let (Some(leader), Some(object)) = (&leader, &landed) {
                    leader.tell(Landing::Stored(Arc::clone(object)));
                }
                // Where our condition took the place of the client's, his is judged here.
                let is_current = || validate::is_current(&wish.headers, &way.headers, saving.answered / 1_000);
                let is_own = |object: &Arc<Object>| {
                    ours && answer::has_all(object, &wish.method, &wish.headers)
                        && (wish.headers.contains_key(RANGE) || is_current())
                };
                let own = landed.filter(is_own);
                match own {
                    Some(object) => answer::from(&object, &wish.method, &wish.headers, now()),
                    None => response.map(|_| Body::full(whole)),
                }
            }
            None => {
                let way = Arc::new(way);
                let reader = way.filling.read();
                let (head, body) = response.into_parts();
                if let Some(leader) = &leader {
                    leader.tell(Landing::Filling(Arc::clone(&way)));
                }
                let current = ours && validate::is_current(&wish.headers, &way.headers, saving.answered / 1_000);
                let filler = Filler { saving, way, key: asked.key, leader, span, taken: 0 };
                tokio::task::spawn_local(filler.fill(body));
                if current {
                    let mut headers = head.headers;
                    answer::without_content(validate::not_modified(&mut headers), headers)
                } else {
                    Response::from_parts(head, reader.map_or_else(Body::empty, Body::boxed))
                }
            }
        };
        told.tell(response.headers_mut(), &self.cx);
        response
    }
}

/// What a request does that waited for nothing.
enum Next {
    /// It asks by itself.
    Alone,
    /// It waits again, or asks for others too.
    Again,
}

/// The answer to somebody who waited, from a response on its way.
fn on_its_way(way: &Arc<OnItsWay>, wish: &Wish) -> Option<Response> {
    let is_part_unasked = way.status == StatusCode::PARTIAL_CONTENT && !wish.headers.contains_key(RANGE);
    if is_part_unasked || vary::differs(&way.vary, &wish.headers).is_some() {
        return None;
    }
    let mut headers = way.headers.clone();
    headers.insert(AGE, HeaderValue::from(way.terms.age(now())));
    if way.status == StatusCode::OK && validate::is_current(&wish.headers, &headers, now() / 1_000) {
        return Some(answer::without_content(validate::not_modified(&mut headers), headers));
    }
    Some(answer::with(way.status, headers, Body::boxed(way.filling.read()?)))
}

/// Requests that may have one answer together share a name.
pub(super) fn flight_name(asked: &Asked, wish: &Wish, need: &Need) -> String {
    let mut name = asked.key.clone();
    let part = |name: &mut String, text: &str| {
        name.push('\0');
        name.push_str(text);
    };
    if wish.method == Method::HEAD {
        part(&mut name, "HEAD");
    }
    let values = |name: &mut String, field: &str| {
        for value in wish.headers.get_all(field) {
            part(name, field);
            part(name, &String::from_utf8_lossy(value.as_bytes()));
        }
    };
    match (&need.stored, &need.other) {
        (Some(stored), _) => {
            part(&mut name, stored.vary());
            // Our own condition takes the place of the client's.
            if validate::can_validate(&stored.headers()) {
                return name;
            }
        }
        (None, Some(other)) => {
            let fields = other.vary().lines().filter_map(|line| line.split_once(':'));
            fields.for_each(|(field, _)| values(&mut name, field));
        }
        (None, None) => {}
    }
    [RANGE, IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE].iter().for_each(|field| values(&mut name, field.as_str()));
    name
}

/// A request without content once more, and without conditions.
pub(super) fn again(request: &Request) -> Request {
    let mut again = http::Request::new(Body::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    validate::forget_conditions(again.headers_mut());
    Box::new(again)
}
