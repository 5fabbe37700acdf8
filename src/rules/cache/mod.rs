//! The cache's rules: RFC 9111, and of RFC 9110 what a cache answers itself, with RFC 5861 (stale responses), RFC 9211
//! (`Cache-Status`), RFC 9213 (targeted fields) and RFC 9875 (groups). Each decision comes with its reason ([`Why`]).
//!
//! Not here: where responses are kept, and who asks the upstream (`proxy::cache`).

pub mod date;
pub mod directives;
pub mod freshness;
pub mod key;
pub mod policy;
pub mod purge;
pub mod range;
pub mod status;
pub mod stored;
pub mod tags;
pub mod targeted;
pub mod validate;
pub mod vary;
pub mod why;

pub use self::{
    directives::RequestDirectives,
    freshness::Answer,
    policy::Policy,
    purge::{How, Purge},
    stored::{Refresh, Reuse, Storable, Terms, Use},
    why::{Fwd, Status, Why},
};

#[cfg(test)]
mod tests;
