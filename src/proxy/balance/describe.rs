//! What a client span says of its request: the OpenTelemetry semantic conventions for HTTP client spans.

use http::StatusCode;

use crate::{
    config::model::Endpoint,
    proxy::context::{Context, method_name},
    rules::reserved,
    service::Request,
    trace::{attributes::Attributes, phases::Phase, scope::Span},
};

/// What client spans say of an endpoint.
#[derive(Debug)]
pub(super) struct Described {
    /// What all URLs there begin with.
    origin: Box<str>,
    /// What is the same for all requests.
    attributes: Attributes,
}

impl Described {
    /// What is said of `endpoint`.
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        let mut attributes = Attributes::default();
        attributes.set("server.address", &*endpoint.host);
        attributes.set("network.protocol.name", "http");
        attributes.set("network.protocol.version", "1.1");
        Self { origin: origin(endpoint), attributes }
    }
}

/// Describes `request`, to `endpoint` in its attempt number `attempts`, on `span`.
pub(super) fn request(span: &mut Span, request: &Request, endpoint: &Described, attempts: u32, cx: &Context) {
    let method = method_name(request.method());
    span.rename(|| method);
    span.set("http.request.method", || if method == "HTTP" { "_OTHER" } else { method });
    if method == "HTTP" {
        span.set("http.request.method_original", || request.method().as_str());
    }
    if let Some(upstream) = cx.upstream.get() {
        span.set("waylight.upstream", || &**upstream);
    }
    span.set_all(|| &endpoint.attributes);
    let uri = request.uri();
    // A query may hold secrets: it is shown only where it is known what to hide.
    let query = uri.query().zip(cx.redaction.get()).map(|(query, redaction)| redaction.query(query));
    let (mark, query) = query.as_deref().map_or(("", ""), |query| ("?", query));
    span.set("url.full", || [&*endpoint.origin, reserved::shown(uri.path()), mark, query]);
    if attempts > 1 {
        span.set("http.request.resend_count", || i64::from(attempts - 1));
    }
}

/// Tells that the upstream answered, and what.
pub(super) fn answered(span: &mut Span, status: StatusCode, cx: &Context) {
    span.status(status);
    if let Some(upstream) = cx.upstream.get() {
        span.answered_by(upstream);
    }
}

/// Tells when the request of this attempt was sent and when its answer began, as far as it came.
pub(super) fn moments(span: &mut Span, cx: &Context) {
    let Some(chosen) = cx.phases.at(Phase::Chosen) else { return };
    let after = |phase| {
        // An attempt before may have come further.
        let nanos = cx.phases.at(phase)?.nanos().checked_sub(chosen.nanos())?;
        Some(i64::try_from(nanos / 1_000).unwrap_or(i64::MAX))
    };
    if let Some(sent) = after(Phase::Sent) {
        span.set("waylight.upstream.request_sent_us", || sent);
    }
    if let Some(answered) = after(Phase::FirstByte) {
        span.set("waylight.upstream.first_byte_us", || answered);
    }
}

/// Where an endpoint is: what all URLs there begin with.
pub(super) fn origin(endpoint: &Endpoint) -> Box<str> {
    let Endpoint { scheme, host, port } = endpoint;
    let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
    format!("{}://{open}{host}{close}:{port}", scheme.as_str()).into()
}
