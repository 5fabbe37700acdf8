//! OTLP over gRPC (OTLP 1.11, "OTLP/gRPC"). Messages are encoded already, so the codec passes octets through.

use std::{fmt, time::Duration};

use bytes::BufMut as _;
use http::{HeaderMap, Uri, uri::PathAndQuery};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tonic::{
    Code, Status,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

use super::{
    backend::{Accepted, Again, Failure},
    connector::{ExportError, Files, HttpClient, Speaks, client, headers},
    http::chain,
    parts::Parts,
};
use crate::config::model::{Export, Toggle};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(super) struct Grpc {
    client: HttpClient,
    origin: Uri,
    headers: HeaderMap,
    gzip: Toggle,
    timeout: Duration,
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grpc({})", self.origin)
    }
}

impl Grpc {
    pub(super) fn new(export: &Export, files: &Files) -> Result<Self, ExportError> {
        // Only scheme, host and port of a gRPC endpoint mean something.
        let mut origin = export.endpoint.clone().into_parts();
        origin.path_and_query = Some(PathAndQuery::from_static("/"));
        Ok(Self {
            client: client(export, files, Speaks::Http2)?,
            origin: Uri::from_parts(origin).map_err(|error| ExportError::new(export, error.to_string()))?,
            headers: headers(export)?,
            gzip: export.gzip,
            timeout: export.timeout,
        })
    }

    pub(super) async fn send(&self, encoded: Parts) -> Result<Accepted, Failure> {
        let mut grpc = tonic::client::Grpc::with_origin(self.client.clone(), self.origin.clone())
            .accept_compressed(CompressionEncoding::Gzip);
        if self.gzip.is_on() {
            grpc = grpc.send_compressed(CompressionEncoding::Gzip);
        }
        let mut request = tonic::Request::new(encoded);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        request.set_timeout(self.timeout);
        match grpc.unary(request, PathAndQuery::from_static(EXPORT), Encoded).await {
            Ok(response) => Ok(response.into_inner().into()),
            Err(status) => Err(failure(&status)),
        }
    }
}

fn failure(status: &Status) -> Failure {
    let asked = retry_info(status);
    let again = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => asked.map_or(Again::Backoff, Again::After),
        Code::ResourceExhausted => asked.map_or(Again::Never, Again::After),
        // An error with a cause was made on our side: the connection failed, and the back end said nothing.
        _ if std::error::Error::source(status).is_some() => Again::Backoff,
        _ => Again::Never,
    };
    let said = std::error::Error::source(status).map_or_else(|| status.message().to_owned(), chain);
    Failure { message: format!("{:?}: {said}", status.code()), again }
}

/// The delay of a `google.rpc.RetryInfo` among the details.
fn retry_info(status: &Status) -> Option<Duration> {
    let details = RpcStatus::decode(status.details()).ok()?.details;
    let info = details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&info.value[..]).ok()?.retry_delay.unwrap_or_default();
    Some(Duration::new(u64::try_from(delay.seconds).unwrap_or(0), u32::try_from(delay.nanos).unwrap_or(0)))
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<RpcAny>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RpcAny {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RpcDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Sends octets as they are, and decodes the answer.
#[derive(Clone, Copy, Debug)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Parts;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Encoded {
    type Item = Parts;
    type Error = Status;

    fn encode(&mut self, item: Parts, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.reserve(item.len());
        item.iter().for_each(|part| into.put_slice(part));
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        ExportTraceServiceResponse::decode(from).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
