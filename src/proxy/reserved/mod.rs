//! Waylight's own pages under `/_waylight/`, answered in the background and not on a worker.
//!
//! Whoever is not authorised must not learn that the pages exist: his request is routed like any other, upstream
//! included. What the pages are, and who is authorised, is known upstairs; here stand only the door and its bound.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header::RETRY_AFTER};
use http_body_util::{BodyExt as _, Limited};
use tokio::sync::{mpsc, oneshot};

use super::{context::Context, handler::Handler};
use crate::{
    body::{Body, Piped},
    config::model::{Scheme, Toggle},
    error::{ErrorType, ProxyError},
    rules::{
        headers::{forwarded::PeerTrust, twins::drop_twins},
        reserved::is_reserved,
        session::{self, Credentials, upload},
    },
    service::{Outcome, Request},
    trace::stage::Stage,
};

/// Waylight's own pages, as a worker sees them.
pub trait Pages: Send + Sync {
    /// Whether this request may know that the pages exist; learns who asks where no cookie says it. Called on the worker:
    /// it must be quick.
    fn claims(&self, uri: &Uri, headers: &HeaderMap, facts: &mut Facts) -> bool;

    /// The path of the toolbar's script, which pages of sites name.
    fn toolbar(&self) -> &str;

    /// The largest body that is taken with such a request, in octets.
    fn body_bytes_max(&self, uri: &Uri, facts: &Facts) -> usize;
}

/// What is known of who asks.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The site's host: lower case, without port.
    pub host: Box<str>,
    /// The client's scheme, as seen through trusted proxies.
    pub scheme: Scheme,
    /// The client's address, as seen through trusted proxies.
    pub client: IpAddr,
    /// Whether the connection's other end is a trusted proxy.
    pub peer_trust: PeerTrust,
    /// Whether the site is the console's own.
    pub console: Toggle,
    /// Who it is.
    pub credentials: Credentials,
}

/// One request to the pages.
#[derive(Debug)]
pub struct Call {
    /// The request, its body read.
    pub request: http::Request<Bytes>,
    /// Who asks.
    pub facts: Facts,
    /// Where the answer goes.
    pub reply: oneshot::Sender<http::Response<Piped>>,
}

/// The way to the pages; its channel is bounded.
#[derive(Clone)]
pub struct Door {
    /// Who may enter.
    pub pages: Arc<dyn Pages>,
    /// Where requests wait.
    pub calls: mpsc::Sender<Call>,
}

/// Puts [`Reserved`] in front of a stage.
#[derive(Clone)]
pub struct ReservedLayer {
    /// The way to the pages; `None` where the site has no toolbar.
    pub door: Option<Door>,
    /// Whether the site is the console's own.
    pub console: Toggle,
    /// Headers by which a proxy in front names people: no upstream sees them.
    pub private: Rc<[HeaderName]>,
}

impl<S> tower::Layer<S> for ReservedLayer {
    type Service = Reserved<S>;

    fn layer(&self, inner: S) -> Reserved<S> {
        Reserved { settings: self.clone(), inner }
    }
}

/// Answers what is Waylight's own.
pub struct Reserved<S> {
    settings: ReservedLayer,
    inner: S,
}

impl<S: Handler> Handler for Reserved<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let ReservedLayer { door, console, private } = &self.settings;
        let is_ours = |path: &str| is_reserved(path) || console.is_on() && path == "/";
        let Some(door) = door.as_ref().filter(|_| is_ours(request.uri().path())) else {
            return self.pass(request, cx).await;
        };
        let mut facts = Facts {
            host: cx.host.get().map_or("", |host| host).into(),
            scheme: cx.scheme.get(),
            client: cx.client.get(),
            peer_trust: cx.peer_trust.get(),
            console: *console,
            credentials: cx.credentials(),
        };
        if !door.pages.claims(request.uri(), request.headers(), &mut facts) {
            return self.pass(request, cx).await;
        }
        strip(request.headers_mut(), private);
        cx.is_ours();
        let (head, body) = request.into_parts();
        // Of people who are signed in nothing is recorded here, but a ratio may have chosen this request.
        let mut span = cx.span(Stage::Reserved);
        let outcome = Box::pin(door.ask(head, body, facts)).await;
        span.outcome(&outcome);
        outcome
    }
}

impl<S: Handler> Reserved<S> {
    async fn pass(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        if is_reserved(request.uri().path()) {
            session::strip(request.headers_mut());
            request.headers_mut().remove(upload::UPLOAD);
            request.headers_mut().remove(upload::PAGE);
        }
        strip(request.headers_mut(), &self.settings.private);
        self.inner.handle(request, cx).await
    }
}

fn strip(headers: &mut HeaderMap, private: &[HeaderName]) {
    if private.is_empty() {
        return;
    }
    for name in private {
        headers.remove(name);
    }
    drop_twins(headers, private);
}

impl Door {
    async fn ask(&self, head: http::request::Parts, body: Body, facts: Facts) -> Outcome {
        let body =
            Limited::new(body, self.pages.body_bytes_max(&head.uri, &facts)).collect().await.map_err(|error| {
                ProxyError::client(ErrorType::HttpRequestError)
                    .with_status(StatusCode::PAYLOAD_TOO_LARGE)
                    .with_detail("the body is too large")
                    .with_source(error)
            })?;
        let (reply, answer) = oneshot::channel();
        let call = Call { request: http::Request::from_parts(head, body.to_bytes()), facts, reply };
        self.calls.try_send(call).map_err(|_| busy())?;
        let response = answer.await.map_err(|_| busy())?;
        Ok(response.map(Body::from).into())
    }
}

fn busy() -> ProxyError {
    ProxyError::proxy(ErrorType::ProxyInternalError)
        .with_status(StatusCode::SERVICE_UNAVAILABLE)
        .with_detail("the console is busy")
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
}
