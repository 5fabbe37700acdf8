//! HTTP Archive 1.2: one entry for each request of a trace, with the timings that the edge saw. `-1` says that
//! something is not known, as the format has it. Of a trace whose requests are not known here, as of one that was imported,
//! its spans tell: those of servers, or else of clients.

use std::{
    collections::HashSet,
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry::trace::SpanKind;
use serde_json::{Value, json};

use crate::{
    console::api::columns::micros,
    trace::{
        kept::{Kept, Origin, attribute},
        requests::row::{Moment, RequestRow},
    },
};

pub(super) fn write(kept: &Kept, requests: &[RequestRow]) -> Vec<u8> {
    let entries: Vec<Value> = if requests.is_empty() { of_spans(kept) } else { requests.iter().map(entry).collect() };
    let creator = json!({ "name": "Waylight", "version": env!("CARGO_PKG_VERSION") });
    serde_json::to_vec(&json!({ "log": { "version": "1.2", "creator": creator, "entries": entries } }))
        .unwrap_or_default()
}

fn entry(row: &RequestRow) -> Value {
    let headers = row.headers.as_deref();
    let list = |fields: Option<&Vec<(Box<str>, Box<str>)>>| -> Vec<Value> {
        fields.into_iter().flatten().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    let received = list(headers.map(|sets| &sets.received));
    let sent = list(headers.map(|sets| &sets.sent));
    let question = if row.query.is_empty() { String::new() } else { format!("?{}", row.query) };
    let version = format!("HTTP/{}", row.version);
    let said = |field: &str| {
        let found = headers.and_then(|sets| sets.sent.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)));
        found.map_or("", |(_, value)| value)
    };
    // The host that a request is listed under has no port.
    let asked = headers.and_then(|sets| sets.received.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")));
    let asked = asked.map(|(_, value)| &**value).filter(|asked| {
        asked.strip_prefix(&*row.host).is_some_and(|port| port.strip_prefix(':').is_some_and(|port| !port.is_empty()))
    });
    json!({
        "startedDateTime": timestamp(row.start),
        "time": millis(row.duration),
        "request": {
            "method": row.method,
            "url": format!("{}://{}{}{question}", row.scheme, asked.unwrap_or(&row.host), row.path),
            "httpVersion": version, "cookies": [], "headers": received, "queryString": query_of(&row.query),
            "headersSize": -1, "bodySize": -1,
        },
        "response": {
            "status": row.status,
            "statusText": reason(row.status),
            "httpVersion": version, "cookies": [], "headers": sent, "redirectURL": said("location"),
            "headersSize": -1, "content": { "size": row.bytes, "mimeType": said("content-type") },
            "bodySize": row.bytes,
            "_error": row.error,
        },
        "cache": {},
        "timings": timings(row),
        "_requestId": format!("{:032x}", row.id),
        "_traceId": row.trace.map(|trace| trace.to_string()),
    })
}

/// Entries of the requests that spans are about: the outermost ones of one kind.
fn of_spans(kept: &Kept) -> Vec<Value> {
    let trace = &kept.trace;
    let of_kind = |kind: &SpanKind| -> Vec<usize> {
        let is_request = |index: &usize| {
            let origin = kept.span(*index);
            trace.spans[*index].kind == *kind && origin.is_some_and(|origin| told(&origin, METHOD).is_some())
        };
        let found: Vec<usize> = trace.rows.iter().map(|row| row.index).filter(is_request).collect();
        let all: HashSet<usize> = found.iter().copied().collect();
        let within = |index: &usize| {
            std::iter::successors(trace.parent(*index), |above| trace.parent(*above)).any(|above| all.contains(&above))
        };
        found.iter().copied().filter(|index| !within(index)).collect()
    };
    let servers = of_kind(&SpanKind::Server);
    let chosen = if servers.is_empty() { of_kind(&SpanKind::Client) } else { servers };
    chosen.into_iter().filter_map(|index| Some(of_span(&kept.span(index)?))).collect()
}

/// Its attributes are those of OpenTelemetry's semantic conventions for HTTP, of today or of before 1.20.
const METHOD: [&str; 2] = ["http.request.method", "http.method"];

fn told(origin: &Origin<'_>, keys: [&str; 2]) -> Option<String> {
    keys.into_iter().find_map(|key| attribute(&origin.span.attributes, key))
}

fn of_span(origin: &Origin<'_>) -> Value {
    let span = origin.span;
    let text = |keys: [&str; 2]| told(origin, keys).unwrap_or_default();
    let url = told(origin, ["url.full", "http.url"]).unwrap_or_else(|| {
        let query = attribute(&span.attributes, "url.query").filter(|query| !query.is_empty());
        let path = told(origin, ["url.path", "http.target"]).unwrap_or_else(|| "/".to_owned());
        let scheme = told(origin, ["url.scheme", "http.scheme"]).unwrap_or_else(|| "http".to_owned());
        let host = told(origin, ["server.address", "http.host"]).unwrap_or_else(|| "unknown".to_owned());
        format!("{scheme}://{host}{path}{}", query.map_or_else(String::new, |query| format!("?{query}")))
    });
    let status = text(["http.response.status_code", "http.status_code"]).parse().unwrap_or(0_u16);
    let size = text(["http.response.body.size", "http.response_content_length"]).parse().unwrap_or(-1_i64);
    let version = told(origin, ["network.protocol.version", "http.flavor"]);
    let version = version.map_or_else(String::new, |version| format!("HTTP/{version}"));
    let length = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    json!({
        "startedDateTime": timestamp(span.start_time_unix_nano),
        "time": millis(length),
        "request": {
            "method": text(METHOD), "url": url, "httpVersion": version, "cookies": [], "headers": [],
            "queryString": query_of(url.split_once('?').map_or("", |(_, query)| query)), "headersSize": -1, "bodySize": -1,
        },
        "response": {
            "status": status, "statusText": reason(status), "httpVersion": version, "cookies": [], "headers": [],
            "redirectURL": "", "headersSize": -1, "content": { "size": size, "mimeType": "" }, "bodySize": size,
            "_error": text(["error.type", "exception.type"]),
        },
        "cache": {},
        "timings": { "blocked": -1, "dns": -1, "ssl": -1, "connect": -1, "send": 0, "wait": millis(length), "receive": 0 },
        "_spanId": crate::trace::kept::span_id(&span.span_id).to_string(),
        "_traceId": crate::trace::kept::trace_id(&span.trace_id).to_string(),
    })
}

fn query_of(query: &str) -> Vec<Value> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("")
}

