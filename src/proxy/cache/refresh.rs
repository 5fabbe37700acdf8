//! Revalidation in the background, RFC 5861 section 3: beside the request that was answered from what is stale, with a
//! trace of its own that names it.

use std::{rc::Rc, sync::Arc};

use http::{HeaderMap, Method};

use super::{
    answer::Wish,
    ask::{Errand, Need, again, flight_name},
    flight::Part,
    object::Object,
    visit::{Asked, Visit},
};
use crate::{
    proxy::{handler::Handler, tracer::Trigger},
    rules::{
        cache::{Fwd, Why},
        trace_context::Policy,
    },
    service::Request,
};

/// Begins to fetch what takes the place of `object`, unless that is under way.
pub(super) fn begin<S: Handler>(visit: &Visit<S>, request: &Request, asked: &Asked, object: &Arc<Object>) {
    let mut request = again(request);
    *request.method_mut() = Method::GET;
    let wish = Wish { method: Method::GET, headers: request.headers().clone() };
    let why = Why::Expired { age: object.terms.age(super::store::now()), ttl: u64::from(object.terms.ttl) };
    let need = Need::stale(Fwd::Stale, why, Arc::clone(object));
    let name = flight_name(asked, &wish, &need);
    let by = visit.cx.request_id.number();
    let Part::Leader(leader) = visit.route.store.flights.join(&name, by) else { return };
    let cx = Rc::new(visit.cx.beside(&request));
    if let Some(beside) = visit.cx.scope().context() {
        let trigger = Trigger::anyone("revalidate", 1.0, None);
        visit.route.tracer.begin(&cx, &HeaderMap::new(), Policy::Restart, trigger);
        cx.with_root(|root| {
            root.link(beside.trace_id, beside.span_id, "refreshes what this request was answered with")
        });
        if let Some(own) = cx.scope().context() {
            visit.cx.with_root(|root| root.link(own.trace_id, own.span_id, "refreshed in the background"));
        }
    }
    let since = visit.route.store.purges();
    let errand = Errand { asked: asked.clone(), wish, need, leader: Some(leader), since };
    let visit = Visit { route: Rc::clone(&visit.route), inner: Rc::clone(&visit.inner), cx: Rc::clone(&cx) };
    tokio::task::spawn_local(async move {
        let outcome = visit.lead(request, errand).await;
        if let Err(error) = &outcome {
            tracing::debug!(%error, "a stored response could not be refreshed");
        }
        cx.end_beside(&outcome);
    });
}
