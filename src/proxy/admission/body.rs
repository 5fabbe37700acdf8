//! The largest request body of a route: refused at once where its length is declared, cut off where it is not.

use std::{
    pin::Pin,
    rc::Rc,
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
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let size = request.body().size_hint();
        if size.lower() > self.bytes_max {
            cx.counters.requests_refused.one();
            return Err(too_large());
        }
        if size.upper().is_some_and(|upper| upper <= self.bytes_max) {
            return self.inner.handle(request, cx).await;
        }
        let bytes_max = self.bytes_max;
        let limited = request.map(|body| body.map_content(|body| Body::boxed(Limited { body, left: bytes_max })));
        match self.inner.handle(limited, cx).await {
            // The upstream saw an aborted body; the client is told the reason.
            Err(error) if is_too_large(&error) => {
                cx.counters.requests_refused.one();
                Err(too_large())
            }
            outcome => outcome,
        }
    }
}

fn too_large() -> ProxyError {
    ProxyError::client(ErrorType::HttpRequestError)
        .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        .with_detail("the request's body is larger than request_body_bytes_max")
}

fn is_too_large(error: &ProxyError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<TooLarge>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// More octets arrived than are allowed.
#[derive(Debug)]
struct TooLarge;

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request's body is too large")
    }
}

impl std::error::Error for TooLarge {}

struct Limited {
    body: Body,
    left: u64,
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
                None => return Poll::Ready(Some(Err(TooLarge.into()))),
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
