//! The configuration as meant, written as `proxy.toml` is: every default shown, every secret hidden. What is written
//! here reads back as the same configuration, secrets aside; a test does that.

mod access;
mod cache;
mod console;
mod requests;
mod sentry;
mod toolbar;

pub use self::cache::cache_settings;

use std::fmt::{Display, Write as _};

use http::{HeaderName, HeaderValue};

use super::{
    model::{
        Action, Admin, AdminAddress, Coding, CompressLevel, Config, Endpoint, Export, ExportProtocol,
        HeadersMiddleware, Inject, Listener, LogFormat, Middleware, Propagation, Redirect, Respond, Rewrite, Route,
        Site, StartPort, Store, StoreKind, Toggle, Trace, Upstream, UpstreamHost, ValueCondition,
    },
    write::{duration, key, quoted, size, text},
};

/// What stands for a secret.
const HIDDEN: &str = "\"***\"";

/// Writes the configuration as TOML, secrets hidden.
pub fn effective(config: &Config) -> String {
    let mut out = Writer(String::with_capacity(4096));
    if let Some(workers) = config.workers {
        out.set("workers", workers);
    }
    out.path("state_dir", &config.state_dir);
    out.table("[log]");
    out.word("format", if config.log.format == LogFormat::Human { "human" } else { "json" });
    out.text("level", &config.log.level);
    out.toggle("access", config.log.access);
    for Listener { address, tls, http2 } in &config.listeners {
        out.table("[[listener]]");
        out.word("address", &address.to_string());
        out.toggle("tls", *tls);
        out.toggle("http2", *http2);
    }
    for certificate in &config.certificates {
        out.table("[[certificate]]");
        out.path("cert_file", &certificate.cert_file);
        out.path("key_file", &certificate.key_file);
    }
    config.sites.iter().for_each(|site| out.site(site));
    config.middleware.iter().for_each(|(name, middleware)| out.middleware(name, middleware));
    config.upstreams.values().for_each(|upstream| out.upstream(upstream));
    out.cache(&config.cache);
    out.trace(&config.trace);
    out.requests(&config.requests);
    out.receive(&config.receive);
    out.store(&config.store);
    config.exports.iter().for_each(|export| out.export(export));
    if let Some(sentry) = &config.sentry {
        out.sentry(sentry);
    }
    out.access(&config.access);
    out.toolbar(&config.toolbar);
    out.privacy(config.privacy);
    out.console(&config.console);
    out.bounds(config);
    match &config.admin {
        None => out.table("[admin]").word("address", "off"),
        Some(Admin { address, hosts }) => {
            out.table("[admin]");
            match address {
                AdminAddress::Tcp(address) => out.word("address", &address.to_string()),
                AdminAddress::Unix(path) => out.text("address", &format!("unix:{}", path.display())),
            }
            out.list("hosts", hosts.iter().map(|host| text(host)));
        }
    }
    out.0
}

struct Writer(String);

impl Writer {
    fn table(&mut self, head: &str) -> &mut Self {
        self.0 += &format!("\n{head}\n");
        self
    }

    fn set(&mut self, key: &str, value: impl Display) {
        // Writing to a String cannot fail.
        _ = writeln!(self.0, "{key} = {value}");
    }

