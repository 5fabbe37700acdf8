//! One OTLP/HTTP message and its answer (OTLP 1.11, "OTLP/HTTP Request" and "OTLP/HTTP Response").

use std::{io::Read as _, sync::Arc};

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, uri::Authority};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ReceiverLimits;
use crate::trace::collector::Intake;

pub(super) struct Answering {
    pub(super) intake: Intake,
    pub(super) limits: ReceiverLimits,
    pub(super) memory: Arc<Semaphore>,
}

/// How a message is written; the answer is written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`, as OTLP bends it: ids in hex, enums as integers.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// A message that is not taken, and the sentence that says why.
#[derive(Debug, PartialEq, Eq)]
struct Refusal(StatusCode, &'static str);

/// `google.rpc.Status`, the body of every error.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Answering {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let encoding = encoding(&head.headers);
        let outcome = match admit(&head) {
            Ok(coding) => {
                let take = self.take(coding, body, encoding.unwrap_or(Encoding::Protobuf));
                tokio::time::timeout(self.limits.timeout_request, take)
                    .await
                    .unwrap_or(Err(Refusal(StatusCode::REQUEST_TIMEOUT, "the message did not arrive in time")))
            }
            Err(refusal) => Err(refusal),
        };
        let encoding = encoding.unwrap_or(Encoding::Json);
        match outcome {
            Ok(()) => accepted(encoding),
            Err(refusal) => refused(encoding, &refusal),
        }
    }

    async fn take(&self, coding: Coding, body: Incoming, encoding: Encoding) -> Result<(), Refusal> {
        let (sent, mut lent) = self.read(body).await?;
        let plain = match coding {
            Coding::Identity => sent,
            Coding::Gzip => self.unpack(&sent, &mut lent)?,
        };
        let request = decode(encoding, plain)
            .ok_or(Refusal(StatusCode::BAD_REQUEST, "the message is no ExportTraceServiceRequest"))?;
        self.intake
            .offer(request, Some(lent))
            .map_err(|_| Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many messages wait"))
    }

    /// Reads a body, borrowing memory as it grows.
    async fn read(&self, mut body: Incoming) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
        let mut lent = self.lend(0)?;
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "the message ended early"))?;
            let Some(data) = frame.data_ref() else { continue };
            self.grow(&mut lent, read.len() + data.len())?;
            read.extend_from_slice(data);
        }
        Ok((read.freeze(), lent))
    }

    fn unpack(&self, sent: &[u8], lent: &mut OwnedSemaphorePermit) -> Result<Bytes, Refusal> {
        let mut gzip = MultiGzDecoder::new(sent);
        let mut plain = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            let octets = gzip.read(&mut piece).map_err(|_| Refusal(StatusCode::BAD_REQUEST, "this is not gzip"))?;
            if octets == 0 {
                return Ok(plain.into());
            }
            self.grow(lent, plain.len() + octets)?;
            plain.extend_from_slice(&piece[..octets]);
        }
    }

    fn grow(&self, lent: &mut OwnedSemaphorePermit, octets: usize) -> Result<(), Refusal> {
        if octets > self.limits.request_bytes_max {
            return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the message is too large"));
        }
        let more = octets.div_ceil(1024).saturating_sub(lent.num_permits());
        if more > 0 {
            lent.merge(self.lend(more)?);
        }
        Ok(())
    }

    fn lend(&self, kibibytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let kibibytes = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        Arc::clone(&self.memory)
            .try_acquire_many_owned(kibibytes)
            .map_err(|_| Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many messages at once"))
    }
}

fn admit(head: &http::request::Parts) -> Result<Coding, Refusal> {
    // First of all: a browser that was talked into this learns nothing, not even which paths there are.
    if head.headers.contains_key(header::ORIGIN) {
        return Err(Refusal(StatusCode::FORBIDDEN, "spans are not taken from web pages"));
    }
    if !is_loopback(&head.headers) {
        return Err(Refusal(StatusCode::FORBIDDEN, "the host is not loopback"));
    }
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
    match head.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
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

/// Whether the one `Host` names this machine itself, whatever its port. A foreign name that was made to point here
/// (DNS rebinding) does not.
fn is_loopback(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads a message; `None` if it is none.
pub fn decode(encoding: Encoding, body: Bytes) -> Option<ExportTraceServiceRequest> {
    match encoding {
        Encoding::Protobuf => ExportTraceServiceRequest::decode(body).ok(),
        Encoding::Json => serde_json::from_slice(&body).ok(),
    }
}

fn accepted(encoding: Encoding) -> Response<Full<Bytes>> {
    let body = match encoding {
        Encoding::Protobuf => ExportTraceServiceResponse::default().encode_to_vec(),
        Encoding::Json => b"{}".to_vec(),
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
    match *status {
        StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
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
