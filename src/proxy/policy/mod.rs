//! What a route says of tracing and propagation, as soon as the route is known.
//!
//! Its own trace rule may turn recording on: the root span and the routing are then put in with the moments that were
//! kept anyway. The trace context of a request that stays untraced is left alone, or removed. And here end the fields
//! that concern the client's connection only: what comes after is about the request.

use std::{rc::Rc, sync::Arc};

use super::{
    context::Context,
    handler::Handler,
    tracer::{Tracer, Trigger},
};
use crate::{
    clock,
    config::model::{Inject, RouteTrace},
    rules::{
        headers::{Field, Names, hop},
        sampling::{self, Decision, Share},
        trace_context::{self, Policy as Propagation},
    },
    service::{Outcome, Request},
    trace::{phases::Phase, requests::keep::KeepRules, sessions::Budget, stage::Stage},
};

/// Puts [`Policy`] in front of a route's pipeline.
#[derive(Clone)]
pub struct PolicyLayer {
    /// Begins recordings.
    pub tracer: Rc<Tracer>,
    /// What is done with trace context that comes in.
    pub propagation: Propagation,
    /// When pages are given tags.
    pub inject: Inject,
    /// The route's own trace rule, and its budget.
    pub rule: Option<(RouteTrace, Arc<Budget>)>,
    /// What is kept of the route's requests in tail mode.
    pub tail: Option<KeepRules>,
}

impl<S> tower::Layer<S> for PolicyLayer {
    type Service = Policy<S>;

    fn layer(&self, inner: S) -> Policy<S> {
        Policy { settings: self.clone(), inner }
    }
}

/// Applies a route's policy.
pub struct Policy<S> {
    settings: PolicyLayer,
    inner: S,
}

impl<S: Handler> Handler for Policy<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let PolicyLayer { tracer, propagation, inject, rule, tail } = &self.settings;
        cx.inject.set(*inject);
        if let Some((rule, budget)) = rule
            && !cx.is_traced()
        {
            let share = Share { ratio: rule.ratio, spans_left: budget.spans_left(clock::unix_seconds()) };
            match sampling::decide_route::<()>(share, fastrand::f64) {
                Decision::Route => {
                    let trigger = Trigger::anyone("route", rule.ratio, Some(budget.meter()));
                    tracer.begin(cx, request.headers(), *propagation, trigger);
                    routed(cx);
                }
                Decision::Spent => cx.counters.traces_refused_budget.one(),
                _ => {}
            }
        }
        if let Some(rules) = tail
            && !cx.is_traced()
        {
            if rules.budget.spans_left(clock::unix_seconds()) > 0 {
                let trigger = Trigger::anyone("tail", 1.0, Some(rules.budget.meter()));
                tracer.begin(cx, request.headers(), *propagation, trigger);
                if cx.is_traced() {
                    cx.hold_until_end(rules.clone());
                    routed(cx);
                }
            } else {
                cx.counters.traces_refused_budget.one();
            }
        }
        if cx.is_traced() {
            cx.name_transaction();
        } else {
            trace_context::pass_untraced(request.headers_mut(), *propagation);
        }
        // Before middleware: a client's `Connection` must not name what an operator sets.
        let names = Names::of(request.headers());
        if names.any(Field::HOP_BY_HOP) {
            let hop = hop::strip(request.headers_mut(), names);
            cx.hop.get_or_init(|| hop);
        }
        self.inner.handle(request, cx).await
    }
}

/// The span of the routing that is over already.
fn routed(cx: &Context) {
    let mut span = cx.scope().span_from(Stage::Route, cx.received());
    span.set("http.route", || cx.route.get().map_or("", |route| route));
    if let Some(routed) = cx.phases.at(Phase::Routed) {
        span.ended_at(routed);
    }
}
