//! Requests, traced or not, as the Logs show them: one [`row::RequestRow`] each.
//!
//! A worker writes down what it knew of a request when it ended ([`entry`]), in chunks that go to the background
//! ([`log`]). There they are joined to their page views ([`join`]), kept for a while ([`ring`]), published
//! (`trace::live`) and stored ([`intake`]). [`recent`] answers questions, and
//! [`keep`] makes traces afterwards.

pub mod entry;
pub mod hints;
pub mod intake;
pub mod join;
pub mod keep;
pub mod log;
mod matching;
pub mod recent;
pub mod ring;
pub mod row;
