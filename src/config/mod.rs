//! Floor 2, what is wished: `proxy.toml` as written and as meant.

pub mod model;
pub mod otel_env;
