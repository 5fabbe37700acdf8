//! A client that is silent within a request's body, over HTTP/2: there it may keep a stream open and its connection
//! alive, so only the stream's own silence tells. Over HTTP/1.1 the connection sees to it.

use std::{
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::{
    body::Body,
    error::{BoxError, ErrorType, ProxyError},
    proxy::{context::Context, handler::Handler},
    service::{Outcome, Request},
    trace::counters::Counters,
};

/// Puts [`Silence`] in front of a stage.
#[derive(Clone, Copy, Debug)]
pub struct SilenceLayer {
    /// The longest silence.
    pub timeout: Duration,
}

impl<S> tower::Layer<S> for SilenceLayer {
    type Service = Silence<S>;

    fn layer(&self, inner: S) -> Silence<S> {
        Silence { timeout: self.timeout, inner }
    }
}

/// Bounds silence within request bodies.
#[derive(Debug)]
pub struct Silence<S> {
    timeout: Duration,
    inner: S,
}

impl<S: Handler> Handler for Silence<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        if request.version() != Version::HTTP_2 || request.body().is_end_stream() {
            return self.inner.handle(request, cx).await;
        }
        let (timeout, counters) = (self.timeout, Arc::clone(&cx.counters));
        let bounded = |body| Body::boxed(Bounded { body, timeout, sleep: None, waiting: Waiting::No, counters });
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = body.map_content(bounded);
        self.inner.handle(request, cx).await
    }
}

struct Bounded {
    body: Body,
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: Waiting,
    counters: Arc<Counters>,
}

/// Whether the client is waited for; not while nobody reads the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Yes,
    No,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if polled.is_ready() {
            this.waiting = Waiting::No;
            return polled;
        }
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.timeout)));
        if this.waiting == Waiting::No {
            this.waiting = Waiting::Yes;
            sleep.as_mut().reset(Instant::now() + this.timeout);
        }
        ready!(sleep.as_mut().poll(cx));
        this.counters.requests_timed_out.one();
        let error = ProxyError::client(ErrorType::HttpRequestError).with_status(StatusCode::REQUEST_TIMEOUT);
        Poll::Ready(Some(Err(error.with_detail("the client sent nothing more of the body").into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
