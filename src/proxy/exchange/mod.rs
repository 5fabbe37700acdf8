//! Exchange: sends the request over a connection, waits for the first byte, and lets both bodies stream. Hop-by-hop
//! fields stay behind (RFC 9110 section 7.6.1), and `Host` and the trace context are those that the upstream is meant
//! to see.
//!
//! Not here: where the connection comes from (`proxy::connect`), and whether to try again (`proxy::balance`).

mod failure;
mod headers;
mod sending;
mod streaming;
mod tunnel;

use std::{future::Future, pin::pin, rc::Rc, time::Duration};

use http::{HeaderValue, Method, StatusCode, Uri, Version, header};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use opentelemetry::trace::SpanId;
use tokio::time::timeout;

use self::{
    failure::Sent,
    sending::{Sending, Wait},
    streaming::Streaming,
};
use super::{
    attempt::{Answer, Failed, Stale},
    context::{Context, Place},
    wire::{Age, Lease, SendError, Wire},
};
use crate::{
    body::Body,
    clock,
    config::model::{Endpoint, Scheme, Upstream, UpstreamHost},
    error::{ErrorType, ProxyError},
    rules::retry,
    service::{Request, Response},
    trace::phases::Phase,
};

/// The stage, for one upstream.
#[derive(Debug)]
pub(super) struct Exchange {
    host: UpstreamHost,
    bounds: Bounds,
}

/// Whom a request is sent to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The endpoint.
    pub(super) endpoint: &'a Endpoint,
    /// Its port, which may be another one each time its process starts.
    pub(super) port: u16,
    /// The client span, if there is one: the parent of what happens at the endpoint.
    pub(super) span: Option<SpanId>,
}

/// Bounds on an exchange.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    timeout_first_byte: Duration,
    timeout_idle: Duration,
}

/// Makes `request` one that can be handed on: origin form, HTTP/1.1, and without what is meant for Waylight only.
///
/// # Errors
/// `CONNECT` asks for a tunnel to anywhere, which a reverse proxy does not give; and a request may pass only once.
pub(super) fn prepare(mut request: Request, cx: &Context) -> Result<Request, ProxyError> {
    if request.method() == Method::CONNECT {
        return Err(ProxyError::client(ErrorType::HttpRequestDenied)
            .with_status(StatusCode::NOT_IMPLEMENTED)
            .with_detail("CONNECT is not supported"));
    }
    if let Some(authority) = request.uri().authority() {
        // Absolute form, or HTTP/2: the authority counts, and `Host` is written anew (RFC 9112 section 3.2.2).
        let host = HeaderValue::from_str(authority.as_str());
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map_or_else(|| Uri::from_static("/"), Uri::from);
        if let Ok(host) = host {
            request.headers_mut().insert(header::HOST, host);
        }
    }
    headers::forward_request(request.headers_mut(), cx)?;
    if request.body().is_end_stream() && means_content(request.method()) {
        // Without a length some servers answer 411 (RFC 9110 section 8.6).
        request.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
    }
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}

/// Whether a request of this method usually has content.
fn means_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

impl Exchange {
    /// Exchanges as `upstream` wishes them.
    pub(super) fn new(upstream: &Upstream) -> Self {
        let bounds = Bounds { timeout_first_byte: upstream.timeout_first_byte, timeout_idle: upstream.timeout_idle };
        Self { host: upstream.host.clone(), bounds }
    }

