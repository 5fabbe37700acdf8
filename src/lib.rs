//! Waylight: an edge reverse proxy with built-in session tracing.
//!
//! Six floors; each answers one question, and imports point down only
//! (`tests/it/architecture.rs` enforces it).
//!
//! 1. [`rules`]: what is right. Values in, values out; no clock, no IO.
//! 2. [`config`]: what is wished. `proxy.toml`, as written and as meant.
//! 3. [`trace`]: what is remembered. Spans, phases, counters, exports.
//! 4. [`proxy`]: what happens. One folder per stage, in request order.
//! 5. [`console`]: what is shown. Sign-in and the pages under `/_waylight/`.
//! 6. [`app`]: what lives. The command line, start, reload, drain, the demo.
//!
//! Below the floors stand the values that all of them speak of: [`body`],
//! [`clock`], [`error`] and [`service`]; and beneath everything [`allocator`].

pub mod allocator;

pub mod body;
pub mod clock;
pub mod error;
pub mod service;

pub mod rules;

pub mod config;

pub mod trace;

pub mod proxy;

pub mod console;

pub mod app;
