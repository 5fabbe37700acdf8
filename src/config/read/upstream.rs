//! `[upstream.NAME]`, with `.tls` and `.start`.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderValue, Uri};

use super::{
    super::{
        document::{Table, Value},
        model::{Endpoint, Scheme, Secret, Start, StartOtlp, StartPort, Upstream, UpstreamHost, UpstreamTls},
        value::{DAY, HOUR, MINUTE, SECOND},
    },
    beside,
    references::{Kind, References},
};
use crate::rules::authority;

pub(super) fn upstreams(table: &Table<'_>, references: &References<'_>) -> BTreeMap<String, Upstream> {
    let mut all = BTreeMap::new();
    for entry in table.entries() {
        references.define(Kind::Upstream, entry.key, entry.key_span);
        if let Some(upstream) = entry.value.table().and_then(|table| upstream(entry.key, table, references)) {
            all.insert(entry.key.to_owned(), upstream);
        }
    }
    all
}

fn upstream(name: &str, table: Table<'_>, references: &References<'_>) -> Option<Upstream> {
    let table = table.renamed("upstream");
    table.exclusive(&["endpoints", "start"]);
    let start = table.opt("start", Value::table).map(start);
    let mut endpoints = table.or("endpoints", Vec::new(), |value| {
        value.list(|item| {
            let endpoint = endpoint(item)?;
            references.endpoint(&endpoint, item.span.clone());
            Some(endpoint)
        })
    });
    let empty = table.value("endpoints").is_some_and(|value| value.items().is_empty());
    if (!table.has("endpoints") && start.is_none()) || empty {
        let hint = "write `endpoints = [\"http://127.0.0.1:3000\"]`, or let Waylight start it: `[upstream.NAME.start]`";
        table.document.fault(table.key_span("endpoints"), "the upstream has no endpoint", Some(hint.to_owned()));
    }
    if let Some(Some(Start { port: StartPort::Fixed(port), .. })) = &start {
        endpoints = vec![Endpoint { scheme: Scheme::Http, host: "127.0.0.1".to_owned(), port: *port }];
    }
    let some = Duration::from_millis(1)..=DAY;
    let upstream = Upstream {
        name: name.to_owned(),
        host: table.or("host", UpstreamHost::Preserve, host),
        tls: tls(&table, &endpoints),
        timeout_connect: table.or("timeout_connect", 5 * SECOND, |value| value.duration(some.clone())),
        timeout_first_byte: table.or("timeout_first_byte", MINUTE, |value| value.duration(some.clone())),
        timeout_idle: table.or("timeout_idle", MINUTE, |value| value.duration(some.clone())),
        pool_idle_max: table.or("pool_idle_max", 512, |value| value.count(0..=65_536)),
        pool_timeout_idle: table.or("pool_timeout_idle", 30 * SECOND, |value| value.duration(some)),
        dns_refresh: table.or("dns_refresh", 30 * SECOND, |value| value.duration(SECOND..=DAY)),
        attempts_max: table.or("attempts_max", 2, |value| value.count(1..=16)),
        endpoints,
        // A faulty one was noted; the configuration is not run.
        start: start.flatten(),
    };
    table.done(Some(upstream))
}

fn endpoint(value: &Value<'_>) -> Option<Endpoint> {
    let hint = "write `http://host:port` or `https://host`";
    let uri: Uri = value.parsed("an endpoint", hint, |text| text.parse().ok())?;
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => {
            value.fault("an endpoint begins with `http://` or `https://`", hint);
            return None;
        }
    };
    if uri.path() != "/" || uri.query().is_some() {
        value.fault("an endpoint has no path", "use a `rewrite` middleware with `add_prefix`");
        return None;
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        value.fault("an endpoint holds no credentials", "set the `authorization` header with a `headers` middleware");
        return None;
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let Some(port) = authority::port(&uri).ok().filter(|_| !host.is_empty()) else {
        value.fault("an endpoint has a host and a port from 1 to 65535", hint);
        return None;
    };
    let default = if scheme == Scheme::Http { 80 } else { 443 };
    Some(Endpoint { scheme, host, port: port.unwrap_or(default) })
}

