//! Where finished spans go: a sink takes batches in the form OTLP gives them, whoever made the spans.
//!
//! A batch is encoded once and shared by every sink; a sink that needs the spans themselves decodes them.

#[cfg(test)]
pub(crate) mod testing;

use std::fmt;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::{clock::Instant, error::BoxError, service::BoxFuture};

/// A taker of finished spans. Each sink has a queue and a task of its own, so a slow one delays nobody else.
pub trait SpanSink: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &str;

    /// Takes one batch. While this waits, the sink's own queue fills, and then drops.
    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>>;

    /// Finishes everything taken so far, and gives up at `deadline`.
    fn flush(&self, deadline: Instant) -> BoxFuture<'_, Result<(), SinkError>>;
}

/// A sink of whatever kind.
pub type Sink = dyn SpanSink;

/// Spans, encoded as an `ExportTraceServiceRequest` in protobuf. Cloning shares the octets.
#[derive(Clone, PartialEq)]
pub struct Batch {
    source: Source,
    spans: usize,
    encoded: Bytes,
}

/// Who made the spans of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Waylight.
    Edge,
    /// An application behind it, which sent them to the receiver.
    App,
    /// Anybody: somebody who may do that brought them in from a file.
    Import,
}

impl Batch {
    /// Wraps an encoded request that holds so many spans.
    pub fn new(source: Source, spans: usize, encoded: Bytes) -> Self {
        Self { source, spans, encoded }
    }

    /// Encodes `request`.
    pub fn of(source: Source, request: &ExportTraceServiceRequest) -> Self {
        Self::new(source, span_count(request), request.encode_to_vec().into())
    }

    /// Who made the spans.
    pub fn source(&self) -> Source {
        self.source
    }

    /// How many spans it holds.
    pub fn spans(&self) -> usize {
        self.spans
    }

    /// The request in protobuf. Two of them in a row are one request with the spans of both.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The request itself.
    ///
    /// # Errors
    /// If the octets are no such message, which only a fault of ours can cause.
    pub fn decode(&self) -> Result<ExportTraceServiceRequest, SinkError> {
        ExportTraceServiceRequest::decode(self.encoded.clone()).map_err(SinkError::new)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({:?}, {} spans, {} octets)", self.source, self.spans, self.encoded.len())
    }
}

/// How many spans a request holds.
pub fn span_count(request: &ExportTraceServiceRequest) -> usize {
    request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).map(|scope| scope.spans.len()).sum()
}

/// A batch that a sink could not take.
#[derive(Debug)]
pub struct SinkError(BoxError);

impl SinkError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
