//! One HTML file with a trace and a small viewer: it opens offline, asks nothing of any network, and its policy forbids
//! it to. What spans say reaches the page as text only: the data stand in a block that no parser of HTML or script reads
//! as anything else, and the viewer makes text nodes of them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{har::timestamp, object};
use crate::{
    console::api::columns::maker,
    rules::{
        length::length,
        reading::{Outcome, clocks, path::critical_path, repeats::repeats, verdict::verdict},
    },
    trace::{kept::Kept, requests::row::RequestRow},
};

const SCRIPT: &str = include_str!("html/viewer.js");
const STYLE: &str = include_str!("html/viewer.css");

pub(super) fn write(kept: &Kept, requests: &[RequestRow]) -> Vec<u8> {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Trace {id}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<noscript>This trace is shown by a script, which stands in this file.</noscript>\n<main id=\"view\"></main>\n\
         <script type=\"application/json\" id=\"trace\">{data}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        id = kept.id(),
        data = inert(&data(kept, requests).to_string()),
    );
    page.into_bytes()
}

/// JSON that cannot end the block it stands in, nor begin a comment.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

fn data(kept: &Kept, requests: &[RequestRow]) -> Value {
    let offsets = clocks::offsets(&kept.trace);
    let trace = clocks::aligned(&kept.trace, &offsets);
    let began = trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
    let ended = trace.spans.iter().map(|span| span.end).max().unwrap_or_default();
    let mut critical = vec![false; trace.spans.len()];
    if let Some(entry) = trace.entry() {
        critical_path(&trace, entry).iter().for_each(|stretch| critical[stretch.span] = true);
    }
    let spans: Vec<Value> = trace
        .rows
        .iter()
        .filter_map(|row| {
            let (span, origin) = (&trace.spans[row.index], kept.span(row.index)?);
            let message = origin.span.status.as_ref().map_or("", |status| &status.message);
            let events: Vec<Value> = origin
                .span
                .events
                .iter()
                .map(|event| json!({ "name": event.name, "attributes": object(&event.attributes) }))
                .collect();
            Some(json!({
                "depth": row.depth, "name": span.name, "service": trace.service(row.index),
                "maker": maker(trace.maker(row.index)), "start": span.start - began, "length": trace.length(row.index),
                "took": length(trace.length(row.index)), "own": length(row.own), "failed": span.outcome == Outcome::Failed,
                "critical": critical[row.index], "message": message, "id": span.id.to_string(),
                "attributes": object(&origin.span.attributes), "events": events,
            }))
        })
        .collect();
    let repeated: Vec<String> = repeats(&trace)
        .iter()
        .map(|repeat| {
            let (name, parent) = (&trace.spans[repeat.first].name, &trace.spans[repeat.parent].name);
            format!("{name} ran {} times in {parent}: {} together", repeat.count, length(repeat.total))
        })
        .collect();
    let asked: Vec<Value> = requests
        .iter()
        .map(
            |row| json!({ "method": row.method, "path": row.path, "status": row.status, "took": length(row.duration) }),
        )
        .collect();
    json!({
        "id": kept.id().to_string(), "at": timestamp(began), "whole": ended.saturating_sub(began),
        "took": length(ended.saturating_sub(began)), "verdict": verdict(&trace).map(|verdict| verdict.sentence),
        "repeated": repeated, "requests": asked, "spans": spans,
    })
}
