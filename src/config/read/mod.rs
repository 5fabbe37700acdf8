//! From the document to the model, one function a table. Every default stands beside the key it belongs to.

mod access;
mod cache;
mod console;
mod middleware;
mod references;
mod requests;
mod sentry;
mod site;
mod toolbar;
mod trace;
mod upstream;

use std::{path::PathBuf, time::Duration};

use references::References;

use super::{
    document::{Document, Table, Value},
    model::{Admin, AdminAddress, Certificate, Config, Limits, Listener, Log, LogFormat, Timeouts, Toggle},
    value::{DAY, GIB, HOUR, KIB, MIB, SECOND},
};

/// Where state lies if the file does not say: where the service manager wants it (systemd.exec(5), `StateDirectory=`; the
/// first of several), or else beside the file.
fn usual_state_dir(document: &Document<'_>) -> PathBuf {
    let given = (document.source.env)("STATE_DIRECTORY").unwrap_or_default();
    let first = given.split(':').next().unwrap_or_default();
    document.source.base.join(if first.is_empty() { ".waylight" } else { first })
}

/// The whole configuration. `None` only where a fault was noted.
pub(super) fn config(document: &Document<'_>) -> Option<Config> {
    let root = document.root();
    let references = References::new(document);
    let workers = root.opt("workers", |value| value.count(1..=1024));
    let state_dir = root.opt("state_dir", Value::path).unwrap_or_else(|| usual_state_dir(document));
    let log = log(&root.sub("log"));
    let certificates: Vec<_> = root.tables("certificate").into_iter().filter_map(certificate).collect();
    let listeners = listeners(&root, !certificates.is_empty() || root.has("certificate"));
    let upstreams = upstream::upstreams(&root.sub("upstream"), &references);
    let middleware = middleware::all(&root.sub("middleware"), &references);
    let sites: Vec<_> = root.tables("site").into_iter().filter_map(|table| site::site(table, &references)).collect();
    if !root.has("site") && !document.is_broken() {
        let hint = "add `[[site]]` with `hosts = [\"*\"]` and a `[[site.route]]`";
        document.fault(root.span.clone(), "there is no site", Some(hint.to_owned()));
    }
    let cache = cache::cache(&root.sub("cache"));
    let trace = trace::trace(&root.sub("trace"));
    let requests = requests::requests(&root.sub("requests"), &sites);
    let receive = requests::receive(&root.sub("receive"));
    let store = trace::store(&root.sub("store"));
    let exports = trace::exports(&root);
    let sentry = root.opt("sentry", Value::table).and_then(|table| sentry::sentry(table, &sites, &references));
    let access = access::access(&root.sub("access"));
    let toolbar = toolbar::toolbar(&root.sub("toolbar"));
    let privacy = access::privacy(&root.sub("privacy"));
    let console = console::console(&root.sub("console"));
    let limits = limits(&root.sub("limits"));
    let timeouts = timeouts(&root.sub("timeouts"));
    let admin = admin(&root.sub("admin"));
    root.finish();
    references.resolve(&listeners, &receive, admin.as_ref());
    let config = Config {
        workers,
        state_dir,
        log,
        listeners,
        certificates,
        sites,
        middleware,
        upstreams,
        cache,
        trace,
        requests,
        receive,
        store,
        exports,
        sentry,
        access,
        toolbar,
        privacy,
        console,
        limits,
        timeouts,
        admin,
    };
    Some(config)
}

impl Table<'_> {
    /// Marks every key as known and gives back what `read` makes of the table.
    fn done<T>(self, value: T) -> T {
        self.finish();
        value
    }
}

fn log(table: &Table<'_>) -> Log {
    let log = Log {
        format: table.or("format", LogFormat::Human, |value| {
            value.choice(&[("human", LogFormat::Human), ("json", LogFormat::Json)])
        }),
        level: table.or("level", "info".to_owned(), Value::word),
        access: table.or("access", Toggle::On, Value::toggle),
    };
    table.check();
    log
}

