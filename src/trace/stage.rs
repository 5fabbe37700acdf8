//! The whole span vocabulary: every span that the edge records is one of these. No layer names a span by a string.

use opentelemetry::trace::SpanKind;

/// What a span of the edge is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The whole request: the root span, from the first byte read to the last byte sent.
    Request,
    /// The client's TLS handshake.
    TlsHandshake,
    /// Choosing the route.
    Route,
    /// One middleware, by its type name.
    Middleware(&'static str),
    /// Editing the page.
    Inject,
    /// Waylight's own pages.
    Reserved,
    /// Looking for a stored response.
    CacheLookup,
    /// Waiting for the answer to another request for the same.
    CacheWait,
    /// Asking the upstream whether a stored response is current.
    CacheRevalidate,
    /// Storing a response, until its last octet.
    CacheStore,
    /// The upstream's process was asleep and had to be ready first.
    UpstreamStart,
    /// Spawning the upstream's process.
    UpstreamSpawn,
    /// Waiting until the upstream's process accepted connections.
    UpstreamReady,
    /// Waiting for a connection of the pool.
    UpstreamWait,
    /// Looking up the upstream's name.
    UpstreamDns,
    /// Opening a TCP connection to the upstream.
    UpstreamConnect,
    /// The TLS handshake with the upstream.
    UpstreamTls,
    /// One attempt at the upstream: the client span.
    UpstreamRequest,
}

impl Stage {
    /// One of each, for tests and documentation.
    pub const ALL: &'static [Self] = &[
        Self::Request,
        Self::TlsHandshake,
        Self::Route,
        Self::Middleware("middleware"),
        Self::Inject,
        Self::Reserved,
        Self::CacheLookup,
        Self::CacheWait,
        Self::CacheRevalidate,
        Self::CacheStore,
        Self::UpstreamStart,
        Self::UpstreamSpawn,
        Self::UpstreamReady,
        Self::UpstreamWait,
        Self::UpstreamDns,
        Self::UpstreamConnect,
        Self::UpstreamTls,
        Self::UpstreamRequest,
    ];

    /// Its place in [`Self::ALL`].
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Request => 0,
            Self::TlsHandshake => 1,
            Self::Route => 2,
            Self::Middleware(_) => 3,
            Self::Inject => 4,
            Self::Reserved => 5,
            Self::UpstreamStart => 6,
            Self::UpstreamSpawn => 7,
            Self::UpstreamReady => 8,
            Self::UpstreamWait => 9,
            Self::UpstreamDns => 10,
            Self::UpstreamConnect => 11,
            Self::UpstreamTls => 12,
            Self::UpstreamRequest => 13,
        }
    }

    /// The span's name, unless the span is renamed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "HTTP",
            Self::TlsHandshake => "TLS handshake",
            Self::Route => "Route",
            Self::Middleware(name) => name,
            Self::Inject => "Inject",
            Self::Reserved => "Waylight",
            Self::CacheLookup => "Cache lookup",
            Self::CacheWait => "Wait for another request",
            Self::CacheRevalidate => "Revalidate",
            Self::CacheStore => "Cache store",
            Self::UpstreamStart => "Upstream start",
            Self::UpstreamSpawn => "Spawn process",
            Self::UpstreamReady => "Wait for readiness",
            Self::UpstreamWait => "Wait for connection",
            Self::UpstreamDns => "DNS",
            Self::UpstreamConnect => "Connect",
            Self::UpstreamTls => "TLS",
            Self::UpstreamRequest => "Upstream request",
        }
    }

    /// The stable word for this stage: attribute `waylight.stage`, and part of `sentry.op`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::TlsHandshake => "tls_handshake",
            Self::Route => "route",
            Self::Middleware(_) => "middleware",
            Self::Inject => "inject",
            Self::Reserved => "reserved",
            Self::CacheLookup => "cache.lookup",
            Self::CacheWait => "cache.wait",
            Self::CacheRevalidate => "cache.revalidate",
            Self::CacheStore => "cache.store",
            Self::UpstreamStart => "upstream.start",
            Self::UpstreamSpawn => "upstream.spawn",
            Self::UpstreamReady => "upstream.ready",
            Self::UpstreamWait => "upstream.wait",
            Self::UpstreamDns => "upstream.dns",
            Self::UpstreamConnect => "upstream.connect",
            Self::UpstreamTls => "upstream.tls",
            Self::UpstreamRequest => "upstream.request",
        }
    }

    /// The operation, as Sentry's products group spans: attribute `sentry.op`.
    pub const fn op(self) -> &'static str {
        match self {
            Self::Request => "http.server",
            Self::TlsHandshake => "edge.tls",
            Self::Route => "edge.route",
            Self::Middleware(_) => "middleware.edge",
            Self::Inject => "edge.inject",
            Self::Reserved => "edge.reserved",
            // Those that Sentry's cache views know.
            Self::CacheLookup => "cache.get",
            Self::CacheStore => "cache.put",
            Self::CacheWait => "edge.cache.wait",
            Self::CacheRevalidate => "edge.cache.revalidate",
            Self::UpstreamStart | Self::UpstreamSpawn | Self::UpstreamReady => "edge.upstream.start",
            Self::UpstreamWait => "edge.upstream.wait",
            Self::UpstreamDns => "edge.upstream.dns",
            Self::UpstreamConnect => "edge.upstream.connect",
            Self::UpstreamTls => "edge.upstream.tls",
            Self::UpstreamRequest => "http.client",
        }
    }

    /// The kind of the span.
    pub const fn kind(self) -> SpanKind {
        match self {
            Self::Request => SpanKind::Server,
            Self::UpstreamRequest => SpanKind::Client,
            _ => SpanKind::Internal,
        }
    }
}
