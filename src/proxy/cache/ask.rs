//! The way to the upstream: for itself or for others too, with a condition where something is stored, for the rest where
//! a part is.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{AGE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use tokio::time::{Instant, timeout_at};

use super::{
    answer::{self, Wish},
    flight::{Flight, Landing, Leader, OnItsWay, Part},
    memory::Found,
    object::{self, Object},
    report::{self, Told},
    rest,
    store::now,
    visit::{Asked, Visit},
};
use crate::{
    body::Body,
    proxy::handler::Handler,
    rules::cache::{Fwd, Purge, Status, Use, Why, key, stored::is_failure, validate, vary},
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

    /// The method is not one that stored responses answer.
    pub(super) fn method() -> Self {
        Self { fwd: Fwd::Method, why: Why::Method, stored: None, other: None }
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
                let fwd = match &why {
                    Why::KeyDiffers { .. } | Why::Unreadable => Fwd::Miss,
                    _ if other.is_some() => Fwd::VaryMiss,
                    _ => Fwd::UriMiss,
                };
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

/// What the upstream is asked.
enum Question {
    /// Whether what is stored, with these header fields, is current still.
    Validity(HeaderMap),
    /// The rest of this part.
    Rest(Arc<Object>),
    /// All of it, whatever the client holds already: his condition is judged here.
    Whole,
    /// What the client asks.
    Theirs,
}

impl Question {
    fn ask(&self, headers: &mut HeaderMap) {
        match self {
            Self::Validity(stored) => validate::ask(headers, stored),
            Self::Rest(part) => rest::ask(headers, part),
            Self::Whole => validate::forget_conditions(headers),
            Self::Theirs => {}
        }
    }

    /// Whether the answer is to something that was not asked, so that all of it has to be asked for again.
    fn is_missed(&self, answer: &Response) -> bool {
        match self {
            // It is about something that is not stored here (RFC 9111 section 4.3.3).
            Self::Validity(stored) => {
                answer.status() == StatusCode::NOT_MODIFIED && !validate::is_about(answer.headers(), stored)
            }
            Self::Rest(part) => rest::is_missed(answer, part),
            Self::Whole | Self::Theirs => false,
        }
    }
}

impl<S: Handler> Visit<S> {
    /// Has the request answered by the upstream, or by another request's answer.
    pub(super) async fn ask(&self, request: Request, asked: Asked, need: Need) -> Outcome {
        let wish = Wish { method: request.method().clone(), headers: request.headers().clone() };
        let mut leader = None;
        if self.may_share(&asked, &wish, &need) {
            let name = flight_name(&asked, &wish, &need);
            let deadline = Instant::now() + self.route.policy.collapse_wait;
            for _ in 0..WAITS_MAX {
                match self.route.store.flights.join(&name, self.cx.request_id.number()) {
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

    /// Whether the answer may be one for others too, as far as can be told beforehand. That to a HEAD never is.
    fn may_share(&self, asked: &Asked, wish: &Wish, need: &Need) -> bool {
        // As it was when it came.
        let is_own = |stored: &Arc<Object>| !stored.terms.is_for_others(stored.answered);
        wish.method == Method::GET
            && need.fwd != Fwd::Request
            && !asked.said.no_store
            && !need.stored.as_ref().is_some_and(is_own)
            && !self.route.store.is_refused(&asked.key)
    }

    /// Waits for another request's answer.
    async fn follow(
        &self,
        (mut flight, deadline): (Flight, Instant),
        asked: &Asked,
        wish: &Wish,
        need: &Need,
    ) -> Result<Response, Next> {
        let mut span = self.cx.span(Stage::CacheWait);
        let landed = flight.landing.wait_for(|landing| !matches!(landing, Landing::Asking));
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
            Landing::Unanswered => {
                span.set("cache.collapsed", || "the upstream failed the other request");
                let stale = need
                    .stored
                    .as_ref()
                    .and_then(|object| Some((object, object.terms().on_error(&asked.said, now())?)));
                let Some((object, why)) = stale else { return Err(Next::Alone) };
                report::reason(&mut span, &why);
                return Ok(self.stand_in(object, wish, Told::forwarded(Status::Stale, why, need.fwd)));
            }
            Landing::Stored(object) => {
                let fits = object.terms().is_for_others(now())
                    && object.differs(&wish.headers).is_none()
                    && answer::has_all(object, &wish.method, &wish.headers);
                (fits.then(|| answer::from(object, &wish.method, &wish.headers, now())), object.filled_by())
            }
            Landing::Filling(way) => {
                // What was purged since it was asked for is not for those who come later.
                let url = key::url(&asked.key);
                let names = || object::names(&asked.key, &way.headers);
                let means =
                    |purge: &Purge| purge.means(url, |origin, text| names().contains(&object::name(origin, text)));
                let is_current = way.terms.is_for_others(now()) && !self.route.store.is_outdated(way.since, url, means);
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
        let why = Why::Collapsed { onto: flight.by };
        report::reason(&mut span, &why);
        let told = Told::forwarded(Status::Collapsed, why, need.fwd).with_status(response.status());
        told.tell(response.headers_mut(), &self.cx);
        Ok(response)
    }

    /// Asks the upstream.
    pub(super) async fn lead(&self, mut request: Request, errand: Errand) -> Outcome {
        let question = self.question(&errand);
        let plain = matches!(question, Question::Validity(_) | Question::Rest(_)).then(|| again(&request));
        question.ask(request.headers_mut());
        let is_validation = matches!(question, Question::Validity(_));
        let mut span = if is_validation { self.cx.span(Stage::CacheRevalidate) } else { Span::off() };
        let outer = self.cx.enter(&span);
        let mut asked = now();
        let mut outcome = self.inner.handle(request, &self.cx).await;
        let is_missed = outcome.as_ref().is_ok_and(|response| question.is_missed(response));
        if let Some(plain) = plain
            && is_missed
        {
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
            if let Some(leader) = &errand.leader {
                leader.tell(Landing::Unanswered);
            }
            let told = Told::forwarded(Status::Stale, why, errand.need.fwd);
            let told = outcome.iter().fold(told, |told, response| told.with_status(response.status()));
            return Ok(self.stand_in(object, &errand.wish, told));
        }
        let response = match outcome {
            Ok(response) => response,
            Err(error) => {
                return Err(Told::forwarded(Status::Miss, errand.need.why, errand.need.fwd).with_error(error, &self.cx));
            }
        };
        let is_ours = !matches!(question, Question::Theirs);
        Ok(match (response.status(), question) {
            (StatusCode::NOT_MODIFIED, Question::Validity(_)) => self.renew(&response, errand, (asked, &mut span)),
            (StatusCode::PARTIAL_CONTENT, Question::Rest(part)) => {
                self.take(rest::whole(response, &part), errand, (asked, is_ours))
            }
            _ => self.take(response, errand, (asked, is_ours)),
        })
    }

    fn question(&self, errand: &Errand) -> Question {
        let (wish, need) = (&errand.wish, &errand.need);
        if wish.method != Method::GET {
            return Question::Theirs;
        }
        let validators = need.stored.as_ref().map(|object| object.headers()).filter(validate::can_validate);
        if let Some(stored) = validators {
            return Question::Validity(stored);
        }
        // For its own request only, there is nothing to be won from asking for more than that.
        let is_own = errand.asked.said.no_store || self.route.store.is_refused(&errand.asked.key);
        if is_own || wish.headers.contains_key(RANGE) {
            return Question::Theirs;
        }
        let part = need.other.as_ref().filter(|part| need.fwd == Fwd::Partial && rest::is_beginning(part));
        part.map_or(Question::Whole, |part| Question::Rest(Arc::clone(part)))
    }

    fn stand_in(&self, object: &Arc<Object>, wish: &Wish, told: Told) -> Response {
        let mut response = answer::from(object, &wish.method, &wish.headers, now());
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

/// Requests that may have one answer together share a name; they are GETs.
pub(super) fn flight_name(asked: &Asked, wish: &Wish, need: &Need) -> String {
    let mut name = asked.key.clone();
    let part = |name: &mut String, text: &str| {
        name.push('\0');
        name.push_str(text);
    };
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
    // Where all of it is asked for, each one's condition is judged here.
    if wish.headers.contains_key(RANGE) {
        let decides = [RANGE, IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE];
        decides.iter().for_each(|field| values(&mut name, field.as_str()));
    }
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
