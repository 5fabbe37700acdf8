//! Messages of many traces, taken apart without decoding their spans: nothing is lost, and nothing is put elsewhere.

use bytes::Bytes;
use waylight::trace::{
    kept,
    receive::{Encoding, decode},
    sink::{Batch, Source, span_count},
    store::split::Splitter,
};

/// The data is a message.
pub(super) fn run(data: &[u8]) {
    let mut parts = 0;
    let split = Splitter::default().split(data, |_, _, _| parts += 1);
    assert!(split.is_ok() || parts == 0, "a part of a message that is none");
    // What the store is given was decoded and written anew: each field once.
    let Some(whole) = decode(Encoding::Protobuf, Bytes::copy_from_slice(data)) else { return };
    let batch = Batch::of(Source::App, &whole);
    let mut parts = Vec::new();
    let split = Splitter::default().split(batch.encoded(), |trace, spans, part| {
        parts.push((trace, spans, Bytes::copy_from_slice(part)));
    });
    if split.is_err() {
        return;
    }
    let total: usize = parts.iter().map(|(_, spans, _)| spans).sum();
    assert_eq!(total, span_count(&whole));
    for (trace, spans, part) in parts {
        let part = decode(Encoding::Protobuf, part).expect("a part of a message is one");
        assert_eq!(span_count(&part), spans);
        let scopes = part.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        assert!(scopes.flat_map(|scope| &scope.spans).all(|span| kept::trace_id(&span.trace_id) == trace));
    }
}
