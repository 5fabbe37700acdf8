//! Floor 3, what is remembered: spans of traced requests, phases and counters of all, and the ways out.
//!
//! A traced request's spans stay on its worker's thread ([`recording`]) until its last handle drops; then one batch
//! goes through a bounded queue ([`outbox`]) to the collector in the background, which encodes it and hands it to every
//! sink. Nothing on the request path encodes, locks or waits.

pub mod attributes;
mod bounded;
pub mod collector;
pub mod counters;
pub mod encode;
pub mod export;
pub mod ids;
pub mod kept;
pub mod live;
pub mod outbox;
mod pace;
pub mod per_minute;
pub mod phases;
mod protobuf;
pub mod quota;
pub mod record;
mod redact;
pub mod receive;
pub mod recording;
pub mod requests;
pub mod scope;
pub mod sink;
pub mod sessions;
pub mod stage;
pub mod store;
