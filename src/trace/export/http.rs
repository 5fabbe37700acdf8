//! OTLP over HTTP, in protobuf or JSON (OTLP 1.11, "OTLP/HTTP"). Redirects are not followed: headers may be secrets.

use std::{fmt, io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message as _;

use super::{
    backend::{Accepted, Again, Failure},
    connector::{ExportError, Files, HttpClient, Speaks, client, headers},
    grpc::RpcStatus,
    parts::Parts,
    queue::Message,
};
use crate::{
    clock,
    config::model::{Export, ExportProtocol, Toggle},
};

/// The most octets read of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Http {
    client: HttpClient,
    endpoint: Uri,
    headers: HeaderMap,
    encoding: Encoding,
    gzip: Toggle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({}, {:?})", self.endpoint, self.encoding)
    }
}

impl Http {
    pub(super) fn new(export: &Export, files: &Files) -> Result<Self, ExportError> {
        let (encoding, content_type) = if export.protocol == ExportProtocol::HttpJson {
            (Encoding::Json, "application/json")
        } else {
            (Encoding::Protobuf, "application/x-protobuf")
        };
        let mut headers = headers(export)?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if export.gzip.is_on() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self {
            client: client(export, files, Speaks::Http1)?,
            endpoint: export.endpoint.clone(),
            headers,
            encoding,
            gzip: export.gzip,
        })
    }

    pub(super) async fn send(&self, body: Parts) -> Result<Accepted, Failure> {
        let mut request = Request::new(tonic::body::Body::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = self.headers.clone();
        // Nothing tells a refused connection from one that broke after the message was read; OTLP lets us send again.
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| Failure { message: chain(&error), again: Again::Backoff })?;
        self.answer(response).await
    }

    /// A message as the back end wants it.
    pub(super) fn body(&self, message: &Message) -> Result<Parts, String> {
        let plain = match self.encoding {
            Encoding::Protobuf => message.encoded.clone(),
            Encoding::Json => {
                let request = ExportTraceServiceRequest::decode(message.encoded.joined()).map_err(|e| e.to_string())?;
                let json = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
                Parts::from_iter([json.into()])
            }
        };
        if !self.gzip.is_on() {
            return Ok(plain);
        }
        let mut gzip = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
        let written = plain.iter().try_for_each(|part| gzip.write_all(part));
        let packed = written.and_then(|()| gzip.finish()).map_err(|error| error.to_string())?;
        Ok(Parts::from_iter([packed.into()]))
    }

    async fn answer(&self, response: Response<Incoming>) -> Result<Accepted, Failure> {
        let (head, body) = response.into_parts();
        // Any 2xx is a success, and an empty body is a whole one, whatever comes of reading it.
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        if head.status.is_success() {
            return Ok(self.success(&body));
        }
        let again = match head.status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => retry_after(&head.headers).map_or(Again::Backoff, Again::After),
            _ => Again::Never,
        };
        let said = self.error_message(&body);
        let colon = if said.is_empty() { "" } else { ": " };
        Err(Failure { message: format!("{}{colon}{said}", head.status), again })
    }

    fn success(&self, body: &Bytes) -> Accepted {
        let response = match self.encoding {
            Encoding::Protobuf => ExportTraceServiceResponse::decode(body.clone()).ok(),
            Encoding::Json => serde_json::from_slice::<ExportTraceServiceResponse>(body).ok(),
        };
        response.map(Accepted::from).unwrap_or_default()
    }

    /// What a `google.rpc.Status` says.
    fn error_message(&self, body: &Bytes) -> String {
        let json = || -> Option<String> {
            let status: serde_json::Value = serde_json::from_slice(body).ok()?;
            Some(status.get("message")?.as_str()?.to_owned())
        };
        // Gateways answer JSON or text whatever was sent.
        json()
            .or_else(|| RpcStatus::decode(body.clone()).ok().map(|status| status.message))
            .or_else(|| std::str::from_utf8(body).ok().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl From<ExportTraceServiceResponse> for Accepted {
    fn from(response: ExportTraceServiceResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self { rejected: u64::try_from(partial.rejected_spans).unwrap_or(0), message: partial.error_message }
    }
}

/// `Retry-After`, RFC 9110 section 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let now = std::time::UNIX_EPOCH + Duration::from_secs(clock::unix_seconds());
    Some(date.duration_since(now).unwrap_or_default())
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
