//! Upstreams as meant: `[upstream.NAME]`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use http::HeaderValue;

use super::{Scheme, Secret};

/// Servers that answer alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Its endpoints, asked in turn.
    pub endpoints: Vec<Endpoint>,
    /// The `Host` it sees.
    pub host: UpstreamHost,
    /// How TLS endpoints are checked.
    pub tls: UpstreamTls,
    /// Bound on opening a connection, TLS included.
    pub timeout_connect: Duration,
    /// Bound on the time from the request's end to the response's head.
    pub timeout_first_byte: Duration,
    /// Bound on silence within a body.
    pub timeout_idle: Duration,
    /// The most idle connections kept by each worker for each endpoint.
    pub pool_idle_max: usize,
    /// How long an idle connection is kept.
    pub pool_timeout_idle: Duration,
    /// How often names are looked up again.
    pub dns_refresh: Duration,
    /// The most attempts for one request, the first included.
    pub attempts_max: u32,
    /// A process that is started on demand.
    pub start: Option<Start>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The `Host` that an upstream sees.
#[derive(Clone, Debug, PartialEq)]
pub enum UpstreamHost {
    /// The client's.
    Preserve,
    /// The endpoint's.
    Endpoint,
    /// This one.
    Fixed(HeaderValue),
}

/// How an upstream's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpstreamTls {
    /// Own authorities instead of the system's: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The name expected, where it differs from the endpoint's host.
    pub server_name: Option<String>,
}

/// A process that is started when the first request needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// Working directory.
    pub directory: PathBuf,
    /// Added to its environment.
    pub env: BTreeMap<String, Secret>,
    /// How it learns its port.
    pub port: StartPort,
    /// Which of Waylight's receivers it is told to send its spans to.
    pub otlp: StartOtlp,
    /// Bound on the time until it accepts connections.
    pub timeout_start: Duration,
    /// Bound on the time from SIGTERM to SIGKILL when it is stopped.
    pub timeout_stop: Duration,
}

/// The protocol in which a started process is told to send its spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOtlp {
    /// OTLP over HTTP, in protobuf.
    Http,
    /// OTLP over gRPC.
    Grpc,
    /// It is told nothing.
    Off,
}

impl StartOtlp {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Http, Self::Grpc, Self::Off];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Off => "off",
        }
    }
}

/// How a started process learns its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartPort {
    /// It listens on this one by itself.
    Fixed(u16),
    /// A free one is handed over in this environment variable.
    Variable(String),
}
