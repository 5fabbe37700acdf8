use std::{
    io::{Read, Write as _},
    pin::Pin,
    rc::Rc,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tower::Layer as _;

use super::*;
use crate::proxy::{context::Context, handler::Handler, middleware::ChainLayer, testing};

/// Answers with what `build` makes.
struct Origin<F>(F);

impl<F: Fn() -> Response + 'static> Handler for Origin<F> {
    async fn handle(&self, _: Request, _: &Rc<Context>) -> Outcome {
        Ok((self.0)())
    }
}

fn settings() -> model::Compress {
    let codings = vec![Coding::Zstd, Coding::Brotli, Coding::Gzip];
    model::Compress { codings, bytes_min: 100, level: CompressLevel::Default }
}

async fn ask(method: Method, accept: &str, build: impl Fn() -> Response + 'static) -> Response {
    let mut layer = ChainLayer::default();
    layer.push("small", Compress::new(&settings()));
    let request = http::Request::builder().method(method).uri("/").header(ACCEPT_ENCODING, accept);
    let request = Box::new(request.body(Body::empty()).unwrap());
    let cx = testing::context(&request);
    layer.layer(Origin(build)).handle(request, &cx).await.unwrap()
}

fn page(headers: &[(&str, &str)]) -> Response {
    let mut response = http::Response::builder().header(CONTENT_TYPE, "text/html");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::full("hello ".repeat(100))).unwrap().into()
}

fn value<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_client_s_preference_chooses_the_coding() {
    for (accept, coding) in [
        ("gzip", Some("gzip")),
        ("br, gzip;q=0.5", Some("br")),
        ("zstd", Some("zstd")),
        ("deflate", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("*;q=0", None),
    ] {
        let response = ask(Method::GET, accept, || page(&[("content-length", "600")])).await;
        assert_eq!(response.status(), 200, "{accept}");
        assert_eq!(value(&response, "content-encoding"), coding, "{accept}");
        assert_eq!(value(&response, "vary"), Some("accept-encoding"), "{accept}");
        assert_eq!(value(&response, "content-length").is_some(), coding.is_none(), "{accept}");
    }
}

#[tokio::test]
async fn what_is_not_worth_it_is_left_alone() {
    let cases: &[&[(&str, &str)]] = &[
        &[("content-encoding", "br")],
        &[("cache-control", "public, No-Transform")],
        &[("content-range", "bytes 0-599/1000")],
        &[("content-length", "99")],
    ];
    for headers in cases {
        let response = ask(Method::GET, "gzip", || page(headers)).await;
        assert_ne!(value(&response, "content-encoding"), Some("gzip"), "{headers:?}");
        assert_eq!(value(&response, "vary"), None, "{headers:?}");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 600);
    }
    for kind in ["text/event-stream", "image/png", "video/mp4", "application/zip", "application/grpc", ""] {
        let build = move || {
            let mut response = page(&[]);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        };
        assert_eq!(value(&ask(Method::GET, "gzip", build).await, "content-encoding"), None, "{kind}");
    }
    let empty = || http::Response::builder().status(204).body(Body::empty()).unwrap().into();
    assert_eq!(value(&ask(Method::GET, "gzip", empty).await, "content-encoding"), None);
}

#[tokio::test]
async fn a_head_says_that_it_varies_and_nothing_else() {
    let build = || {
        let mut response = page(&[("content-length", "600")]);
        *response.body_mut() = Body::empty();
        response
    };
    let response = ask(Method::HEAD, "gzip", build).await;
    assert_eq!(value(&response, "vary"), Some("accept-encoding"));
    assert_eq!(value(&response, "content-encoding"), None);
    assert_eq!(value(&response, "content-length"), Some("600"));
}

#[tokio::test]
async fn validators_and_digests_follow_the_octets() {
    let headers =
        &[("etag", "\"a\""), ("repr-digest", "sha-256=:x:"), ("accept-ranges", "bytes"), ("vary", "Accept-Encoding")];
    let response = ask(Method::GET, "gzip", || page(headers)).await;
    assert_eq!(value(&response, "etag"), Some("W/\"a\""));
    assert_eq!(value(&response, "repr-digest"), None);
    assert_eq!(value(&response, "accept-ranges"), None);
    assert_eq!(response.headers().get_all(VARY).iter().count(), 1);
    let response = ask(Method::GET, "gzip", || page(&[("etag", "W/\"a\"")])).await;
    assert_eq!(value(&response, "etag"), Some("W/\"a\""));
}

/// A body whose chunks a test sends one by one.
struct Paused(mpsc::Receiver<Bytes>);

impl http_body::Body for Paused {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// What a decoder has understood so far.
fn decode(coding: &str, encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => {
            let mut decoder = flate2::write::GzDecoder::new(&mut out);
            decoder.write_all(encoded).unwrap();
            decoder.flush().unwrap();
        }
        "br" => {
            let mut decoder = brotli::Decompressor::new(encoded, 4096);
            let mut buffer = [0; 4096];
            while let Ok(count) = decoder.read(&mut buffer)
                && count > 0
            {
                out.extend_from_slice(&buffer[..count]);
            }
        }
        _ => {
            let mut decoder = zstd::stream::write::Decoder::new(&mut out).unwrap();
            decoder.write_all(encoded).unwrap();
            decoder.flush().unwrap();
        }
    }
    out
}

#[tokio::test]
async fn each_chunk_of_a_paused_stream_arrives_before_the_next_is_sent() {
    for coding in ["gzip", "br", "zstd"] {
        let (chunks, paused) = mpsc::channel(1);
        let paused = std::cell::RefCell::new(Some(paused));
        let response = ask(Method::GET, coding, move || {
            let body = Body::boxed(Paused(paused.borrow_mut().take().unwrap()));
            http::Response::builder().header(CONTENT_TYPE, "text/html").body(body).unwrap().into()
        })
        .await;
        assert_eq!(value(&response, "content-encoding"), Some(coding));
        let mut body = response.into_body();
        let (mut sent, mut encoded) = (Vec::new(), Vec::new());
        for count in 0..5 {
            let chunk = format!("<p>chunk {count} {}</p>", "x".repeat(count * 3000));
            sent.extend_from_slice(chunk.as_bytes());
            chunks.send(chunk.into()).await.unwrap();
            // The next chunk is not sent before this one is understood; if it never is, this test hangs.
            while decode(coding, &encoded) != sent {
                encoded.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
        }
        drop(chunks);
        encoded.extend_from_slice(&body.collect().await.unwrap().to_bytes());
        assert_eq!(decode(coding, &encoded), sent, "{coding}");
    }
}
