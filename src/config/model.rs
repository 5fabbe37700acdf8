//! The configuration as meant: every default filled in, every name resolved, every value parsed.
//! Two equal values mean the same, so a reload compares them to see what may stay.

mod access;
mod cache;
mod console;
mod middleware;
mod requests;
mod sentry;
mod toolbar;
mod upstream;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

pub use self::{access::*, cache::*, console::*, middleware::*, requests::*, sentry::*, toolbar::*, upstream::*};
use crate::rules::{
    cache::Policy,
    route::{Conditions, HostPattern, PathPattern},
};
pub use crate::rules::{
    headers::{Scheme, redact::KeyPattern},
    route::{HeaderCondition, QueryCondition, ValueCondition},
    trace_context::Policy as Propagation,
};

/// Everything that `proxy.toml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Worker threads; each has its own runtime, sockets and pools. `None`: one for each core.
    pub workers: Option<usize>,
    /// Where the secret, used nonces and revocations are kept.
    pub state_dir: PathBuf,
    /// Waylight's own log.
    pub log: Log,
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// What TLS listeners present.
    pub certificates: Vec<Certificate>,
    /// The sites, in the order of the file.
    pub sites: Vec<Site>,
    /// Middleware by name.
    pub middleware: BTreeMap<String, Middleware>,
    /// Upstreams by name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// The cache.
    pub cache: Cache,
    /// What is traced, and within which budgets.
    pub trace: Trace,
    /// What is kept of requests.
    pub requests: Requests,
    /// How spans of applications come in.
    pub receive: Receive,
    /// What is kept of it.
    pub store: Store,
    /// OTLP back ends.
    pub exports: Vec<Export>,
    /// The Sentry project that browser SDKs report to.
    pub sentry: Option<Sentry>,
    /// Who may trace.
    pub access: Access,
    /// How the toolbar shows itself in pages.
    pub toolbar: PageToolbar,
    /// What is kept of people.
    pub privacy: Privacy,
    /// Bounds of the console.
    pub console: ConsoleLimits,
    /// Bounds.
    pub limits: Limits,
    /// Timeouts of the client's side, and of shutting down.
    pub timeouts: Timeouts,
    /// The admin listener; `None` switches it off.
    pub admin: Option<Admin>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; for use, never for display.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

/// On or off, where a bare `bool` would not say which is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Toggle {
    /// On.
    On,
    /// Off.
    #[default]
    Off,
}

impl Toggle {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// Waylight's own log.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged, in the syntax of `tracing`'s `EnvFilter`: `info`, `waylight=debug`.
    pub level: String,
    /// Whether each request gets a line.
    pub access: Toggle,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// A place where clients connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// The address to bind; port 0 takes any free one.
    pub address: SocketAddr,
    /// Whether TLS is spoken.
    pub tls: Toggle,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub http2: Toggle,
}

/// A certificate chain and its key; the names it serves are read from the certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// PEM file with the chain, leaf first.
    pub cert_file: PathBuf,
    /// PEM file with the private key.
    pub key_file: PathBuf,
}

/// One site: hosts, and what is answered for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The hosts it serves.
    pub hosts: Vec<HostPattern>,
    /// Whether people can sign in here, and `/_waylight/` exists for them.
    pub toolbar: Toggle,
    /// Whether its origin is the console's own: it has no routes, and people reach there what their roles allow.
    pub console: Toggle,
    /// What is injected into pages.
    pub inject: Inject,
    /// Whether that includes the upstreams' error pages.
    pub inject_errors: Toggle,
    /// Whether pages get the toolbar, for people who are signed in.
    pub inject_toolbar: Toggle,
    /// What is done with trace context that comes in.
    pub propagation: Propagation,
    /// Middleware of every route, by name, before the routes' own.
    pub middleware: Vec<String>,
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
}

/// When pages are given meta tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Inject {
    /// When the request is traced.
    #[default]
    Traced,
    /// Always; untraced pages get tags without a decision.
    Deferred,
    /// Never.
    Off,
}

/// One route of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its name in spans and logs; by default its path.
    pub name: String,
    /// The paths it takes.
    pub path: PathPattern,
    /// The methods it takes; empty: all.
    pub methods: Vec<Method>,
    /// Headers it demands.
    pub headers: Vec<HeaderCondition>,
    /// Query parameters it demands.
    pub query: Vec<QueryCondition>,
    /// Its middleware, by name, after the site's.
    pub middleware: Vec<String>,
    /// What answers.
    pub action: Action,
    /// Overrides the site's.
    pub inject: Option<Inject>,
    /// Overrides the site's.
    pub propagation: Option<Propagation>,
    /// Traces requests of this route, whoever sends them.
    pub trace: Option<RouteTrace>,
    /// Tail mode: its requests are recorded in full, and kept where a rule of `requests.keep` holds at their end.
    pub tail: Toggle,
    /// How its responses are cached; `None`: not at all.
    pub cache: Option<Policy>,
    /// The largest request body, overriding `limits.request_body_bytes_max`.
    pub request_body_bytes_max: Option<u64>,
}

