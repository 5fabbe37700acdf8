//! What takes envelopes: it reads the first line, finds out whether the DSN in it is one of those that are allowed, and
//! streams the octets to the server that the configuration names, never to one that the envelope names.

use std::{rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, REFERER, RETRY_AFTER, USER_AGENT},
};

use super::{
    SentryServices,
    copy::{self, Wanted},
    opening::{Opening, malformed},
    server,
};
use crate::{
    body::{End, Watch},
    clock,
    config::model::{ClientAddress, SentryTunnel},
    error::{ErrorType, ProxyError, Side},
    proxy::{
        context::Context,
        handler::Handler,
        permits::Permit,
        upstreams::{Forward, Upstreams},
    },
    rules::{
        authority::{self, Site},
        page, privacy,
        sentry::{Dsn, envelope::Head},
    },
    service::{Outcome, Request, Response},
    trace::per_minute::network,
};

/// What is sent as the type of every envelope.
const ENVELOPE: HeaderValue = HeaderValue::from_static("application/x-sentry-envelope");
/// Tells Sentry who the client is.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-sentry-forwarded-for");
/// What of a request Sentry sees, beside fields that begin as [`HINTS`] does. No cookie, ever.
const PASSED: [HeaderName; 5] = [USER_AGENT, ORIGIN, REFERER, CONTENT_ENCODING, CONTENT_LENGTH];
/// User agent client hints.
const HINTS: &str = "sec-ch-ua";
/// What of an answer the browser sees.
const ANSWERED: [HeaderName; 3] = [CONTENT_TYPE, RETRY_AFTER, HeaderName::from_static("x-sentry-rate-limits")];

/// What a relay is made of.
#[derive(Debug)]
pub struct RelayParts<'p> {
    /// What is allowed, and within which bounds.
    pub tunnel: &'p SentryTunnel,
    /// How much of clients' addresses may be kept.
    pub client_address: ClientAddress,
    /// The servers ([`super::upstreams`]).
    pub upstreams: &'p Upstreams,
    /// What all workers share.
    pub services: SentryServices,
}

/// Takes envelopes.
pub struct Relay {
    projects: Box<[Project]>,
    tunnel: SentryTunnel,
    client_address: ClientAddress,
    services: SentryServices,
}

/// A project that envelopes may go to.
struct Project {
    dsn: Dsn,
    target: Uri,
    forward: Forward,
}

impl Relay {
    /// A relay to the projects of the tunnel.
    pub fn new(parts: RelayParts<'_>) -> Self {
        let RelayParts { tunnel, client_address, upstreams, services } = parts;
        let project = |dsn: &Dsn| {
            let forward = upstreams.handler(&server(dsn))?;
            Some(Project { dsn: dsn.clone(), target: dsn.target().into(), forward })
        };
        let projects = tunnel.dsns.iter().filter_map(project).collect();
        Self { projects, tunnel: tunnel.clone(), client_address, services }
    }

    async fn relay(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let place = self.admit(&request, cx)?;
        let coding = page::coding(request.headers()).map_err(|_| malformed("the coding of the body is not known"))?;
        let (head, body) = request.into_parts();
        let opening = Opening::read(body, coding).await?;
        let project = self.project(opening.line())?;
        let mut request = http::Request::new(copy::body(opening, self.wanted(&head, cx)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = project.target.clone();
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = self.headers(&head.headers, cx);
        let response = project.forward.send_as_is(Box::new(request), cx).await?;
        Ok(answer(response).map(|body| body.watched(Rc::new(Held { _place: place }))))
    }

    /// Whether the request may send an envelope at all; takes its place.
    fn admit(&self, request: &Request, cx: &Context) -> Result<Permit, ProxyError> {
        if request.method() != Method::POST {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Err(denied(status, "envelopes are posted").with_header(ALLOW, HeaderValue::from_static("POST")));
        }
        let SentryTunnel { requests_per_minute_max, requests_max, .. } = self.tunnel;
        let often = (1, requests_per_minute_max);
        self.services.clients.take(network(cx.client.get()), often, clock::unix_seconds()).map_err(|seconds| {
            denied(StatusCode::TOO_MANY_REQUESTS, "more than sentry.tunnel_requests_per_minute_max of one client")
                .with_header(RETRY_AFTER, HeaderValue::from(seconds))
        })?;
        self.services.permits.take(requests_max).ok_or_else(|| {
            denied(StatusCode::TOO_MANY_REQUESTS, "more than sentry.tunnel_requests_max are in progress")
                .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
        })
    }

    /// The project that the first line names.
    fn project(&self, line: &[u8]) -> Result<&Project, ProxyError> {
        let head = Head::parse(line).ok_or_else(|| malformed("the first line is no head of an envelope"))?;
        let dsn = head.dsn.ok_or_else(|| malformed("the head of the envelope names no DSN"))?;
        let project = self.projects.iter().find(|project| project.dsn.as_str() == dsn);
        project.ok_or_else(|| denied(StatusCode::FORBIDDEN, "the DSN of the envelope is not one of this site"))
    }

    /// What of the request Sentry sees.
    fn headers(&self, asked: &HeaderMap, cx: &Context) -> HeaderMap {
        let is_passed = |name: &HeaderName| PASSED.contains(name) || name.as_str().starts_with(HINTS);
        let mut headers: HeaderMap = asked
            .iter()
            .filter(|(name, _)| is_passed(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        headers.insert(CONTENT_TYPE, ENVELOPE);
        let client = privacy::client_address(cx.client.get().to_canonical(), self.client_address);
        if let Some(value) = client.and_then(|client| HeaderValue::try_from(client.to_string()).ok()) {
            headers.insert(FORWARDED_FOR, value);
        }
        headers
    }

    /// The copy that is made for a traced session. A page of another origin may have its browser send the cookie along,
    /// and is not to add to what the session records.
    fn wanted(&self, asked: &http::request::Parts, cx: &Context) -> Option<Wanted> {
        let site = Site { scheme: cx.scheme.get(), host: cx.host.get()? };
        if !authority::is_same_origin(&asked.headers, asked.uri.authority(), site) {
            return None;
        }
        let credentials = cx.credentials();
        Some(Wanted {
            session: credentials.session?,
            identity: credentials.identity?,
            bytes_max: self.tunnel.copy_bytes_max,
            copies: self.services.copies.clone(),
            counters: Arc::clone(&cx.counters),
        })
    }
}

impl Handler for Relay {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let outcome = self.relay(request, cx).await;
        match &outcome {
            Ok(_) => cx.counters.sentry_envelopes.one(),
            Err(error) if error.side == Side::Client => cx.counters.sentry_envelopes_refused.one(),
            Err(_) => cx.counters.sentry_envelopes_failed.one(),
        }
        outcome
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("tunnel", &self.tunnel).finish_non_exhaustive()
    }
}

/// What of Sentry's answer the browser sees. Where a redirect would lead to is not told, and not followed.
fn answer(response: Response) -> Response {
    let (head, body) = response.into_parts();
    let mut answer = Response::new(body);
    *answer.status_mut() = head.status;
    for name in ANSWERED {
        if let Some(value) = head.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

fn denied(status: StatusCode, detail: &'static str) -> ProxyError {
    ProxyError::client(ErrorType::HttpRequestDenied).with_status(status).with_detail(detail)
}

/// Keeps an envelope's place until the answer has ended.
struct Held {
    _place: Permit,
}

impl Watch for Held {
    fn data(&self, _: usize) {}

    fn end(&self, _: End) {}
}
