//! OTLP messages from apps and browsers, in both encodings, and the framing of gRPC; and reading what they say.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use waylight::{
    rules::reading::{clocks, holes::holes, path::critical_path, repeats::repeats, verdict::verdict},
    trace::{
        kept::Kept,
        receive::{Encoding, browser::Cleaned, decode, message},
        sink::span_count,
    },
};

/// The data is a message.
pub(super) fn run(data: &[u8]) {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        if let Some(message) = decode(encoding, Bytes::copy_from_slice(data)) {
            read(message);
        }
    }
    if let Some((_, framed)) = message(&Bytes::copy_from_slice(data)) {
        assert_eq!(framed.len() + 5, data.len());
        let _ = decode(Encoding::Protobuf, framed);
    }
}

/// Spans come from anybody: reading them neither trusts them to be a tree nor to end after they began.
fn read(message: ExportTraceServiceRequest) {
    let spans = span_count(&message);
    let cleaned = Cleaned::of(message.clone());
    assert_eq!(cleaned.spans() + cleaned.rejected, spans);
    let kept = Kept::of(message);
    assert!(kept.trace.spans.len() <= spans);
    assert_eq!(kept.trace.rows.len(), kept.trace.spans.len(), "a tree holds every span once");
    let trace = clocks::aligned(&kept.trace, &clocks::offsets(&kept.trace));
    if let Some(entry) = trace.entry() {
        let _ = critical_path(&trace, entry);
    }
    let _ = (verdict(&trace), repeats(&trace), holes(&trace));
}