fn host(value: &Value<'_>) -> Option<UpstreamHost> {
    let text = value.word()?;
    match &*text {
        "preserve" => Some(UpstreamHost::Preserve),
        "endpoint" => Some(UpstreamHost::Endpoint),
        _ => {
            let authority = text.parse::<http::uri::Authority>().ok().filter(|_| !text.contains('@'));
            let fixed = authority.and_then(|_| HeaderValue::from_str(&text).ok());
            if fixed.is_none() {
                value.fault("not a host", "write `preserve`, `endpoint`, or a host like `app.internal:8080`");
            }
            fixed.map(UpstreamHost::Fixed)
        }
    }
}

fn tls(table: &Table<'_>, endpoints: &[Endpoint]) -> UpstreamTls {
    let Some(inner) = table.opt("tls", Value::table) else { return UpstreamTls::default() };
    if !endpoints.is_empty() && endpoints.iter().all(|endpoint| endpoint.scheme == Scheme::Http) {
        let hint = Some("write its endpoints with `https://`".to_owned());
        table.document.warn(table.key_span("tls"), "no endpoint of this upstream speaks TLS", hint);
    }
    let ca_file = inner.opt("ca_file", Value::path);
    let server_name = inner.opt("server_name", Value::word);
    inner.done(UpstreamTls { ca_file, server_name })
}

fn start(table: Table<'_>) -> Option<Start> {
    table.exclusive(&["port", "port_variable"]);
    let hint = "write the program and its arguments, like `command = [\"node\", \"server.js\"]`";
    let command = table.require("command", hint, |value| {
        let command = value.list(Value::string)?;
        if value.items().is_empty() {
            value.fault("the command is empty", hint);
        }
        Some(command)
    });
    let directory = table.opt("directory", Value::path).unwrap_or_else(|| beside(table.document, ""));
    let env = secrets(&table, "env").into_iter().collect();
    let fixed = table.opt("port", |value| value.count(1..=u16::MAX)).map(StartPort::Fixed);
    let variable = table.opt("port_variable", Value::word).map(StartPort::Variable);
    let port = fixed.or(variable).unwrap_or_else(|| StartPort::Variable("PORT".to_owned()));
    let otlp = table.or("otlp", StartOtlp::Http, |value| value.choice(&StartOtlp::ALL.map(|otlp| (otlp.word(), otlp))));
    let timeout_start = table.or("timeout_start", MINUTE, |value| value.duration(SECOND..=HOUR));
    let timeout_stop = table.or("timeout_stop", 10 * SECOND, |value| value.duration(Duration::ZERO..=HOUR));
    table.done(Some(Start { command: command?, directory, env, port, otlp, timeout_start, timeout_stop }))
}

/// A table of names and secrets; `name_file` names a file that holds the secret of `name`.
pub(super) fn secrets(table: &Table<'_>, key: &str) -> Vec<(String, Secret)> {
    let Some(table) = table.opt(key, Value::table) else { return Vec::new() };
    let mut secrets: Vec<(String, Secret)> = Vec::new();
    for entry in table.entries() {
        let (name, secret) = match entry.key.strip_suffix("_file") {
            Some(name) if !name.is_empty() => (name, entry.value.secret_file().map(Secret::new)),
            _ => (entry.key, entry.value.secret()),
        };
        if secrets.iter().any(|(known, _)| known == name) {
            let hint = Some(format!("keep `{name}` or `{name}_file`"));
            table.document.fault(entry.key_span, format!("`{name}` is given twice"), hint);
        } else if let Some(secret) = secret {
            secrets.push((name.to_owned(), secret));
        }
    }
    secrets
}