    fn word(&mut self, key: &str, value: &str) {
        self.set(key, quoted(value));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.set(key, text(value));
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn path(&mut self, key: &str, path: &std::path::Path) {
        self.text(key, &path.display().to_string());
    }

    fn toggle(&mut self, key: &str, toggle: Toggle) {
        self.set(key, toggle.is_on());
    }

    fn duration(&mut self, key: &str, value: std::time::Duration) {
        self.word(key, &duration(value));
    }

    fn size(&mut self, key: &str, octets: u64) {
        let shown = size(octets);
        let number = shown.bytes().all(|b| b.is_ascii_digit());
        self.set(key, if number { shown } else { quoted(&shown) });
    }

    fn list(&mut self, key: &str, items: impl Iterator<Item = String>) {
        self.set(key, format!("[{}]", items.collect::<Vec<_>>().join(", ")));
    }

    fn inline(&mut self, key: &str, entries: impl Iterator<Item = (String, String)>) {
        let entries: Vec<_> = entries.map(|(name, value)| format!("{} = {value}", super::write::key(&name))).collect();
        if !entries.is_empty() {
            self.set(key, format!("{{ {} }}", entries.join(", ")));
        }
    }

    /// Headers; several of one name become a list.
    fn headers(&mut self, key: &str, headers: &[(HeaderName, HeaderValue)]) {
        let mut names: Vec<&HeaderName> = Vec::new();
        for (name, _) in headers {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let shown = |value: &HeaderValue| match value.to_str() {
            Ok(value_text) if !value.is_sensitive() => text(value_text),
            _ => HIDDEN.to_owned(),
        };
        let entries = names.into_iter().map(|name| {
            let secret = *name == http::header::AUTHORIZATION || *name == http::header::COOKIE;
            let values: Vec<_> = headers
                .iter()
                .filter(|(of, _)| of == name)
                .map(|(_, value)| if secret { HIDDEN.to_owned() } else { shown(value) })
                .collect();
            let value = if let [value] = &*values { value.clone() } else { format!("[{}]", values.join(", ")) };
            (name.to_string(), value)
        });
        self.inline(key, entries);
    }

    fn names<T: Display>(&mut self, key: &str, names: &[T]) {
        self.list(key, names.iter().map(|name| text(&name.to_string())));
    }

    fn site(&mut self, site: &Site) {
        self.table("[[site]]");
        self.names("hosts", &site.hosts);
        self.toggle("toolbar", site.toolbar);
        self.toggle("console", site.console);
        self.word("inject", inject(site.inject));
        self.toggle("inject_errors", site.inject_errors);
        self.toggle("inject_toolbar", site.inject_toolbar);
        self.word("propagation", propagation(site.propagation));
        self.names("middleware", &site.middleware);
        site.routes.iter().for_each(|route| self.route(route));
    }

    fn route(&mut self, route: &Route) {
        self.table("[[site.route]]");
        self.text("name", &route.name);
        self.text("path", route.path.as_str());
        self.names("methods", &route.methods);
        self.inline("headers", route.headers.iter().map(|header| (header.name.to_string(), condition(&header.value))));
        self.inline("query", route.query.iter().map(|query| (query.name.clone(), condition(&query.value))));
        self.names("middleware", &route.middleware);
        match &route.action {
            Action::Upstream(name) => self.text("upstream", name),
            Action::Redirect(Redirect { to, status }) => {
                self.set("redirect", format!("{{ to = {}, status = {} }}", text(to), status.as_u16()));
            }
            Action::Respond(respond) => self.respond(respond),
        }
        if let Some(value) = route.inject {
            self.word("inject", inject(value));
        }
        if let Some(value) = route.propagation {
            self.word("propagation", propagation(value));
        }
        if let Some(trace) = route.trace {
            let (ratio, spans) = (trace.ratio, trace.spans_per_minute_max);
            self.set("trace", format!("{{ ratio = {ratio:?}, spans_per_minute_max = {spans} }}"));
        }
        if route.tail.is_on() {
            self.toggle("tail", route.tail);
        }
        if let Some(octets) = route.request_body_bytes_max {
            self.size("request_body_bytes_max", octets);
        }
        if let Some(policy) = &route.cache {
            self.policy(policy);
        }
    }

    fn respond(&mut self, respond: &Respond) {
        let mut inner = Self(String::new());
        inner.headers("headers", &respond.headers);
        let headers = inner.0.trim_end();
        let comma = if headers.is_empty() { "" } else { ", " };
        let (status, body) = (respond.status.as_u16(), text(&respond.body));
        self.set("respond", format!("{{ status = {status}, body = {body}{comma}{headers} }}"));
    }

    fn middleware(&mut self, name: &str, middleware: &Middleware) {
        self.table(&format!("[middleware.{}]", key(name)));
        match middleware {
            Middleware::Headers(headers) => self.headers_middleware(headers),
            Middleware::Redirect(redirect) => {
                self.word("type", "redirect");
                self.text("to", &redirect.to);
                self.set("status", redirect.status.as_u16());
            }
            Middleware::Rewrite(rewrite) => {
                self.word("type", "rewrite");
                match rewrite {
                    Rewrite::StripPrefix(prefix) => self.text("strip_prefix", prefix),
                    Rewrite::AddPrefix(prefix) => self.text("add_prefix", prefix),
                    Rewrite::To(to) => self.text("to", to),
                }
            }
            Middleware::Compress(compress) => {
                self.word("type", "compress");
                self.list("codings", compress.codings.iter().map(|coding| quoted(coding_name(*coding))));
                self.size("bytes_min", compress.bytes_min);
                self.word(
                    "level",
                    match compress.level {
                        CompressLevel::Fastest => "fastest",
                        CompressLevel::Default => "default",
                        CompressLevel::Best => "best",
                    },
                );
            }
            Middleware::Cors(cors) => {
                self.word("type", "cors");
                self.names("origins", &cors.origins);
                self.names("methods", &cors.methods);
                self.names("headers", &cors.headers);
                self.toggle("credentials", cors.credentials);
                if let Some(max_age) = cors.max_age {
                    self.duration("max_age", max_age);
                }
            }
        }
    }

    fn headers_middleware(&mut self, headers: &HeadersMiddleware) {
        self.word("type", "headers");
        self.names("request_remove", &headers.request_remove);
        self.headers("request_set", &headers.request_set);
        self.headers("request_add", &headers.request_add);
        self.names("response_remove", &headers.response_remove);
        self.headers("response_set", &headers.response_set);
        self.headers("response_add", &headers.response_add);
    }

    fn upstream(&mut self, upstream: &Upstream) {
        let name = key(&upstream.name);
        self.table(&format!("[upstream.{name}]"));
        if upstream.start.is_none() {
            self.list("endpoints", upstream.endpoints.iter().map(|endpoint| text(&url(endpoint))));
        }
        match &upstream.host {
            UpstreamHost::Preserve => self.word("host", "preserve"),
            UpstreamHost::Endpoint => self.word("host", "endpoint"),
            UpstreamHost::Fixed(host) => self.text("host", host.to_str().unwrap_or_default()),
        }
        self.duration("timeout_connect", upstream.timeout_connect);
        self.duration("timeout_first_byte", upstream.timeout_first_byte);
        self.duration("timeout_idle", upstream.timeout_idle);
        self.set("pool_idle_max", upstream.pool_idle_max);
        self.duration("pool_timeout_idle", upstream.pool_timeout_idle);
        self.duration("dns_refresh", upstream.dns_refresh);
        self.set("attempts_max", upstream.attempts_max);
        if upstream.tls.ca_file.is_some() || upstream.tls.server_name.is_some() {
            self.table(&format!("[upstream.{name}.tls]"));
            if let Some(path) = &upstream.tls.ca_file {
                self.path("ca_file", path);
            }
            self.optional("server_name", upstream.tls.server_name.as_deref());
        }
        if let Some(start) = &upstream.start {
            self.table(&format!("[upstream.{name}.start]"));
            self.names("command", &start.command);
            self.path("directory", &start.directory);
            match &start.port {
                StartPort::Fixed(port) => self.set("port", port),
                StartPort::Variable(variable) => self.text("port_variable", variable),
            }
            self.word("otlp", start.otlp.word());
            self.duration("timeout_start", start.timeout_start);
            self.duration("timeout_stop", start.timeout_stop);
            self.inline("env", start.env.keys().map(|name| (name.clone(), HIDDEN.to_owned())));
        }
    }

    fn trace(&mut self, trace: &Trace) {
        self.table("[trace]");
        self.text("service_name", &trace.service_name);
        self.inline("resource", trace.resource.iter().map(|(name, value)| (name.clone(), text(value))));
        self.set("ratio", format!("{:?}", trace.ratio));
        self.set("spans_per_minute_max", trace.spans_per_minute_max);
        self.set("spans_per_request_max", trace.spans_per_request_max);
        self.set("queue_max", trace.queue_max);
        self.names("redact_query", &trace.redact_query);
        self.names("redact_headers", &trace.redact_headers);
        self.names("redact_attributes", &trace.redact_attributes);
    }

    fn store(&mut self, store: &Store) {
        self.table("[store]");
        self.word(
            "kind",
            match store.kind {
                StoreKind::Disk => "disk",
                StoreKind::Memory => "memory",
                StoreKind::Off => "off",
            },
        );
        self.duration("keep_traces", store.keep_traces);
        self.duration("keep_requests", store.keep_requests);
        self.size("size_max", store.size_max);
        self.set("requests_max", store.requests_max);
        self.set("spans_per_month_max", store.spans_per_month_max);
        self.set("unasked_share", store.unasked_share);
        self.set("spans_per_trace_max", store.spans_per_trace_max);
        self.duration("flush_interval", store.flush_interval);
        self.size("queue_bytes_max", store.queue_bytes_max as u64);
    }

    fn export(&mut self, export: &Export) {
        self.table("[[export]]");
        self.text("name", &export.name);
        self.word(
            "protocol",
            match export.protocol {
                ExportProtocol::Grpc => "grpc",
                ExportProtocol::HttpProtobuf => "http/protobuf",
                ExportProtocol::HttpJson => "http/json",
            },
        );
        self.text("endpoint", &export.endpoint.to_string());
        self.inline("headers", export.headers.iter().map(|(name, _)| (name.to_string(), HIDDEN.to_owned())));
        self.toggle("gzip", export.gzip);
        if let Some(path) = &export.ca_file {
            self.path("ca_file", path);
        }
        if let Some((cert, key)) = &export.client_certificate {
            self.path("client_cert_file", cert);
            self.path("client_key_file", key);
        }
        self.duration("timeout", export.timeout);
        self.set("batch_spans_max", export.batch_spans_max);
        self.duration("batch_delay", export.batch_delay);
        self.set("queue_spans_max", export.queue_spans_max);
        self.size("queue_bytes_max", export.queue_bytes_max as u64);
        self.duration("retry_max", export.retry_max);
    }

    fn bounds(&mut self, config: &Config) {
        let limits = &config.limits;
        self.table("[limits]");
        self.set("connections_max", limits.connections_max);
        self.set("requests_max", limits.requests_max);
        self.set("streams_max", limits.streams_max);
        self.size("header_bytes_max", limits.header_bytes_max as u64);
        self.set("headers_max", limits.headers_max);
        self.size("uri_bytes_max", limits.uri_bytes_max as u64);
        self.size("request_body_bytes_max", limits.request_body_bytes_max);
        self.set("sessions_max", limits.sessions_max);
        let timeouts = &config.timeouts;
        self.table("[timeouts]");
        self.duration("header", timeouts.header);
        self.duration("body", timeouts.body);
        self.duration("write", timeouts.write);
        self.duration("idle", timeouts.idle);
        self.duration("drain_delay", timeouts.drain_delay);
        self.duration("drain", timeouts.drain);
    }
}

const fn inject(inject: Inject) -> &'static str {
    match inject {
        Inject::Traced => "traced",
        Inject::Deferred => "deferred",
        Inject::Off => "off",
    }
}

const fn propagation(propagation: Propagation) -> &'static str {
    match propagation {
        Propagation::Accept => "accept",
        Propagation::Restart => "restart",
        Propagation::Reject => "reject",
    }
}

const fn coding_name(coding: Coding) -> &'static str {
    match coding {
        Coding::Gzip => "gzip",
        Coding::Brotli => "br",
        Coding::Zstd => "zstd",
    }
}

fn condition(condition: &ValueCondition) -> String {
    match condition {
        ValueCondition::Present => "true".to_owned(),
        ValueCondition::Absent => "false".to_owned(),
        ValueCondition::Equals(value) => text(value),
        ValueCondition::Prefix(value) => text(&format!("{value}*")),
    }
}

fn url(endpoint: &Endpoint) -> String {
    let Endpoint { scheme, host, port } = endpoint;
    if host.contains(':') {
        format!("{}://[{host}]:{port}", scheme.as_str())
    } else {
        format!("{}://{host}:{port}", scheme.as_str())
    }
}
