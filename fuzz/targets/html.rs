//! The scanner of HTML documents: any chunking gives the same, nothing is lost, and what was edited stays as it is.

use bytes::Bytes;
use opentelemetry::trace::TraceId;
use waylight::rules::{
    html::{Charset, Report, Scanner},
    trace_context::MetaTags,
};

/// The first octet chooses the chunks' size and whether the charset is known; the rest is a document.
pub(super) fn run(data: &[u8]) {
    let Some((&choice, document)) = data.split_first() else { return };
    let charset = if choice % 2 == 0 { Charset::Declared } else { Charset::Unknown };
    let (whole, report) = scan(charset, [document]);
    let (parts, other) = scan(charset, document.chunks(usize::from(choice) / 2 + 1));
    assert_eq!(whole, parts, "the chunks decide");
    assert_eq!(report, other);
    if report.removed == 0 {
        assert_eq!(whole.len(), document.len() + report.written_bytes);
        let (front, rest) = document.split_at(usize::try_from(report.offset).unwrap_or(usize::MAX).min(document.len()));
        assert!(whole.starts_with(front) && whole.ends_with(rest));
    }
    let (again, _) = scan(charset, [&whole[..]]);
    // Where the tags push others over the bound of reading, those are not seen again.
    if document.len() < 64 * 1024 {
        assert_eq!(again, whole, "edited twice");
    }
}

fn scan<'a>(charset: Charset, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Report) {
    let trace = "0123456789abcdef0123456789abcdef";
    let tags = MetaTags {
        trace_id: TraceId::from(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128),
        sentry_trace: format!("{trace}-0123456789abcdef-1"),
        baggage: Some(format!("sentry-trace_id={trace}")),
        traceparent: format!("00-{trace}-0123456789abcdef-03"),
    };
    let mut scanner = Scanner::new(Some(&tags), None, charset);
    let mut out = Vec::new();
    for chunk in chunks {
        scanner.push(Bytes::copy_from_slice(chunk), &mut out);
    }
    scanner.finish(&mut out);
    (out.concat(), scanner.report())
}
