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

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Poll, ready},
    time::Duration,
};

use http::{HeaderValue, Method, StatusCode, Uri, Version, header};
use http_body::Body as _;

use self::{
    sending::{Sending, Wait},
    streaming::Streaming,
};
use super::{
    attempt::{Answer, Failed, Stale},
    context::{Context, Place},
    timer::Timer,
    wire::{Age, Lease, Line, SendError, Wire, outgoing::field},
};
use crate::{
    body::Body,
    clock,
    config::model::{Endpoint, Scheme, Upstream, UpstreamHost},
    error::{ErrorType, ProxyError},
    service::Request,
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
/// A request may pass only once.
pub(super) fn prepare(mut request: Request, cx: &Context) -> Result<Request, ProxyError> {
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
        cx.keep_headers(Place::Forwarded, request.headers());
        let upgrade = if headers::upgrades(request.headers()) { Upgrade::Asked } else { Upgrade::Unasked };
        let (request, sending) = Sending::watch(request, cx);
        let interim = |response| cx.conn.aside.tell(headers::forward_interim(response));
        let Line { wire, timer, .. } = &mut lease.line;
        let told = |own: &mut Vec<u8>| cx.tell_upstream(|name, value| field(own, name.as_str(), value));
        match self.head(wire.send(request, told, interim), &sending, timer).await {
            Ok(response) => {
                cx.phases.mark(Phase::FirstByte, clock::now());
                cx.keep_headers(Place::Upstream, response.headers());
                self.answer(response, (lease, sending), upgrade, cx)
            }
            Err(NoHead::Timeout(error)) => Err(failed(error)),
            Err(NoHead::Failed(SendError { error, sent, request })) => {
                if failure::client_left(&error) {
                    cx.client_left();
                }
                let stale = if lease.age == Age::Reused { Stale::Yes } else { Stale::No };
                Err(Failed { error: failure::of_head(error, lease.age, sent), request, stale })
            }
        }
    }

    /// Waits for the response's head as long as the upstream may take.
    async fn head(
        &self,
        sent: impl Future<Output = Result<http::Response<()>, SendError>>,
        sending: &Sending,
        timer: &mut Timer,
    ) -> Result<http::Response<()>, NoHead> {
        let mut sent = pin!(sent);
        poll_fn(|task| {
            if let Poll::Ready(answered) = sent.as_mut().poll(task) {
                return Poll::Ready(answered.map_err(NoHead::Failed));
            }
            loop {
                let (due, wait) = sending.wait(self.bounds);
                ready!(timer.poll_due(task, due));
                let error = match wait {
                    Wait::More => continue,
                    Wait::NotTaken => ProxyError::upstream(ErrorType::ConnectionWriteTimeout)
                        .with_detail(format!("the upstream took nothing for {:?}", self.bounds.timeout_idle)),
                    Wait::NotAnswered => ProxyError::upstream(ErrorType::HttpResponseTimeout)
                        .with_detail(format!("no response within {:?}", self.bounds.timeout_first_byte)),
                };
                return Poll::Ready(Err(NoHead::Timeout(error)));
            }
        })
        .await
    }

    fn answer<W: Wire>(
        &self,
        mut response: http::Response<()>,
        (lease, sending): (Lease<W>, Sending),
        upgrade: Upgrade,
        cx: &Rc<Context>,
    ) -> Result<Answer, Failed> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let reuse = headers::forward_response(&mut response);
            *response.version_mut() = Version::HTTP_11;
            let streaming = Streaming { lease, reuse, sending, timeout_idle: self.bounds.timeout_idle, cx };
            return Ok(Answer { response: response.map(|()| streaming.body()).into(), tunnel: None });
        }
        let offer = (upgrade == Upgrade::Asked).then(|| cx.conn.aside.accept()).flatten();
        let (Some(client), Some(upstream)) = (offer, lease.line.wire.into_stream()) else {
            let error = ProxyError::upstream(ErrorType::HttpUpgradeFailed)
                .with_detail("the upstream switched protocols unasked, or before it had the whole request");
            return Err(failed(error));
        };
        headers::forward_switch(response.headers_mut());
        let tunnel = tunnel::carry(client, upstream, self.bounds.timeout_idle);
        Ok(Answer { response: response.map(|()| Body::empty()).into(), tunnel: Some(Box::pin(tunnel)) })
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

/// Whether the upstream was asked to switch protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    Asked,
    Unasked,
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
