//! One OTLP/gRPC message and its answer (OTLP 1.11, "OTLP/gRPC"; gRPC over HTTP/2). Written on hyper: the framing is five
//! octets, and what is read is bounded before it is read.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message as _;
use tonic::Code;

use super::{
    gate::{Coding, Gate, Reach, Refusal},
    http::{Encoding, success},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// A compressed flag and a length.
const PREFIX: usize = 5;

type Answer = Response<UnsyncBoxBody<Bytes, std::convert::Infallible>>;

/// Answers one call.
pub(super) async fn answer(gate: &Gate, reach: Reach, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let outcome = match gate.admit(&head, reach).and_then(|()| admit(&head)) {
        Ok(coding) => tokio::time::timeout(gate.timeout(), take(gate, coding, body))
            .await
            .unwrap_or(Err(Refusal(StatusCode::REQUEST_TIMEOUT, "the message did not arrive in time"))),
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(rejected) => accepted(rejected),
        // Whoever speaks no gRPC would not find the status of gRPC (gRPC over HTTP/2, "Requests").
        Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, _)) => {
            let mut response = Response::new(Full::default().boxed_unsync());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            response
        }
        Err(refusal) => refused(&refusal),
    }
}

async fn take(gate: &Gate, coding: Coding, body: Incoming) -> Result<usize, Refusal> {
    let (sent, mut lent) = gate.read(body).await?;
    let (flag, message) = message(&sent)
        .ok_or(Refusal(StatusCode::BAD_REQUEST, "the call holds not one whole message, as Export must"))?;
    let coding = match (flag, coding) {
        (Flag::Plain, _) => Coding::Identity,
        (Flag::Compressed, Coding::Gzip) => Coding::Gzip,
        (Flag::Compressed, Coding::Identity) => {
            return Err(Refusal(StatusCode::BAD_REQUEST, "the message is compressed, and nothing says how"));
        }
    };
    let plain = gate.unpack(coding, message, &mut lent)?;
    let request = gate.decode(Encoding::Protobuf, plain, &mut lent)?;
    gate.offer(request, lent)
}

/// Whether a message is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// It is not.
    Plain,
    /// It is.
    Compressed,
}

/// The one message of a call; `None` if there is none, more than one, or only part of one.
pub fn message(body: &Bytes) -> Option<(Flag, Bytes)> {
    let (prefix, rest) = body.split_first_chunk::<PREFIX>()?;
    let [flag, length @ ..] = *prefix;
    let flag = match flag {
        0 => Flag::Plain,
        1 => Flag::Compressed,
        _ => return None,
    };
    (usize::try_from(u32::from_be_bytes(length)).ok()? == rest.len()).then(|| (flag, body.slice(PREFIX..)))
}

fn admit(head: &http::request::Parts) -> Result<Coding, Refusal> {
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| ["application/grpc", "application/grpc+proto"].contains(&essence)) {
        return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, ""));
    }
    if head.uri.path() != EXPORT || head.method != Method::POST {
        return Err(Refusal(StatusCode::NOT_FOUND, "only TraceService/Export is served"));
    }
    match head.headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Coding::Identity),
        Some(b"gzip") => Ok(Coding::Gzip),
        Some(_) => Err(Refusal(StatusCode::NOT_IMPLEMENTED, "the encoding is not gzip")),
    }
}

fn accepted(rejected: usize) -> Answer {
    let message = success(rejected).encode_to_vec();
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    // A sentence and a number.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(0));
    framed.put_slice(&message);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    respond(body.boxed_unsync())
}

/// An answer that is trailers only.
fn refused(Refusal(status, message): &Refusal) -> Answer {
    let code = match *status {
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => Code::Unimplemented,
        StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
        StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        _ => Code::InvalidArgument,
    };
    let mut response = respond(Full::default().boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS, HeaderValue::from(code as i32));
    // Our own sentences; encoded they are always a header's value.
    if let Ok(message) = HeaderValue::from_str(&utf8_percent_encode(message, NON_ALPHANUMERIC).to_string()) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if code == Code::Unavailable
        && let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(retry_in_a_second(code, message)))
    {
        headers.insert(GRPC_STATUS_DETAILS, details);
    }
    response
}

/// A `google.rpc.Status` with a `google.rpc.RetryInfo` of one second: throttling, as OTLP says it.
fn retry_in_a_second(code: Code, message: &str) -> Vec<u8> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    // RetryInfo { retry_delay: Duration { seconds: 1 } }
    let value = vec![0x0a, 0x02, 0x08, 0x01];
    let any = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value };
    Status { code: code as i32, message: message.to_owned(), details: vec![any] }.encode_to_vec()
}

fn respond(body: UnsyncBoxBody<Bytes, std::convert::Infallible>) -> Answer {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip"));
    response
}
