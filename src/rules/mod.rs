//! Floor 1, what is right: values in, values out. `now` is an argument; nothing here reads a clock, a file, a socket
//! or the environment, so every rule is tested without any of them.

pub mod access;
pub mod authority;
pub mod balance;
pub mod cache;
pub mod certificate;
pub mod csp;
pub mod find;
pub mod framing;
pub mod headers;
pub mod hex;
pub mod html;
pub mod keep;
pub mod length;
pub mod page;
pub mod privacy;
pub mod reading;
pub mod reserved;
pub mod retry;
pub mod rewrite;
pub mod route;
pub mod sampling;
pub mod sentry;
pub mod session;
pub mod startup;
pub mod template;
pub mod token;
pub mod toolbar;
pub mod trace_context;
pub mod tree;