/// From one moment to the next; a moment that was not reached is told as unknown. Together they are the whole.
fn timings(row: &RequestRow) -> Value {
    let at = |moment: Moment| row.moments.iter().find(|(known, _)| *known == moment).map(|(_, nanos)| *nanos);
    let mut last = 0;
    let mut since_last = |to: Option<u64>| {
        let length = to?.saturating_sub(last);
        last += length;
        Some(length)
    };
    let blocked = since_last(at(Moment::Chosen));
    let connect = since_last(at(Moment::Connected));
    let send = since_last(at(Moment::Sent));
    let wait = since_last(at(Moment::FirstByte).or(row.first_byte));
    let unknown = |length: Option<u64>| length.map_or_else(|| json!(-1), millis);
    json!({
        "blocked": unknown(blocked), "dns": -1, "ssl": -1, "connect": unknown(connect),
        // These must be known: without an upstream all of it was the edge's own.
        "send": millis(send.unwrap_or_default()), "wait": millis(wait.unwrap_or_default()),
        "receive": millis(row.duration.saturating_sub(last)),
    })
}

fn millis(nanos: u64) -> Value {
    json!(micros(nanos).as_f64().unwrap_or_default() / 1e3)
}

/// RFC 3339, with microseconds.
pub(super) fn timestamp(nanos: u64) -> String {
    let seconds = Duration::from_secs(nanos / 1_000_000_000);
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    let date = httpdate::fmt_http_date(UNIX_EPOCH + seconds);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = date.split(' ').skip(1);
    let (day, month, year) =
        (parts.next().unwrap_or("01"), parts.next().unwrap_or("Jan"), parts.next().unwrap_or("1970"));
    let month = months.iter().position(|name| *name == month).unwrap_or_default() + 1;
    let time = parts.next().unwrap_or("00:00:00");
    format!("{year}-{month:02}-{day}T{time}.{:06}Z", nanos % 1_000_000_000 / 1000)
}
