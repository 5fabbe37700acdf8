//! Balance and retry: chooses an endpoint in turn, and makes another attempt where that is safe. One attempt is one
//! client span, which ends with the response's body.
//!
//! Not here: what an attempt consists of (`proxy::upstreams`), and what is safe (`rules::retry`).

mod describe;
pub(super) mod health;

use std::{rc::Rc, sync::Arc};

use http::Method;

use self::{describe::Described, health::Tally};
use super::{
    attempt::{Answer, Attempt, Choice, Failed, Reuse, Stale, Tunnel},
    context::Context,
    handler::Handler,
};
use crate::{
    clock,
    config::model::Endpoint,
    error::{ErrorType, ProxyError, Retry},
    rules::{
        balance::Rotation,
        retry::{self, Failure, Reach, Replay},
    },
    service::{Outcome, Request, Response},
    trace::{phases::Phase, scope::Span, stage::Stage},
};

/// The stage.
#[derive(Debug)]
pub(super) struct Balance<A> {
    endpoints: Box<[Described]>,
    /// How each of them fares.
    tallies: Box<[Arc<Tally>]>,
    attempts_max: u32,
    rotation: Rotation,
    inner: A,
}

impl<A> Balance<A> {
    /// Takes turns among `endpoints`, and counts in `tallies` how they fare.
    pub(super) fn new(endpoints: &[Endpoint], tallies: Box<[Arc<Tally>]>, attempts_max: u32, inner: A) -> Self {
        // Workers that start together must not all begin with the same endpoint.
        let rotation = Rotation::starting_at(fastrand::usize(..));
        let endpoints = endpoints.iter().map(Described::new).collect();
        Self { endpoints, tallies, attempts_max: attempts_max.max(1), rotation, inner }
    }
}

impl<A: Attempt> Handler for Balance<A> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let Some(mut endpoint) = self.rotation.turn(self.endpoints.len()) else {
            return Err(ProxyError::proxy(ErrorType::ProxyConfigurationError).with_detail("upstream without endpoints"));
        };
        let method = request.method().clone();
        let mut attempts = 1;
        let mut reuse = Reuse::Pooled;
        loop {
            cx.counters.upstream_attempts.one();
            let answer = self.attempt(request, Choice { endpoint, reuse }, attempts, cx).await;
            self.tell(endpoint, &answer, cx);
            let failed = match answer {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            cx.counters.upstream_attempts_failed.one();
            let (whole, stale) = self.again(failed, &method, attempts)?;
            match stale {
                Stale::Yes => reuse = Reuse::Fresh,
                Stale::No => endpoint = (endpoint + 1) % self.endpoints.len(),
            }
            request = whole;
            attempts += 1;
            cx.counters.upstream_retries.one();
        }
    }
}

impl<A: Attempt> Balance<A> {
    async fn attempt(
        &self,
        mut request: Request,
        choice: Choice,
        attempts: u32,
        cx: &Rc<Context>,
    ) -> Result<Response, Failed> {
        let chosen = clock::now();
        cx.phases.mark(Phase::Chosen, chosen);
        let mut open = Open(cx.span_from(Stage::UpstreamRequest, chosen));
        let span = &mut open.0;
        if span.is_on() {
            describe::request(span, &request, &self.endpoints[choice.endpoint], attempts, cx);
        }
        cx.propagate(request.headers_mut(), span.id());
        let outer = cx.enter(span);
        let answer = self.inner.attempt(request, choice, span, cx).await;
        cx.leave(outer);
        if cx.has_client_left() {
            return answer.map(|answer| answer.response);
        }
        let mut span = open.take();
        if span.is_on() {
            describe::moments(&mut span, cx);
        }
        match answer {
            Ok(Answer { response, tunnel: None }) => {
                describe::answered(&mut span, response.status(), cx);
                Ok(response.map(|body| span.end_with(body)))
            }
            Ok(Answer { response, tunnel: Some(tunnel) }) => {
                describe::answered(&mut span, response.status(), cx);
                carry(tunnel, span, cx);
                Ok(response)
            }
            Err(failed) => {
                span.fail(failed.error.kind.token(), || failed.error.to_string());
                Err(failed)
            }
        }
    }

    /// Counts how an endpoint fared.
    fn tell(&self, endpoint: usize, answer: &Result<Response, Failed>, cx: &Context) {
        let Some(tally) = self.tallies.get(endpoint).filter(|_| !cx.has_client_left()) else { return };
        match answer {
            Ok(_) => tally.answered(),
            // A connection that was idle for too long says nothing of what is at its other end.
            Err(failed) if failed.stale == Stale::Yes => {}
            Err(failed) => tally.failed(failed.error.kind),
        }
    }

    /// The request to try again with, and whether the endpoint's connection was stale; or the error to answer with.
    fn again(&self, failed: Failed, method: &Method, attempts: u32) -> Result<(Request, Stale), ProxyError> {
        let replay = if failed.request.is_some() { Replay::Whole } else { Replay::Spent };
        let reach = match failed.error.retry {
            Retry::Unsent => Reach::Nothing,
            Retry::Idempotent => Reach::Perhaps,
            Retry::Never => Reach::Far,
        };
        let failure = Failure { reach, method, replay, attempts };
        match failed.request {
            Some(request) if retry::may_retry(failure, self.attempts_max) => {
                tracing::debug!(error = %failed.error, attempts, "upstream attempt failed, trying again");
                Ok((request, failed.stale))
            }
            _ => Err(failed.error),
        }
    }
}

/// The client span of an attempt under way. Whoever drops it half-way is the client, who went away.
struct Open(Span);

impl Open {
    fn take(&mut self) -> Span {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fail("client_disconnected", || "the client went away".to_owned());
    }
}

/// Lets `tunnel` run beside the connection; the client span ends with it, and then the root span.
fn carry(tunnel: Tunnel, mut span: Span, cx: &Rc<Context>) {
    let traced = span.is_on().then(|| Rc::clone(cx));
    if let Some(cx) = &traced {
        cx.tunnels();
    }
    tokio::task::spawn_local(async move {
        let carried = tunnel.await;
        span.set("waylight.tunnel.sent_bytes", || i64::try_from(carried.sent).unwrap_or(i64::MAX));
        span.set("waylight.tunnel.received_bytes", || i64::try_from(carried.received).unwrap_or(i64::MAX));
        if let Some(error) = carried.error {
            tracing::debug!(%error, "tunnel failed");
            span.fail(error.kind.token(), || error.to_string());
        }
        drop(span);
        if let Some(cx) = traced {
            cx.tunnel_ended();
        }
    });
}

#[cfg(test)]
mod tests;
