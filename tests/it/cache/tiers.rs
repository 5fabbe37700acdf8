//! Where a response is stored, in memory or on disk, is told: in spans, and to whoever has a URL explained.

use std::path::Path;

use waylight::trace::record::SpanRecord;

use super::{SITE, attribute, span, word};
use crate::support::edge::{Asked, HOST, Origin, Stage, on_worker};

const LARGE: usize = 200_000;

fn config(directory: &Path) -> String {
    format!("{SITE}\n[cache]\ndirectory = \"{}\"\ndisk_object_min = \"128KiB\"\n", directory.display())
}

/// Waits until so many are on disk, and nothing is on its way any more.
async fn stored(stage: &Stage, count: usize) {
    let cache = &stage.services.cache;
    while cache.disk_size().unwrap().0 < count || cache.flights() > 0 {
        tokio::task::yield_now().await;
    }
}

/// Asks for a path as somebody who is traced, and reads all of it; `Cache-Status`, and the spans until this one.
async fn traced(stage: &mut Stage, path: &str, until: &str) -> (String, Vec<SpanRecord>) {
    let cookie = stage.session_cookie();
    let answer = stage.ask(http::Request::get(path).header("cookie", cookie)).await;
    let mut spans = Vec::new();
    while !spans.iter().any(|span: &SpanRecord| span.stage.name() == until) {
        tokio::task::yield_now().await;
        spans.extend(stage.spans());
    }
    (word(&answer), spans)
}

fn tier(spans: &[SpanRecord], name: &str) -> Option<String> {
    attribute(span(spans, name), "cache.tier")
}

fn explained(stage: &Stage, path: &str) -> &'static str {
    let explained = stage.services.cache.explain(&format!("http://{HOST}{path}"), &http::HeaderMap::new());
    assert_eq!(explained.stored.len(), 1, "{path}");
    explained.stored[0].tier
}

#[test]
fn the_tier_is_told_in_spans_and_to_whoever_has_a_url_explained() {
    on_worker(async {
        let origin = Origin::start(|asked: &Asked| {
            let octets = if asked.uri().path() == "/large" { LARGE } else { 5 };
            let answer = http::Response::builder().header("cache-control", "max-age=600");
            answer.header("content-type", "text/plain").body("x".repeat(octets)).unwrap()
        })
        .await;
        let directory = tempfile::tempdir().unwrap();
        {
            let mut stage = Stage::set(&config(directory.path()), origin.address);
            let (told, spans) = traced(&mut stage, "/small", "Cache store").await;
            assert!(told.contains("fwd=uri-miss"), "{told}");
            assert_eq!(tier(&spans, "Cache store"), None, "it may be in both");
            // When a file is written, the directory was looked at.
            stored(&stage, 1).await;
            let (told, spans) = traced(&mut stage, "/large", "Cache store").await;
            assert!(told.contains("fwd=uri-miss"), "{told}");
            assert_eq!(tier(&spans, "Cache store").as_deref(), Some("disk"));
            stored(&stage, 2).await;
            for (path, place) in [("/small", "memory"), ("/large", "disk")] {
                let (told, spans) = traced(&mut stage, path, "Cache lookup").await;
                assert!(told.starts_with("waylight; hit"), "{told}");
                assert_eq!(tier(&spans, "Cache lookup").as_deref(), Some(place), "{path}");
                assert_eq!(explained(&stage, path), place, "{path}");
            }
        }
        // After a restart both are on disk only, until they are asked for.
        let mut stage = Stage::set(&config(directory.path()), origin.address);
        stored(&stage, 2).await;
        assert_eq!((explained(&stage, "/small"), explained(&stage, "/large")), ("disk", "disk"));
        for (path, place) in [("/small", "memory"), ("/large", "disk")] {
            let (told, spans) = traced(&mut stage, path, "Cache lookup").await;
            assert!(told.starts_with("waylight; hit"), "{told}");
            let lookup = span(&spans, "Cache lookup");
            assert_eq!(attribute(lookup, "cache.promoted").as_deref(), Some("from disk"), "{path}");
            assert_eq!(tier(&spans, "Cache lookup").as_deref(), Some(place), "{path}");
            assert_eq!(explained(&stage, path), place, "{path}");
        }
        assert_eq!(origin.asked.borrow().len(), 2);
    });
}
