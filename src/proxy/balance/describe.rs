//! What a client span says of its request: the OpenTelemetry semantic conventions for HTTP client spans.

use http::Uri;

use crate::{
    config::model::Endpoint,
    proxy::context::{Context, method_name},
    service::Request,
    trace::scope::Span,
};

/// Describes `request`, in its attempt number `attempts`, on `span`.
pub(super) fn request(span: &mut Span, request: &Request, endpoint: &Endpoint, attempts: u32, cx: &Context) {
    let method = method_name(request.method());
    span.rename(|| method);
    span.set("http.request.method", || if method == "HTTP" { "_OTHER" } else { method });
    if method == "HTTP" {
        span.set("http.request.method_original", || request.method().as_str().to_owned());
    }
    span.set("server.address", || endpoint.host.clone());
    span.set("server.port", || i64::from(endpoint.port));
    if let Some(upstream) = cx.upstream.get() {
        span.set("waylight.upstream", || upstream.to_string());
    }
    span.set("url.full", || url_full(endpoint, request.uri(), cx));
    span.set("network.protocol.name", || "http");
    span.set("network.protocol.version", || "1.1");
    if attempts > 1 {
        span.set("http.request.resend_count", || i64::from(attempts - 1));
    }
}

fn url_full(endpoint: &Endpoint, uri: &Uri, cx: &Context) -> String {
    let host = &endpoint.host;
    let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
    let port = endpoint.port.to_string();
    let mut url = [endpoint.scheme.as_str(), "://", open, host, close, ":", &port, uri.path()].concat();
    // A query may hold secrets: it is shown only where it is known what to hide.
    if let (Some(query), Some(redaction)) = (uri.query(), cx.redaction.get()) {
        url.push('?');
        url.push_str(&redaction.query(query));
    }
    url
}
