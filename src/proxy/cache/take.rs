//! What becomes of the upstream's answer: a stored response renewed, a new one stored, or one that is handed through.

use std::{rc::Rc, sync::Arc};

use http::{
    HeaderMap, Method, StatusCode,
    header::{DATE, RANGE, SET_COOKIE},
};
use http_body::Body as _;

use super::{
    answer,
    ask::{Errand, Need},
    filling::Filling,
    flight::{Landing, OnItsWay},
    object::{Chunks, Object, Parts},
    report::{self, Told},
    rest::Answered,
    save::{Filler, Kept, Saving, length},
    store::{Whole, now},
    visit::Visit,
};
use crate::{
    body::Body,
    proxy::handler::Handler,
    rules::cache::{
        Answer, Fwd, Status, Why,
        policy::SetCookie,
        stored::{renewed, storable, strip},
        validate,
    },
    service::Response,
    trace::{scope::Span, stage::Stage},
};

impl<S: Handler> Visit<S> {
    /// The upstream says that what is stored is current still, RFC 9111 section 4.3.4.
    pub(super) fn renew(&self, response: &Response, errand: Errand, (asked, span): (u64, &mut Span)) -> Response {
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
        // What the 304 sets is for this client, unless it is stored like all else.
        let own = response.headers().get_all(SET_COOKIE).iter();
        for cookie in own.filter(|_| self.route.policy.set_cookie != SetCookie::Keep) {
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
        if policy.set_cookie != SetCookie::Keep {
            answered.remove(SET_COOKIE);
        }
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
        let renewed = Object::with_body_of(&parts, object);
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
    pub(super) fn take(&self, response: Response, errand: Errand, (asked, ours): (u64, bool)) -> Response {
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
        let is_whole = if response.status() == StatusCode::PARTIAL_CONTENT { Whole::No } else { Whole::Yes };
        let limits = self.route.store.limits(policy.object_bytes_max, is_whole);
        let is_too_large = length(response.headers()).is_some_and(|length| length > limits.stored);
        match verdict {
            Ok(_) if is_too_large => self.hand_through(response, errand, Why::TooLarge { bytes_max: limits.stored }),
            Ok(storable) => {
                let saving = Saving { route: Rc::clone(&self.route), storable, answered, limits };
                self.save(response, errand, (saving, ours))
            }
            Err(why) => self.hand_through(response, errand, why),
        }
    }

    /// What the answer to a HEAD says of what is stored, RFC 9111 section 4.3.5.
    fn heard_of(&self, response: &Response, errand: &Errand, asked: u64) {
        let Some(object) = &errand.need.stored else { return };
        let is_same = response.status() == object.status;
        if is_same && validate::head_is_about(response.headers(), &object.headers()) {
            self.refreshed(object, &errand.wish.headers, response.headers(), (asked, errand.since)).1.ok();
        } else if is_same || matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) {
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
        let is_general =
            !matches!(why, Why::ForClientOnly | Why::RequestNoStore | Why::Head | Why::PartUnusable | Why::Authorized);
        if is_general {
            self.route.store.refuse(&asked.key, why.clone());
        }
        if let Some(object) = &need.stored
            && is_general
            && wish.method == Method::GET
            && is_of_resource(response.status())
        {
            // There is a newer one, which is not to be stored.
            self.route.store.forget(object);
        }
        told(need, &response).not_stored(why).tell(response.headers_mut(), &self.cx);
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
        let told = told(need, &response).with_stored(ttl).saved(saving.storable.why());
        let way = OnItsWay {
            status: response.status(),
            vary: saving.storable.vary.values(&wish.headers),
            terms: saving.storable.terms,
            filled_by: span.scope().context().map(|at| (at.trace_id, at.span_id)),
            filling: Filling::new(length(&headers), &self.route.store.coming),
            headers,
            since,
        };
        // A large body goes to disk as one that comes.
        let is_held = response.body().size_hint().lower() <= saving.limits.held;
        let mut response = match is_held.then(|| response.body_mut().take_ready()).flatten() {
            Some(whole) => {
                let landed = saving.put(&asked.key, &way, Kept::Here(&Chunks::new(vec![whole.clone()])));
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
                // Conditions are for what would be answered with 200 (RFC 9110 section 13.2.1).
                let current = ours
                    && way.status == StatusCode::OK
                    && validate::is_current(&wish.headers, &way.headers, saving.answered / 1_000);
                let filler = Filler::new(saving, way, (asked.key, leader, span));
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

/// Whether a status says something of what is there, and not of this request only: its credentials, its conditions, its
/// headers, or a moment of the upstream's. Whoever can provoke one of those must not take from others what is stored.
fn is_of_resource(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection() || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

fn told(need: Need, response: &Response) -> Told {
    let status = if need.fwd == Fwd::Method { Status::Bypass } else { Status::Miss };
    let answered = response.extensions().get::<Answered>().map_or(response.status(), |answered| answered.0);
    Told::forwarded(status, need.why, need.fwd).with_status(answered)
}
