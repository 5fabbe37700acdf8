//! Bounds on a request's body: its length by route, refused at once where it is declared and cut off where it is not; and a
//! client that is silent within it ([`super::silence`]).

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

use super::silence::Silence;
use crate::{
    body::Body,
    error::{BoxError, ErrorType, ProxyError},
    proxy::{context::Context, handler::Handler},
    service::{Outcome, Request},
    trace::counters::Counters,
};

/// Puts [`BodyBounds`] in front of a stage.
#[derive(Clone, Copy, Debug)]
pub struct BodyBoundsLayer {
    /// The most octets of a request's body.
    pub bytes_max: u64,
    /// The setting that says so.
    pub setting: &'static str,
    /// The longest silence within it, over HTTP/2.
    pub timeout_silence: Duration,
}

impl<S> tower::Layer<S> for BodyBoundsLayer {
    type Service = BodyBounds<S>;

    fn layer(&self, inner: S) -> BodyBounds<S> {
        BodyBounds { settings: *self, inner }
    }
}

/// Bounds request bodies.
#[derive(Debug)]
pub struct BodyBounds<S> {
    settings: BodyBoundsLayer,
    inner: S,
}

impl<S: Handler> Handler for BodyBounds<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let BodyBoundsLayer { bytes_max, setting, timeout_silence } = self.settings;
        let size = request.body().size_hint();
        if size.lower() > bytes_max {
            cx.counters.requests_refused.one();
            return Err(too_large(setting));
        }
        let is_short = size.upper().is_some_and(|upper| upper <= bytes_max);
        // Over HTTP/1.1 the connection sees to silence.
        let may_be_silent = request.version() == Version::HTTP_2 && !request.body().is_end_stream();
        if is_short && !may_be_silent {
            return self.inner.handle(request, cx).await;
        }
        let silence = may_be_silent.then(|| Silence::new(timeout_silence));
        let counters = Arc::clone(&cx.counters);
        let body = std::mem::take(request.body_mut());
        let bounded = |body| Body::boxed(Bounded { body, left: bytes_max, setting, silence, counters });
        *request.body_mut() = body.map_content(bounded);
        self.inner.handle(request, cx).await
    }
}

fn too_large(setting: &str) -> ProxyError {
    ProxyError::client(ErrorType::HttpRequestError)
        .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        .with_detail(format!("the request's body is larger than {setting}"))
}

struct Bounded {
    body: Body,
    left: u64,
    setting: &'static str,
    silence: Option<Silence>,
    counters: Arc<Counters>,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Poll::Ready(polled) = Pin::new(&mut this.body).poll_frame(cx) else {
            let Some(silence) = &mut this.silence else { return Poll::Pending };
            ready!(silence.poll(cx));
            this.counters.requests_timed_out.one();
            let error = ProxyError::client(ErrorType::HttpRequestError).with_status(StatusCode::REQUEST_TIMEOUT);
            return Poll::Ready(Some(Err(error.with_detail("the client sent nothing more of the body").into())));
        };
        if let Some(silence) = &mut this.silence {
            silence.end();
        }
        if let Some(Ok(frame)) = &polled
            && let Some(data) = frame.data_ref()
        {
            let Some(left) = this.left.checked_sub(data.len() as u64) else {
                this.counters.requests_refused.one();
                // Whoever reads the body finds the answer in it.
                return Poll::Ready(Some(Err(too_large(this.setting).into())));
            };
            this.left = left;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
