//! The error page: HTML or JSON by `Accept`, with a `Proxy-Status` field (RFC 9209). It names the request and the kind
//! of error; details are for logs and traces, since they may tell a stranger about the inside.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::{
    body::Body,
    error::{ProxyError, Side},
    proxy::context::Context,
    service::Response,
};

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Html,
    /// For programs.
    Json,
}

impl Form {
    /// JSON where `Accept` names a JSON type before `text/html`; else HTML.
    pub(super) fn wanted_by(accept: Option<&HeaderValue>) -> Self {
        let Some(accept) = accept else { return Self::Html };
        let accept = accept.as_bytes();
        let html = memchr::memmem::find(accept, b"text/html");
        let json = memchr::memmem::find(accept, b"json");
        match (json, html) {
            (Some(json), Some(html)) if json > html => Self::Html,
            (Some(_), _) => Self::Json,
            (None, _) => Self::Html,
        }
    }
}

/// The answer to a request that failed.
pub(super) fn render(error: &ProxyError, form: Form, cx: &Context) -> Response {
    let status = error.status();
    let content: Bytes = match form {
        Form::Html => html(error, status, cx).into(),
        Form::Json => json(error, status, cx).into(),
    };
    let mut response = Response::new(Body::full(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(match form {
            Form::Html => "text/html; charset=utf-8",
            Form::Json => "application/problem+json",
        }),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    proxy_status(headers, error);
    error.add_headers(headers);
    response
}

fn proxy_status(headers: &mut HeaderMap, error: &ProxyError) {
    // RFC 9209 section 2: a list member that names this intermediary.
    if let Ok(value) = HeaderValue::try_from(format!("waylight; error={}", error.kind.token())) {
        headers.append("proxy-status", value);
    }
}

fn json(error: &ProxyError, status: StatusCode, cx: &Context) -> String {
    // RFC 9457.
    serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": sentence(error, status),
        "error": error.kind.token(),
        "request_id": cx.request_id.to_string(),
    })
    .to_string()
}

fn html(error: &ProxyError, status: StatusCode, cx: &Context) -> String {
    let title = status.canonical_reason().unwrap_or("Error");
    let mut page = String::with_capacity(1536);
    let written = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>{code} {title}</title>{STYLE}\
         </head><body><main><p class=\"code\">{code}</p><h1>{title}</h1><p>{sentence}</p><dl><dt>Reason</dt>\
         <dd>{token}</dd><dt>Request</dt><dd>{request_id}</dd></dl></main></body></html>",
        code = status.as_u16(),
        sentence = sentence(error, status),
        token = error.kind.token(),
        request_id = cx.request_id,
    );
    debug_assert!(written.is_ok(), "a string takes what is written to it");
    page
}

const STYLE: &str = "<style>:root{color-scheme:light dark;--ink:#131316;--ink2:#55555c;--bg:#fff;--line:#e7e7ea}\
    @media(prefers-color-scheme:dark){:root{--ink:#f2f2f4;--ink2:#ababb3;--bg:#0c0c0e;--line:#25252a}}\
    body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--ink);\
    font:16px/1.5 system-ui,sans-serif}main{max-width:32rem;padding:2rem}.code{font-size:13px;font-weight:600;\
    color:var(--ink2);margin:0}h1{font-size:28px;line-height:1.2;margin:.25rem 0 .75rem}p{color:var(--ink2)}\
    dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;border-top:1px solid var(--line);padding-top:1rem;\
    font:12px/1.6 ui-monospace,monospace}dt{color:var(--ink2)}dd{margin:0;overflow-wrap:anywhere}</style>";

fn sentence(error: &ProxyError, status: StatusCode) -> &'static str {
    match (status.as_u16(), error.side) {
        (400, _) => "The request could not be understood.",
        (403, _) => "The request is not allowed.",
        (404, _) => "Nothing is served at this address.",
        (405, _) => "This address does not take this method.",
        (408, _) => "The request took too long to arrive.",
        (413, _) => "The request is too large.",
        (414, _) => "The address is too long.",
        (421, _) => "This server does not serve this host.",
        (431, _) => "The request has too many or too large header fields.",
        (502, _) => "The server behind this page did not give a valid answer.",
        (503, _) => "The service cannot take the request now. Please try again in a moment.",
        (504, _) => "The server behind this page did not answer in time.",
        (_, Side::Client) => "The request cannot be answered.",
        _ => "Something went wrong on our side.",
    }
}
