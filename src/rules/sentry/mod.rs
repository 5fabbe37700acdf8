//! What browser SDKs of Sentry send: DSNs, envelopes, and the spans in them.
//!
//! Envelopes as <https://develop.sentry.dev/sdk/foundations/envelopes/> describes them. Not here: how they come in and go
//! on (`proxy::sentry`), and what is believed of their spans (`trace::receive::browser`).

pub mod dsn;
pub mod envelope;
pub mod json;
pub mod seconds;
pub mod spans;

pub use self::dsn::Dsn;