impl Route {
    /// What it demands of a request.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            path: self.path.clone(),
            methods: self.methods.clone(),
            headers: self.headers.clone(),
            query: self.query.clone(),
        }
    }
}

/// What answers a route.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// An upstream, by name.
    Upstream(String),
    /// A redirect.
    Redirect(Redirect),
    /// A fixed answer.
    Respond(Respond),
}

/// A redirect.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// Where to: a path or URL, with `{name}` for path parameters, `{path}`, `{query}` and `{host}`.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
}

/// A fixed answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Respond {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: String,
}

/// A rule that traces requests of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouteTrace {
    /// The share of requests traced, 0 to 1.
    pub ratio: f64,
    /// The most spans a minute that this rule may record.
    pub spans_per_minute_max: u64,
}

/// What is traced, and within which budgets.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The name of this service in traces.
    pub service_name: String,
    /// Added to the resource.
    pub resource: BTreeMap<String, String>,
    /// The share of all requests traced, 0 to 1; signed-in sessions are always traced.
    pub ratio: f64,
    /// The most spans a minute that `ratio` may record.
    pub spans_per_minute_max: u64,
    /// The most spans of the edge for one request.
    pub spans_per_request_max: u32,
    /// Finished requests that may wait for the collector, per process.
    pub queue_max: usize,
    /// Names of query parameters whose values are hidden, beside the built-in ones.
    pub redact_query: Vec<String>,
    /// Names of headers whose values are hidden, beside the built-in ones.
    pub redact_headers: Vec<HeaderName>,
    /// Keys of attributes whose values are hidden, of the edge's spans and of applications'.
    pub redact_attributes: Vec<KeyPattern>,
}

/// What is kept of requests and traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// Where.
    pub kind: StoreKind,
    /// How long traces, and requests with one.
    pub keep_traces: Duration,
    /// How long requests without a trace.
    pub keep_requests: Duration,
    /// The most octets on disk, or of spans in memory; the oldest go first.
    pub size_max: u64,
    /// The most requests; the index of each takes some 100 octets of memory.
    pub requests_max: usize,
    /// The most spans of one calendar month in UTC: after that no new trace begins.
    pub spans_per_month_max: u64,
    /// The share of them, from 0 to 1, that the edge may record of traces which nobody asked for: those of ratios, of route
    /// rules, of tail mode, and those that rules keep.
    pub unasked_share: f64,
    /// The most spans of one trace, those of applications included.
    pub spans_per_trace_max: u64,
    /// What comes within this time is written at once; the most that a crash can lose.
    pub flush_interval: Duration,
    /// The most octets that wait to be written.
    pub queue_bytes_max: usize,
}

/// Where requests and traces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In the state directory.
    Disk,
    /// In memory: gone with the process.
    Memory,
    /// Nowhere.
    Off,
}

/// One OTLP back end.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Its name in logs and counters.
    pub name: String,
    /// Where it is. For HTTP the whole URL, `/v1/traces` included.
    pub endpoint: Uri,
    /// How it is spoken to.
    pub protocol: ExportProtocol,
    /// Headers, or gRPC metadata.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Whether bodies are compressed with gzip.
    pub gzip: Toggle,
    /// Own authorities instead of the system's: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// A client certificate: PEM files of chain and key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Bound on one attempt.
    pub timeout: Duration,
    /// The most spans in one message.
    pub batch_spans_max: usize,
    /// The longest time a span waits for its batch to fill.
    pub batch_delay: Duration,
    /// The most spans waiting, those being sent included.
    pub queue_spans_max: usize,
    /// The most octets waiting, encoded.
    pub queue_bytes_max: usize,
    /// The longest time a batch is tried again.
    pub retry_max: Duration,
}

/// How an OTLP back end is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportProtocol {
    /// gRPC.
    Grpc,
    /// HTTP with protobuf.
    HttpProtobuf,
    /// HTTP with JSON.
    HttpJson,
}

/// Bounds. What is over one is refused and counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Client connections, over all listeners.
    pub connections_max: usize,
    /// Requests in progress, over all workers.
    pub requests_max: usize,
    /// Streams in progress on one HTTP/2 connection.
    pub streams_max: u32,
    /// A request's head, in octets.
    pub header_bytes_max: usize,
    /// Header fields of one request.
    pub headers_max: usize,
    /// The request target, in octets.
    pub uri_bytes_max: usize,
    /// A request's body, in octets.
    pub request_body_bytes_max: u64,
    /// Used nonces, revocations and live sessions remembered.
    pub sessions_max: usize,
}

/// Timeouts of the client's side, and of shutting down.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// From accept, or from a request's first octet, to the end of its head; the TLS handshake included.
    pub header: Duration,
    /// Silence of the client within a request's body.
    pub body: Duration,
    /// A client that takes nothing of the response.
    pub write: Duration,
    /// A connection without a request.
    pub idle: Duration,
    /// After the signal to stop: new connections are still taken so long, for load balancers to notice.
    pub drain_delay: Duration,
    /// After that: requests in progress may take so long.
    pub drain: Duration,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Where it listens.
    pub address: AdminAddress,
    /// Hosts it answers to, beside loopback ones.
    pub hosts: Vec<String>,
}

/// Where the admin listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}
