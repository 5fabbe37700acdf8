//! Whatever fails becomes a response here: errors of the stages inside, and panics.
//!
//! It stands twice in the stack: outermost, so that a connection never sees an error; and inside `inject`, so that the error
//! pages of a route carry tags and toolbar like any other page. Outermost its pages get what was chosen for them (`context`).

mod page;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context as TaskContext, Poll},
};

use super::{context::Context, handler::Handler};
use crate::{
    error::{ErrorType, ProxyError, Side},
    service::{Outcome, Request},
};

/// Puts [`Rescue`] around a stage.
#[derive(Clone, Copy, Debug)]
pub struct RescueLayer {
    /// Where it stands.
    pub place: Place,
}

/// Where a rescue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Around everything: nobody edits its pages afterwards.
    Outermost,
    /// Within a route, which edits them.
    Route,
}

impl<S> tower::Layer<S> for RescueLayer {
    type Service = Rescue<S>;

    fn layer(&self, inner: S) -> Rescue<S> {
        Rescue { place: self.place, inner }
    }
}

/// Turns failures into responses.
#[derive(Debug)]
pub struct Rescue<S> {
    place: Place,
    inner: S,
}

impl<S: Handler> Handler for Rescue<S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let error = match Caught(pin!(self.inner.handle(request, cx))).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) => error,
            Err(Panicked) => {
                cx.counters.requests_panicked.one();
                ProxyError::proxy(ErrorType::ProxyInternalError).with_detail("a stage panicked")
            }
        };
        cx.error.set(Some(error.kind));
        report(&error, cx);
        let page = page::render(&error, page::Form::wanted_by(cx.accept.as_ref()), cx);
        Ok(if self.place == Place::Outermost { cx.dress(page).await } else { page })
    }
}

fn report(error: &ProxyError, cx: &Context) {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let request_id = cx.request_id;
    match error.side {
        // A client's mistakes are its own business, but must be findable.
        Side::Client => tracing::debug!(%request_id, %error, source, "request refused"),
        Side::Proxy => tracing::error!(%request_id, %error, source, "request failed"),
        Side::Upstream => {
            let upstream = cx.upstream.get().map_or("", |upstream| upstream);
            tracing::warn!(%request_id, %error, source, upstream, "upstream failed");
        }
    }
    cx.with_root(|root| {
        if let Some(detail) = error.detail() {
            let detail = detail.to_owned();
            root.set("waylight.error.detail", || detail);
        }
    });
}

/// A panic was caught; its message is in the log, written by the panic hook.
struct Panicked;

/// A future whose panics are values.
struct Caught<F>(F);

impl<F: Future + Unpin> Future for Caught<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let future = Pin::new(&mut self.0);
        // The future is not polled again after a panic, and what it borrowed is only read for the error page.
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

#[cfg(test)]
mod tests;
