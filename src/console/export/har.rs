//! HTTP Archive 1.2: one entry for each request of a trace, with the timings that the edge saw. `-1` says that
//! something is not known, as the format has it.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{
    console::api::columns::micros,
    trace::requests::row::{Moment, RequestRow},
};

pub(super) fn write(requests: &[RequestRow]) -> Vec<u8> {
    let entries: Vec<Value> = requests.iter().map(entry).collect();
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
    let query: Vec<Value> = row
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let question = if row.query.is_empty() { String::new() } else { format!("?{}", row.query) };
    let version = format!("HTTP/{}", row.version);
    let mime = headers.and_then(|sets| sets.sent.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type")));
    json!({
        "startedDateTime": timestamp(row.start),
        "time": millis(row.duration),
        "request": {
            "method": row.method,
            "url": format!("{}://{}{}{question}", row.scheme, row.host, row.path),
            "httpVersion": version, "cookies": [], "headers": received, "queryString": query,
            "headersSize": -1, "bodySize": -1,
        },
        "response": {
            "status": row.status,
            "statusText": http::StatusCode::from_u16(row.status).ok().and_then(|s| s.canonical_reason()).unwrap_or(""),
            "httpVersion": version, "cookies": [], "headers": sent, "redirectURL": "", "headersSize": -1,
            "content": { "size": row.bytes, "mimeType": mime.map_or("", |(_, value)| value) },
            "bodySize": row.bytes,
            "_error": row.error,
        },
        "cache": {},
        "timings": timings(row),
        "_requestId": format!("{:032x}", row.id),
        "_traceId": row.trace.map(|trace| trace.to_string()),
    })
}

/// From one moment to the next; a moment that was not reached is told as unknown.
fn timings(row: &RequestRow) -> Value {
    let at = |moment: Moment| row.moments.iter().find(|(known, _)| *known == moment).map(|(_, nanos)| *nanos);
    let between = |from: Option<u64>, to: Option<u64>| match (from, to) {
        (Some(from), Some(to)) => millis(to.saturating_sub(from)),
        _ => json!(-1),
    };
    let (chosen, connected) = (at(Moment::Chosen), at(Moment::Connected));
    let (sent, first) = (at(Moment::Sent), at(Moment::FirstByte).or(row.first_byte));
    // Without an upstream all of it was the edge's own.
    let receive = first.map_or_else(|| millis(row.duration), |first| millis(row.duration.saturating_sub(first)));
    let known = |value: Value| if value == json!(-1) { json!(0) } else { value };
    json!({
        "blocked": chosen.map_or_else(|| json!(-1), millis), "dns": -1, "ssl": -1,
        "connect": between(chosen, connected), "send": known(between(connected, sent)),
        "wait": known(between(sent, first)), "receive": receive,
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
