//! Floor 4, what happens to a request, in order.
//!
//! A client connects (`listener`), perhaps over TLS (`tls`); what it sends is read, and what could be understood in two ways refused (`conn`). From then on a
//! request goes through the stages below, first line first, as `stack` composes them; each either answers it or hands it
//! to the next. Whatever fails on the way becomes a response in `rescue`. The stages do not know one another: what one
//! has to tell the next is in the `context`.

pub mod context;
pub mod decode;
pub mod drain;
pub mod entry;
pub mod handler;
pub mod permits;
mod room;
pub mod tasks;
mod timer;
pub mod tracer;
pub mod snapshot;
pub mod stack;

pub mod listener;
pub mod tls;
pub mod conn;
pub mod rescue;
pub mod client;
pub mod site;
pub mod session;
pub mod reserved;
pub mod admission;
pub mod sentry;
pub mod route;
pub mod policy;
pub mod middleware;
pub mod inject;
pub mod cache;
pub mod answer;

pub mod attempt;
pub mod wire;

mod balance;
pub mod start;
pub mod connect;
mod exchange;
pub mod upstreams;

#[cfg(test)]
pub(crate) mod testing;
