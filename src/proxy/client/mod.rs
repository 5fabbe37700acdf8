//! Who asks, and for which host: what was refused while it was read is answered here, the host is read, and the client's
//! address and scheme are taken from trusted proxies.

use std::{rc::Rc, sync::Arc};

use http::{HeaderValue, StatusCode, header};
use ipnet::IpNet;

use super::{context::Context, handler::Handler};
use crate::{
    error::{ErrorType, ProxyError},
    rules::{
        authority,
        framing::{self, Fault},
        headers::forwarded::{self, PeerTrust},
    },
    service::{Outcome, Request},
};

/// What may be asked for where the method is refused (RFC 9110 section 15.5.6); sites may allow less.
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Puts [`Client`] in front of a stage.
#[derive(Clone, Debug)]
pub struct ClientLayer {
    /// Proxies whose `Forwarded` and `X-Forwarded-*` are believed.
    pub trusted: Arc<[IpNet]>,
}

impl<S> tower::Layer<S> for ClientLayer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client { trusted: Arc::clone(&self.trusted), inner }
    }
}

/// Learns who asks.
#[derive(Debug)]
pub struct Client<S> {
    trusted: Arc<[IpNet]>,
    inner: S,
}

impl<S: Handler> Handler for Client<S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        if let Some(refusal) = cx.conn.refusal.get().filter(|refusal| refusal.request == cx.number) {
            match refusal.status {
                408 => {} // counted where the time ran out
                414 | 431 => cx.counters.requests_refused.one(),
                _ => cx.counters.requests_ambiguous.one(),
            }
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
            let error = ProxyError::client(ErrorType::HttpRequestError).with_status(status);
            return Err(error.with_detail(refusal.reason));
        }
        framing::check(&request).map_err(|fault| refused(fault, cx))?;
        let host = authority::asked(request.uri(), request.headers(), request.version())
            .and_then(|asked| cx.conn.host(asked))
            .map_err(|error| ProxyError::client(ErrorType::HttpRequestError).with_detail(error.reason()))?;
        let known = cx.host.set(host);
        debug_assert!(known.is_ok(), "the host is read once");
        self.believe(&request, cx);
        self.inner.handle(request, cx).await
    }
}

/// The answer to a request that is at fault.
fn refused(fault: Fault, cx: &Context) -> ProxyError {
    let error = match fault.status {
        StatusCode::METHOD_NOT_ALLOWED => {
            ProxyError::client(ErrorType::HttpRequestDenied).with_header(header::ALLOW, ALLOWED)
        }
        StatusCode::BAD_REQUEST => {
            cx.counters.requests_ambiguous.one();
            ProxyError::client(ErrorType::HttpRequestError)
        }
        _ => ProxyError::client(ErrorType::HttpRequestError),
    };
    error.with_status(fault.status).with_detail(fault.reason)
}

impl<S> Client<S> {
    fn believe(&self, request: &Request, cx: &Context) {
        if !forwarded::is_trusted(cx.conn.peer.ip(), &self.trusted) {
            cx.client.set(cx.conn.peer.ip().to_canonical());
            return;
        }
        cx.peer_trust.set(PeerTrust::Trusted);
        let client = forwarded::client(request.headers(), cx.conn.peer.ip(), cx.conn.scheme, &self.trusted);
        cx.client.set(client.address);
        cx.scheme.set(client.scheme);
        if let Some(host) = client.host {
            let known = cx.forwarded_host.set(host);
            debug_assert!(known.is_ok(), "the client is read once");
        }
    }
}
