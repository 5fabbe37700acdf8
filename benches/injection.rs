//! Writing tags into a page of 32 KiB that comes in reads of 8 KiB: our own scanner beside lol_html, which edits anything.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lol_html::{HtmlRewriter, Settings, element, html_content::ContentType};
use opentelemetry::trace::TraceId;
use waylight::rules::{
    html::{Charset, Scanner},
    trace_context::MetaTags,
};

const PAGE_BYTES: usize = 32 * 1024;
const READ_BYTES: usize = 8 * 1024;

/// A head as frameworks write it, and a body of paragraphs.
fn page() -> Bytes {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Lanterns</title>\n\
         <link rel=\"stylesheet\" href=\"/assets/index.css\">\n<link rel=\"preload\" as=\"script\" href=\"/assets/a.js\">\n\
         <style>body { margin: 0 } main > p { color: #333 }</style>\n<script async src=\"/assets/a.js\"></script>\n\
         <script>window.settings = {\"a\": \"<b>\"}</script>\n</head>\n<body>\n<main>\n",
    );
    while page.len() < PAGE_BYTES {
        page.push_str("<p class=\"item\">A lantern of <a href=\"/products/copper\">copper</a>, hung by the way.</p>\n");
    }
    page.into()
}

fn reads(page: &Bytes) -> Vec<Bytes> {
    (0..page.len()).step_by(READ_BYTES).map(|at| page.slice(at..page.len().min(at + READ_BYTES))).collect()
}

fn tags() -> MetaTags {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    MetaTags {
        trace_id: TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128),
        sentry_trace: format!("{trace}-b7ad6b7169203331-1"),
        baggage: Some(format!(
            "sentry-trace_id={trace},sentry-public_key=public,sentry-sample_rate=1,sentry-sampled=true"
        )),
        traceparent: format!("00-{trace}-b7ad6b7169203331-03"),
    }
}

fn injection(criterion: &mut Criterion) {
    let page = page();
    let reads = reads(&page);
    let tags = tags();
    let mut group = criterion.benchmark_group("injection");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("waylight", |bencher| {
        let mut out = Vec::with_capacity(16);
        bencher.iter(|| {
            let mut scanner = Scanner::new(Some(&tags), None, Charset::Declared);
            for read in &reads {
                scanner.push(black_box(read.clone()), &mut out);
            }
            scanner.finish(&mut out);
            out.clear();
        });
    });
    group.bench_function("lol_html", |bencher| {
        let html = format!(
            "<meta name=\"sentry-trace\" content=\"{}\"/><meta name=\"traceparent\" content=\"{}\"/>",
            tags.sentry_trace, tags.traceparent
        );
        bencher.iter(|| {
            let mut out = Vec::with_capacity(PAGE_BYTES * 2);
            let head = element!("head", |head| {
                head.prepend(&html, ContentType::Html);
                Ok(())
            });
            let settings = Settings::new().append_element_content_handler(head);
            let mut rewriter = HtmlRewriter::new(settings, |part: &[u8]| out.extend_from_slice(part));
            let written = reads.iter().all(|read| rewriter.write(black_box(read)).is_ok());
            (written, rewriter.end().is_ok(), out.len())
        });
    });
    group.finish();
}

criterion_group!(benches, injection);
criterion_main!(benches);
