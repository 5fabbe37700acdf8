//! Envelopes of Sentry's SDKs: their frame, the JSON in them, and the spans that are made of them.

use waylight::{
    rules::sentry::{
        Dsn,
        envelope::{Envelope, Head},
        json::Json,
        spans::spans,
    },
    trace::receive::sentry::cleaned,
};

/// The data is an envelope.
pub(super) fn run(data: &[u8]) {
    let line = data.split(|octet| *octet == b'\n').next().unwrap_or_default();
    if let Some(dsn) = Head::parse(line).and_then(|head| head.dsn).and_then(|dsn| Dsn::parse(&dsn)) {
        assert_eq!(Dsn::parse(dsn.as_str()).as_ref(), Some(&dsn), "as it is written, it reads back");
        assert!(dsn.target().as_str().contains("/envelope/?sentry_version=7&"));
        assert!(dsn.tunnel_path().len() <= 8);
    }
    let _ = Json::parse(data);
    let Some(envelope) = Envelope::parse(data) else { return };
    assert!(envelope.items.iter().map(|item| item.payload.len()).sum::<usize>() <= data.len());
    let found: Vec<_> = envelope.items.iter().map(spans).collect();
    let spans: usize = found.iter().map(|found| found.spans.len()).sum();
    let rejected: usize = found.iter().map(|found| found.rejected).sum();
    let cleaned = cleaned(&envelope);
    assert_eq!(cleaned.spans() + cleaned.rejected, spans + rejected, "no span is lost silently");
}