    /// Sends `request` to `target` over the connection lent, and gives back what the upstream answers.
    pub(super) async fn exchange<W: Wire>(
        &self,
        mut lease: Lease<W>,
        mut request: Request,
        target: Target<'_>,
        cx: &Rc<Context>,
    ) -> Result<Answer, Failed> {
        if let Some(host) = self.host(target.endpoint, target.port) {
            request.headers_mut().insert(header::HOST, host);
        }
        cx.propagate(request.headers_mut(), target.span);
        cx.keep_headers(Place::Forwarded, request.headers());
        let spare = spare(&request, lease.age);
        let upgrade = request.extensions().get::<OnUpgrade>().cloned().filter(|_| headers::upgrades(request.headers()));
        let (request, sending) = Sending::watch(request, cx);
        match self.head(lease.wire.send(request), &sending).await {
            Ok(response) => {
                cx.phases.mark(Phase::FirstByte, clock::now());
                cx.keep_headers(Place::Upstream, response.headers());
                let lease = headers::keeps_alive(&response).then_some(lease);
                let streaming = Streaming::new(lease, sending, self.bounds.timeout_idle, cx);
                self.answer(response, streaming, upgrade)
            }
            Err(NoHead::Timeout(error)) => Err(failed(error)),
            Err(NoHead::Failed(SendError { error, unsent })) => {
                let sent = if unsent.is_some() { Sent::Nothing } else { Sent::Something };
                if failure::client_left(&error) {
                    cx.client_left();
                }
                let stale = if lease.age == Age::Reused { Stale::Yes } else { Stale::No };
                Err(Failed { error: failure::of_head(error, lease.age, sent), request: unsent.or(spare), stale })
            }
        }
    }

    /// Waits for the response's head as long as the upstream may take.
    async fn head(
        &self,
        sent: impl Future<Output = Result<http::Response<Incoming>, SendError>>,
        sending: &Sending,
    ) -> Result<http::Response<Incoming>, NoHead> {
        let mut sent = pin!(sent);
        loop {
            let error = match sending.wait(clock::now(), self.bounds) {
                Wait::For(left) => match timeout(left, &mut sent).await {
                    Ok(answered) => return answered.map_err(NoHead::Failed),
                    Err(_) => continue,
                },
                Wait::NotTaken => ProxyError::upstream(ErrorType::ConnectionWriteTimeout)
                    .with_detail(format!("the upstream took nothing for {:?}", self.bounds.timeout_idle)),
                Wait::NotAnswered => ProxyError::upstream(ErrorType::HttpResponseTimeout)
                    .with_detail(format!("no response within {:?}", self.bounds.timeout_first_byte)),
            };
            return Err(NoHead::Timeout(error));
        }
    }

    fn answer<W: Wire>(
        &self,
        mut response: http::Response<Incoming>,
        streaming: Streaming<W>,
        upgrade: Option<OnUpgrade>,
    ) -> Result<Answer, Failed> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            headers::forward_response(response.headers_mut());
            let (mut parts, incoming) = response.into_parts();
            parts.version = Version::HTTP_11;
            return Ok(Answer { response: Response::from_parts(parts, streaming.body(incoming)), tunnel: None });
        }
        let Some(client) = upgrade else {
            let error = ProxyError::upstream(ErrorType::HttpUpgradeFailed)
                .with_detail("the upstream switched protocols, which nobody asked for");
            return Err(failed(error));
        };
        let upstream = hyper::upgrade::on(&mut response);
        headers::forward_switch(response.headers_mut());
        let tunnel = tunnel::carry(client, upstream, self.bounds.timeout_idle);
        Ok(Answer { response: response.map(|_| Body::empty()), tunnel: Some(Box::pin(tunnel)) })
    }

    fn host(&self, endpoint: &Endpoint, port: u16) -> Option<HeaderValue> {
        match &self.host {
            UpstreamHost::Preserve => None,
            UpstreamHost::Fixed(host) => Some(host.clone()),
            UpstreamHost::Endpoint => {
                let host = &endpoint.host;
                let default = if endpoint.scheme == Scheme::Https { 443 } else { 80 };
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                let port = if port == default { String::new() } else { format!(":{port}") };
                HeaderValue::try_from(format!("{open}{host}{close}{port}")).ok()
            }
        }
    }
}

/// Why there is no head of a response.
enum NoHead {
    Timeout(ProxyError),
    Failed(SendError),
}

/// A failure after which the request is not sent again.
fn failed(error: ProxyError) -> Failed {
    Failed { error, request: None, stale: Stale::No }
}

/// A copy of `request`, if it may be needed again: its connection may turn out to be stale.
fn spare(request: &Request, age: Age) -> Option<Request> {
    if age == Age::Fresh || !request.body().is_end_stream() || !retry::is_idempotent(request.method()) {
        return None;
    }
    let mut copy = Request::default();
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}
