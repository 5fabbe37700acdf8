//! The integration tests, in one binary: it links once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its helpers stand outside of #[test] functions"
)]

// Requests that end half-way.
mod aborts;
// The cache, in the whole pipeline.
mod cache;
// The API of the real binary, and the commands that use it.
mod api;
// The admin listener of the real binary: what it tells, whom it refuses, and how it follows a drain.
mod admin;
// The layering table, file heads and sizes, the span vocabulary: what the house promises of its own source.
mod architecture;
// Listening, TLS, limits, reload and drain, over real sockets.
mod connections;
// How requests are told apart: what is refused, and that hyper sees the same requests in the rest.
mod framing;
// The fuzz targets: their seeds, and inputs made from them.
mod fuzz;
// The command line of the real binary: what it prints, and what it exits with.
mod cli;
// The examples of the documentation, run as they stand.
mod docs;
// The demo as a person runs it.
mod demo;
// What the container image is built from.
mod image;
// Tags in pages: what they name, and what stands around them.
mod injection;
// What comes before a final response.
mod interim;
// What dependencies may be licensed under.
mod licences;
// Spans to OTLP back ends: every protocol, what goes wrong with them, and what must not leak between them.
mod otlp;
// What is listed of every request.
mod requests;
// From host and path to an answer: sites, routes, middleware, redirects.
mod routing;
// People: who is answered, what each way to sign in is worth, and what nobody sees.
mod people;
// Reloads of the real binary: every way to ask for one, and what a faulty file does not do.
mod reload;
// The tunnel for Sentry's browser SDKs.
mod sentry;
// What several modules need: counting allocations, a strict OTLP receiver.
mod support;
// Which requests are traced, and what is recorded of them.
mod tracing;
// An untraced request allocates nothing for tracing.
mod untraced;
// The store: what a kill leaves, backups, and a spent quota.
mod store;
// The way to upstreams: pools, retries, streaming, tunnels, TLS, and processes started on demand.
mod upstream;