fn listeners(root: &Table<'_>, certified: bool) -> Vec<Listener> {
    let document = root.document;
    let tables = root.tables("listener");
    if !root.has("listener") && !document.is_broken() {
        let hint = "add `[[listener]]` with `address = \"127.0.0.1:8080\"`";
        document.fault(root.span.clone(), "there is no listener", Some(hint.to_owned()));
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for table in tables {
        let hint = "write an IP address and a port, like `address = \"0.0.0.0:8080\"`";
        let address = table.require("address", hint, Value::address);
        let tls = table.or("tls", Toggle::Off, Value::toggle);
        let http2 = table.or("http2", Toggle::On, Value::toggle);
        if tls.is_on() && !certified && !document.is_broken() {
            let hint = "add `[[certificate]]` with `cert_file` and `key_file`";
            document.fault(table.key_span("tls"), "TLS needs a certificate", Some(hint.to_owned()));
        }
        if let Some(address) = address {
            if address.port() != 0 && listeners.iter().any(|known| known.address == address) {
                let what = format!("two listeners at {address}");
                document.fault(table.key_span("address"), what, Some("an address is bound once".to_owned()));
            }
            listeners.push(Listener { address, tls, http2 });
        }
        table.finish();
    }
    listeners
}

fn certificate(table: Table<'_>) -> Option<Certificate> {
    let cert_file = table.require("cert_file", "the PEM file with the chain, leaf first", Value::path);
    let key_file = table.require("key_file", "the PEM file with the private key", Value::path);
    table.done(Some(Certificate { cert_file: cert_file?, key_file: key_file? }))
}

fn limits(table: &Table<'_>) -> Limits {
    let limits = Limits {
        connections_max: table.or("connections_max", 16_384, |value| value.count(1..=1 << 24)),
        requests_max: table.or("requests_max", 8_192, |value| value.count(1..=1 << 24)),
        streams_max: table.or("streams_max", 128, |value| value.count(1..=65_536)),
        header_bytes_max: table
            .or("header_bytes_max", 32 * KIB as usize, |value| value.size(KIB as usize..=MIB as usize)),
        headers_max: table.or("headers_max", 100, |value| value.count(10..=1_000)),
        uri_bytes_max: table.or("uri_bytes_max", 8 * KIB as usize, |value| value.size(256..=64 * KIB as usize)),
        request_body_bytes_max: table.or("request_body_bytes_max", 16 * MIB, |value| value.size(0..=1024 * GIB)),
        sessions_max: table.or("sessions_max", 100_000, |value| value.count(1..=10_000_000)),
    };
    table.check();
    limits
}

fn timeouts(table: &Table<'_>) -> Timeouts {
    let some = Duration::from_millis(1)..=HOUR;
    let timeouts = Timeouts {
        header: table.or("header", 10 * SECOND, |value| value.duration(some.clone())),
        body: table.or("body", 30 * SECOND, |value| value.duration(some.clone())),
        write: table.or("write", 60 * SECOND, |value| value.duration(some.clone())),
        idle: table.or("idle", 75 * SECOND, |value| value.duration(some)),
        drain_delay: table.or("drain_delay", Duration::ZERO, |value| value.duration(Duration::ZERO..=HOUR)),
        drain: table.or("drain", 30 * SECOND, |value| value.duration(Duration::ZERO..=DAY)),
    };
    table.check();
    timeouts
}

fn admin(table: &Table<'_>) -> Option<Admin> {
    let default = Some(AdminAddress::Tcp(([127, 0, 0, 1], 9180).into()));
    let address = table.or("address", default, |value| {
        let base = value.document.source.base;
        let read = |text: &str| match text.strip_prefix("unix:") {
            Some("") => None,
            Some(path) => Some(Some(AdminAddress::Unix(base.join(path)))),
            None if text == "off" => Some(None),
            None => Some(Some(AdminAddress::Tcp(text.parse().ok()?))),
        };
        let hint = "write `127.0.0.1:9180`, `unix:admin.sock` or `off`";
        value.parsed("an address of the admin listener", hint, read)
    });
    if let Some(AdminAddress::Tcp(address)) = &address
        && !address.ip().is_loopback()
    {
        let hint = "it is meant for loopback or a unix socket; whoever reaches it can reload and stop tracing";
        let what = "the admin listener can be reached from outside";
        table.document.warn(table.key_span("address"), what, Some(hint.to_owned()));
    }
    let hosts = table.or("hosts", Vec::new(), |value| value.list(Value::word));
    table.check();
    Some(Admin { address: address?, hosts })
}

/// What `path` is by default: in the folder of the file.
fn beside(document: &Document<'_>, path: &str) -> PathBuf {
    document.source.base.join(path).components().collect()
}
