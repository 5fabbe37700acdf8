//! `[trace]`, `[store]` and `[[export]]`.

use std::{collections::BTreeMap, time::Duration};

use http::Uri;

use super::{
    super::{
        document::{Table, Value},
        model::{Export, ExportProtocol, KeyPattern, Store, StoreKind, Toggle, Trace},
        value::{DAY, GIB, HOUR, MIB, MINUTE, SECOND},
    },
    upstream::secrets,
};

pub(super) fn trace(table: &Table<'_>) -> Trace {
    let mut resource = BTreeMap::new();
    if let Some(inner) = table.opt("resource", Value::table) {
        let entries = inner.entries().into_iter();
        resource.extend(entries.filter_map(|entry| Some((entry.key.to_owned(), entry.value.string()?))));
    }
    let trace = Trace {
        service_name: table.or("service_name", "waylight".to_owned(), Value::word),
        resource,
        ratio: table.or("ratio", 0.0, Value::ratio),
        spans_per_minute_max: table.or("spans_per_minute_max", 60_000, |value| value.count(0..=u64::MAX)),
        spans_per_request_max: table.or("spans_per_request_max", 512, |value| value.count(1..=65_536)),
        queue_max: table.or("queue_max", 4_096, |value| value.count(1..=1 << 20)),
        redact_query: table.or("redact_query", Vec::new(), |value| value.list(Value::word)),
        redact_headers: table.or("redact_headers", Vec::new(), |value| value.list(Value::header_name)),
        redact_attributes: table.or("redact_attributes", Vec::new(), |value| value.list(key_pattern)),
    };
    table.check();
    trace
}

fn key_pattern(value: &Value<'_>) -> Option<KeyPattern> {
    let hint = "write `user.email`, `user.*`, `*.password` or `*card*`";
    value.parsed("a pattern of keys", hint, KeyPattern::parse)
}

pub(super) fn store(table: &Table<'_>) -> Store {
    let keep = MINUTE..=3650 * DAY;
    let store = Store {
        kind: table.or("kind", StoreKind::Disk, |value| {
            value.choice(&[("disk", StoreKind::Disk), ("memory", StoreKind::Memory), ("off", StoreKind::Off)])
        }),
        keep_traces: table.or("keep_traces", 7 * DAY, |value| value.duration(keep.clone())),
        keep_requests: table.or("keep_requests", DAY, |value| value.duration(keep)),
        size_max: table.or("size_max", GIB, |value| value.size(MIB..=1024 * GIB)),
        requests_max: table.or("requests_max", 1_000_000, |value| value.count(1_000..=50_000_000)),
        spans_per_month_max: table.or("spans_per_month_max", 1_000_000, |value| value.count(0..=u64::MAX)),
        unasked_share: table.or("unasked_share", 0.5, Value::ratio),
        spans_per_trace_max: table.or("spans_per_trace_max", 100_000, |value| value.count(1..=10_000_000)),
        flush_interval: table.or("flush_interval", Duration::from_millis(250), |value| {
            value.duration(Duration::from_millis(1)..=10 * SECOND)
        }),
        queue_bytes_max: table
            .or("queue_bytes_max", 32 * MIB as usize, |value| value.size(MIB as usize..=4 * GIB as usize)),
    };
    table.check();
    store
}

pub(super) fn exports(root: &Table<'_>) -> Vec<Export> {
    let mut exports: Vec<Export> = Vec::new();
    for table in root.tables("export") {
        let span = table.key_span("name");
        let document = table.document;
        let Some(export) = export(table) else { continue };
        if exports.iter().any(|known| known.name == export.name) {
            let hint = Some("logs and counters tell back ends apart by name".to_owned());
            document.fault(span, format!("two back ends are called `{}`", export.name), hint);
        }
        exports.push(export);
    }
    exports
}

