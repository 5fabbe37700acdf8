//! Compresses responses, by tower-http's layer. What may be compressed is decided here, since an edge does not know the
//! responses it passes on: the layer knows nothing of `no-transform` (RFC 9111 section 5.2.2.6), of validators and
//! digests that compression outdates (RFC 9110 section 8.8.3, RFC 9530), or of types that are compressed already, and
//! it answers 406 where a client wants neither a coding nor none.
//!
//! Each chunk leaves decompressible as it came: the encoders flush when the body has nothing more for now.

use std::convert::Infallible;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, VARY,
    },
};
use http_body::Body as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, predicate::SizeAbove},
};

use super::{Middleware, Next};
use crate::{
    body::Body,
    config::model::{self, Coding, CompressLevel},
    service::{Outcome, Request, Response},
};

/// Compresses what is worth it.
#[derive(Clone)]
pub(super) struct Compress {
    layer: CompressionLayer<SizeAbove>,
    bytes_min: u64,
}

impl Compress {
    pub(super) fn new(compress: &model::Compress) -> Self {
        let has = |coding| compress.codings.contains(&coding);
        let level = match compress.level {
            CompressLevel::Fastest => CompressionLevel::Fastest,
            CompressLevel::Default => CompressionLevel::Default,
            CompressLevel::Best => CompressionLevel::Best,
        };
        let layer = CompressionLayer::new()
            .gzip(has(Coding::Gzip))
            .br(has(Coding::Brotli))
            .zstd(has(Coding::Zstd))
            .deflate(false)
            .quality(level)
            // What is worth it is decided here.
            .compress_when(SizeAbove::new(0));
        Self { layer, bytes_min: compress.bytes_min }
    }

    async fn encode(&self, accept: &HeaderMap, response: Response) -> Response {
        let status = response.status();
        let validator = response.headers().get(ETAG).cloned();
        let mut ready = Some(response.unboxed());
        let service = self.layer.layer(service_fn(move |_: http::Request<()>| {
            std::future::ready(Ok::<_, Infallible>(ready.take().unwrap_or_default()))
        }));
        let mut request = http::Request::new(());
        for value in accept.get_all(ACCEPT_ENCODING) {
            request.headers_mut().append(ACCEPT_ENCODING, value.clone());
        }
        let Ok(response) = service.oneshot(request).await;
        let (mut parts, body) = response.into_parts();
        parts.status = status;
        if !parts.headers.contains_key(CONTENT_ENCODING) {
            return Response::from_parts(parts, body.into_inner());
        }
        outdate(&mut parts.headers, validator);
        Response::from_parts(parts, Body::boxed(body))
    }
}

impl Middleware for Compress {
    fn name(&self) -> &'static str {
        "compress"
    }

    async fn handle(&self, request: Request, next: Next<'_>) -> Outcome {
        let mut accept = HeaderMap::new();
        for value in request.headers().get_all(ACCEPT_ENCODING) {
            accept.append(ACCEPT_ENCODING, value.clone());
        }
        let head = request.method() == Method::HEAD;
        let mut response = next.run(request).await?;
        if let Err(why) = worth(&response, self.bytes_min) {
            next.set("waylight.compress.skipped", || why);
            return Ok(response);
        }
        // Also where this client gets it plain: a cache must not hand one client's coding to another.
        vary(response.headers_mut());
        if head || accept.is_empty() {
            return Ok(response);
        }
        let response = self.encode(&accept, response).await;
        let coding = response.headers().get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
        next.set("waylight.compress.coding", || coding.unwrap_or("identity").to_owned());
        Ok(response)
    }
}

/// Why a response is left alone, if it is.
fn worth(response: &Response, bytes_min: u64) -> Result<(), &'static str> {
    let headers = response.headers();
    let status = response.status();
    if status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
    {
        return Err("no content");
    }
    if status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE) {
        return Err("range");
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err("already encoded");
    }
    if lists(headers, &CACHE_CONTROL, "no-transform") {
        return Err("no-transform");
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !is_compressible(kind) {
        return Err("content type");
    }
    let declared = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok();
    // A HEAD's body is empty, but its length is declared.
    let octets = declared().or_else(|| response.body().size_hint().exact());
    if octets.is_some_and(|octets| octets < bytes_min) { Err("small") } else { Ok(()) }
}

/// Types that shrink. Events are not among them: whoever waits for them wants each at once, and small as they are.
fn is_compressible(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "text/event-stream" {
        return false;
    }
    let (group, name) = kind.split_once('/').unwrap_or((&kind, ""));
    match group {
        "text" => true,
        "application" => {
            let plain = [
                "javascript",
                "json",
                "xml",
                "wasm",
                "x-javascript",
                "x-ndjson",
                "vnd.ms-fontobject",
                "graphql",
                "manifest",
                "rtf",
                "sql",
                "toml",
                "yaml",
            ];
            plain.contains(&name) || name.ends_with("+json") || name.ends_with("+xml") || name.ends_with("+text")
        }
        "image" => matches!(name, "svg+xml" | "bmp" | "x-icon" | "vnd.microsoft.icon"),
        "font" => matches!(name, "ttf" | "otf" | "collection"),
        _ => false,
    }
}

fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

fn vary(headers: &mut HeaderMap) {
    if !lists(headers, &VARY, "accept-encoding") && !lists(headers, &VARY, "*") {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// What was true of the octets that came is not true of those that leave.
fn outdate(headers: &mut HeaderMap, validator: Option<HeaderValue>) {
    for name in ["content-md5", "digest", "content-digest", "repr-digest"] {
        headers.remove(name);
    }
    let Some(strong) = validator.filter(|validator| !validator.as_bytes().starts_with(b"W/")) else { return };
    match HeaderValue::from_bytes(&[b"W/", strong.as_bytes()].concat()) {
        Ok(weak) => headers.insert(ETAG, weak),
        Err(_) => headers.remove(ETAG),
    };
}

#[cfg(test)]
mod tests;
