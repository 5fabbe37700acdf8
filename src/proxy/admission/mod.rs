//! Bounds on what is let in: requests in progress over all workers, header fields, the target's length, and the body.
//!
//! `conn` bounds the octets of an HTTP/1.1 head while it is read, and HTTP/2 those of its header list;
//! what is counted here is the same for both protocols.

mod body;
mod silence;

use std::{rc::Rc, sync::Arc};

use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

pub use self::body::{BodyBounds, BodyBoundsLayer};
use super::{context::Context, handler::Handler, permits::Permits};
use crate::{
    config::model::Limits,
    error::{ErrorType, ProxyError},
    service::{Outcome, Request},
};

/// Puts [`Admission`] in front of a stage.
#[derive(Clone, Debug)]
pub struct AdmissionLayer {
    /// The permits of this process.
    pub permits: Arc<Permits>,
    /// What is let in.
    pub limits: Limits,
}

impl<S> tower::Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission { settings: self.clone(), inner }
    }
}

/// Refuses what is over a bound.
#[derive(Debug)]
pub struct Admission<S> {
    settings: AdmissionLayer,
    inner: S,
}

impl<S: Handler> Handler for Admission<S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let AdmissionLayer { permits, limits } = &self.settings;
        let refused = |status, detail: &'static str| {
            cx.counters.requests_refused.one();
            Err(ProxyError::client(ErrorType::HttpRequestError).with_status(status).with_detail(detail))
        };
        if request.headers().len() > limits.headers_max {
            return refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "more header fields than limits.headers_max");
        }
        if cx.target_octets() > limits.uri_bytes_max {
            return refused(StatusCode::URI_TOO_LONG, "the target is longer than limits.uri_bytes_max");
        }
        let Some(permit) = permits.take(limits.requests_max) else {
            cx.counters.requests_refused.one();
            return Err(ProxyError::proxy(ErrorType::ConnectionLimitReached)
                .with_detail("limits.requests_max requests are in progress")
                .with_header(RETRY_AFTER, HeaderValue::from_static("1")));
        };
        cx.hold(permit);
        self.inner.handle(request, cx).await
    }
}

#[cfg(test)]
mod tests;
