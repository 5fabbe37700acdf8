//! One OTLP/HTTP message and its answer (OTLP 1.11, "OTLP/HTTP Request" and "OTLP/HTTP Response").

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;

use super::{
    gate::{Coding, Gate, Reach, Refusal},
    json,
};

/// What a message with spans that name nothing is told.
pub(super) const REJECTED: &str = "spans need a trace id of 16 octets and a span id of 8, not all zero";

/// How a message is written; the answer is written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`, as OTLP bends it: ids in hex, enums as integers.
    Json,
}

/// `google.rpc.Status`, the body of every error.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Answers one request.
pub(super) async fn answer(gate: &Gate, reach: Reach, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let encoding = encoding(&head.headers);
    let outcome = match gate.admit(&head, reach).and_then(|()| admit(&head)) {
        Ok(coding) => {
            let take = take(gate, coding, body, encoding.unwrap_or(Encoding::Protobuf));
            tokio::time::timeout(gate.timeout(), take)
                .await
                .unwrap_or(Err(Refusal(StatusCode::REQUEST_TIMEOUT, "the message did not arrive in time")))
        }
        Err(refusal) => Err(refusal),
    };
    let encoding = encoding.unwrap_or(Encoding::Json);
    match outcome {
        Ok(rejected) => accepted(encoding, rejected),
        Err(refusal) => refused(encoding, &refusal),
    }
}

async fn take(gate: &Gate, coding: Coding, body: Incoming, encoding: Encoding) -> Result<usize, Refusal> {
    let (sent, mut lent) = gate.read(body).await?;
    let plain = gate.unpack(coding, sent, &mut lent)?;
    let request = gate.decode(encoding, plain, &mut lent)?;
    gate.offer(request, lent)
}

fn admit(head: &http::request::Parts) -> Result<Coding, Refusal> {
    if head.uri.path() != "/v1/traces" {
        return Err(Refusal(StatusCode::NOT_FOUND, "spans are taken at /v1/traces"));
    }
    if head.method != Method::POST {
        return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "spans are taken by POST"));
    }
    if encoding(&head.headers).is_none() {
        return Err(Refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type is neither application/x-protobuf nor application/json",
        ));
    }
    // Names of codings are compared without case (RFC 9110 section 8.4.1).
    match head.headers.get(header::CONTENT_ENCODING).map(|coding| coding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"" | b"identity") => Ok(Coding::Identity),
        Some(b"gzip") => Ok(Coding::Gzip),
        Some(_) => Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content encoding is not gzip")),
    }
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = content_type.split(';').next()?.trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Encoding::Protobuf)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

/// Reads a message; `None` if it is none.
pub fn decode(encoding: Encoding, body: Bytes) -> Option<ExportTraceServiceRequest> {
    match encoding {
        Encoding::Protobuf => ExportTraceServiceRequest::decode(body).ok(),
        Encoding::Json => json::decode(&body),
    }
}

/// What is said of a message that was taken.
pub(super) fn success(rejected: usize) -> ExportTraceServiceResponse {
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: REJECTED.to_owned(),
    });
    ExportTraceServiceResponse { partial_success }
}

fn accepted(encoding: Encoding, rejected: usize) -> Response<Full<Bytes>> {
    let body = match encoding {
        Encoding::Protobuf => success(rejected).encode_to_vec(),
        Encoding::Json if rejected == 0 => b"{}".to_vec(),
        // Protobuf's JSON writes 64 bits as a string.
        Encoding::Json => serde_json::json!({
            "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": REJECTED }
        })
        .to_string()
        .into_bytes(),
    };
    respond(StatusCode::OK, encoding, body)
}

fn refused(encoding: Encoding, Refusal(status, message): &Refusal) -> Response<Full<Bytes>> {
    // The code is one of gRPC's, and optional over HTTP; the status says it already.
    let body = match encoding {
        Encoding::Protobuf => RpcStatus { code: 0, message: (*message).to_owned() }.encode_to_vec(),
        Encoding::Json => serde_json::json!({ "message": message }).to_string().into_bytes(),
    };
    let mut response = respond(*status, encoding, body);
    let field = match *status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => (header::RETRY_AFTER, "1"),
        StatusCode::METHOD_NOT_ALLOWED => (header::ALLOW, "POST"),
        StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "Bearer"),
        _ => return response,
    };
    response.headers_mut().insert(field.0, HeaderValue::from_static(field.1));
    response
}

fn respond(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response<Full<Bytes>> {
    let content_type = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
