//! The largest request body of a route: refused at once where its length is declared, cut off where it is not.

use std::{
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as _, Frame, SizeHint};

use crate::{
    body::Body,
    error::{BoxError, ErrorType, ProxyError},
    proxy::{context::Context, handler::Handler},
    service::{Outcome, Request},
    trace::counters::Counters,
};

/// Puts [`BodyLimit`] in front of a stage.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimitLayer {
    /// The most octets of a request's body.
    pub bytes_max: u64,
}

impl<S> tower::Layer<S> for BodyLimitLayer {
    type Service = BodyLimit<S>;

    fn layer(&self, inner: S) -> BodyLimit<S> {
        BodyLimit { bytes_max: self.bytes_max, inner }
    }
}

/// Bounds request bodies.
#[derive(Debug)]
pub struct BodyLimit<S> {
    bytes_max: u64,
    inner: S,
}

impl<S: Handler> Handler for BodyLimit<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let size = request.body().size_hint();
        if size.lower() > self.bytes_max {
            cx.counters.requests_refused.one();
            return Err(too_large());
        }
        if size.upper().is_some_and(|upper| upper <= self.bytes_max) {
            return self.inner.handle(request, cx).await;
        }
        let (left, counters) = (self.bytes_max, Arc::clone(&cx.counters));
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = body.map_content(|body| Body::boxed(Limited { body, left, counters }));
        self.inner.handle(request, cx).await
    }
}

fn too_large() -> ProxyError {
    ProxyError::client(ErrorType::HttpRequestError)
        .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        .with_detail("the request's body is larger than request_body_bytes_max")
}

struct Limited {
    body: Body,
    left: u64,
    counters: Arc<Counters>,
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.counters.requests_refused.one();
                    // Whoever reads the body finds the answer in it.
                    return Poll::Ready(Some(Err(too_large().into())));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
