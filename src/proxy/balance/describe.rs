//! What a client span says of its request: the OpenTelemetry semantic conventions for HTTP client spans.

use http::Method;

use crate::{config::model::Endpoint, service::Request, trace::scope::Span};

/// Describes `request`, in its attempt number `attempts`, on `span`.
pub(super) fn request(span: &mut Span, request: &Request, endpoint: &Endpoint, attempts: u32) {
    let method = known_method(request.method());
    span.rename(|| if method == "_OTHER" { "HTTP" } else { method });
    span.set("http.request.method", || method);
    if method == "_OTHER" {
        span.set("http.request.method_original", || request.method().as_str().to_owned());
    }
    span.set("server.address", || endpoint.host.clone());
    span.set("server.port", || i64::from(endpoint.port));
    span.set("url.full", || url_full(endpoint, request));
    span.set("network.protocol.name", || "http");
    span.set("network.protocol.version", || "1.1");
    if attempts > 1 {
        span.set("http.request.resend_count", || i64::from(attempts - 1));
    }
}

fn url_full(endpoint: &Endpoint, request: &Request) -> String {
    let host = &endpoint.host;
    let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
    // Without the query: it may hold secrets.
    format!("{}://{open}{host}{close}:{}{}", endpoint.scheme.as_str(), endpoint.port, request.uri().path())
}

/// The method, where the conventions know it.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}
