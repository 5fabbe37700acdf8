//! `[requests]` and `[receive]`.

use std::net::{Ipv4Addr, SocketAddr};

use http::HeaderName;

use super::super::{
    document::{Table, Value},
    model::{Forward, Receive, ReceiveKeep, Requests, Site, StoreRequests},
    value::{GIB, HOUR, KIB, MIB, SECOND},
};
use crate::rules::keep::Keep;

pub(super) fn requests(table: &Table<'_>, sites: &[Site]) -> Requests {
    let store = [("all", StoreRequests::All), ("traced", StoreRequests::Traced)];
    let requests = Requests {
        recent_max: table.or("recent_max", 100_000, |value| value.count(0..=10_000_000)),
        store: table.or("store", StoreRequests::All, |value| value.choice(&store)),
        store_per_second_max: table.or("store_per_second_max", 1_000, |value| value.count(0..=u64::MAX)),
        keep: table.or("keep", Vec::new(), |value| value.list(rule)),
        keep_spans_per_minute_max: table.or("keep_spans_per_minute_max", 6_000, |value| value.count(0..=u64::MAX)),
    };
    if requests.keep.is_empty() && sites.iter().flat_map(|site| &site.routes).any(|route| route.tail.is_on()) {
        let hint = "add rules to `requests.keep`, like \"status>=500\"".to_owned();
        table.document.warn(table.key_span("keep"), "routes in tail mode keep nothing without rules", Some(hint));
    }
    table.check();
    requests
}

fn rule(value: &Value<'_>) -> Option<Keep> {
    match Keep::parse(&value.word()?) {
        Ok(rule) => Some(rule),
        Err(error) => {
            value.fault(error.what, error.hint);
            None
        }
    }
}

pub(super) fn receive(table: &Table<'_>) -> Receive {
    let keep = [("traced", ReceiveKeep::Traced), ("all", ReceiveKeep::All)];
    let forward = [("none", Forward::None), ("traced", Forward::Traced), ("all", Forward::All)];
    let receive = Receive {
        http: place(table, "http", 4318),
        grpc: place(table, "grpc", 4317),
        token: table.opt("token", Value::secret),
        keep: table.or("keep", ReceiveKeep::Traced, |value| value.choice(&keep)),
        forward: table.or("forward", Forward::Traced, |value| value.choice(&forward)),
        message_bytes_max: table
            .or("message_bytes_max", 64 * MIB as usize, |value| value.size(KIB as usize..=GIB as usize)),
        bytes_max: table.or("bytes_max", 128 * MIB as usize, |value| value.size(KIB as usize..=16 * GIB as usize)),
        spans_per_second_max: table.or("spans_per_second_max", 100_000, |value| value.count(1..=u64::MAX)),
        waiting_bytes_max: table.or("waiting_bytes_max", 8 * MIB as usize, |value| value.size(0..=4 * GIB as usize)),
        // Longer than an upstream may take until it answers: what its app tells before that waits for the end.
        waiting_max: table.or("waiting_max", 90 * SECOND, |value| value.duration(SECOND..=HOUR)),
        traces_max: table.or("traces_max", 16_384, |value| value.count(1..=10_000_000)),
        spans_per_trace_max: table.or("spans_per_trace_max", 20_000, |value| value.count(0..=10_000_000)),
        request_id_header: table.or("request_id_header", "x-request-id".parse().ok(), |value| {
            if value.string()? == "off" { Some(None) } else { name(value).map(Some) }
        }),
    };
    for (key, address) in [("http", receive.http), ("grpc", receive.grpc)] {
        if address.is_some_and(|address| !address.ip().is_loopback()) && receive.token.is_none() {
            let hint = "set `receive.token` to a secret that apps send as `authorization: Bearer ...`";
            let what = "spans from outside this machine need a token";
            table.document.fault(table.key_span(key), what, Some(hint.to_owned()));
        }
    }
    if let (Some(http), Some(grpc)) = (receive.http, receive.grpc)
        && http == grpc
        && http.port() != 0
    {
        let hint = Some("the usual ports are 4318 for HTTP and 4317 for gRPC".to_owned());
        table.document.fault(table.key_span("grpc"), "HTTP and gRPC cannot share an address", hint);
    }
    table.check();
    receive
}

/// The field that a request's name is told in: none that means something else to an upstream.
fn name(value: &Value<'_>) -> Option<HeaderName> {
    const FRAMING: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];
    const TRACE: [&str; 4] = ["traceparent", "tracestate", "sentry-trace", "baggage"];
    let name = value.header_name()?;
    if FRAMING.iter().chain(&TRACE).any(|taken| name == *taken) {
        value.fault(format!("`{name}` tells something else already"), "name a field of your own, like `x-request-id`");
        return None;
    }
    Some(name)
}

fn place(table: &Table<'_>, key: &str, port: u16) -> Option<SocketAddr> {
    table.or(key, Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))), |value| {
        let read = |text: &str| match text {
            "off" => Some(None),
            _ => text.parse().ok().map(Some),
        };
        value.parsed("an address for spans", "write an IP address and a port, like `127.0.0.1:4318`, or `off`", read)
    })
}