fn export(table: Table<'_>) -> Option<Export> {
    let name = table.require("name", "what logs and counters call it", |value| {
        let name = value.word()?;
        if name == "env" {
            value.fault("the name `env` is taken", "the `OTEL_*` variables configure the back end of that name");
        }
        Some(name)
    });
    let protocol = table.or("protocol", ExportProtocol::HttpProtobuf, |value| {
        value.choice(&[
            ("grpc", ExportProtocol::Grpc),
            ("http/protobuf", ExportProtocol::HttpProtobuf),
            ("http/json", ExportProtocol::HttpJson),
        ])
    });
    let hint = "write a URL, like `http://127.0.0.1:4318/v1/traces`";
    let endpoint = table.require("endpoint", hint, |value| endpoint(value, protocol));
    let mut headers = Vec::new();
    for (name, secret) in secrets(&table, "headers") {
        match name.parse() {
            Ok(name) => headers.push((name, secret)),
            Err(_) => {
                let hint = Some("letters, digits and hyphens".to_owned());
                table.document.fault(table.key_span("headers"), format!("`{name}` is not a header name"), hint);
            }
        }
    }
    let client_certificate = client_certificate(&table);
    let some = Duration::from_millis(1)..=HOUR;
    let export = |name, endpoint| Export {
        name,
        endpoint,
        protocol,
        headers,
        gzip: table.or("gzip", Toggle::On, Value::toggle),
        ca_file: table.opt("ca_file", Value::path),
        client_certificate,
        timeout: table.or("timeout", 10 * SECOND, |value| value.duration(some.clone())),
        batch_spans_max: table.or("batch_spans_max", 2_048, |value| value.count(1..=65_536)),
        batch_delay: table.or("batch_delay", SECOND, |value| value.duration(Duration::ZERO..=MINUTE)),
        queue_spans_max: table.or("queue_spans_max", 32_768, |value| value.count(1..=1 << 24)),
        queue_bytes_max: table
            .or("queue_bytes_max", 32 * MIB as usize, |value| value.size(MIB as usize..=64 * GIB as usize)),
        retry_max: table.or("retry_max", MINUTE, |value| value.duration(Duration::ZERO..=HOUR)),
    };
    let export = export(name.clone().unwrap_or_default(), endpoint.clone().unwrap_or_default());
    table.finish();
    name.and(endpoint).map(|_| export)
}

fn endpoint(value: &Value<'_>, protocol: ExportProtocol) -> Option<Uri> {
    let hint = "write a URL, like `http://127.0.0.1:4318/v1/traces`, or `http://127.0.0.1:4317` for gRPC";
    let uri: Uri = value.parsed("a URL", hint, |text| text.parse().ok())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        value.fault("the URL begins with `http://` or `https://` and has a host", hint);
        return None;
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        value.document.hide(value.span.clone());
        value.fault("the URL holds credentials", "write them as `headers = { authorization = \"${TOKEN}\" }`");
        return None;
    }
    if protocol == ExportProtocol::Grpc && uri.path() != "/" {
        value.fault("a gRPC endpoint has no path", "write only scheme, host and port; the port is mostly 4317");
        return None;
    }
    if protocol != ExportProtocol::Grpc && uri.path() == "/" {
        let hint = Some("the URL is used as it is; most back ends take spans at `/v1/traces`".to_owned());
        value.document.warn(value.span.clone(), "the endpoint has no path", hint);
    }
    Some(uri)
}

fn client_certificate(table: &Table<'_>) -> Option<(std::path::PathBuf, std::path::PathBuf)> {
    const KEYS: [&str; 2] = ["client_cert_file", "client_key_file"];
    let cert = table.opt(KEYS[0], Value::path);
    let key = table.opt(KEYS[1], Value::path);
    let [has_cert, has_key] = KEYS.map(|key| table.has(key));
    if has_cert != has_key {
        let (there, missing) = if has_cert { (KEYS[0], KEYS[1]) } else { (KEYS[1], KEYS[0]) };
        let what = format!("`{there}` needs `{missing}` beside it");
        table.document.fault(table.key_span(there), what, None);
    }
    cert.zip(key)
}
