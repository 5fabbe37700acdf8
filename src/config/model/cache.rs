//! The cache as meant: `[cache]`. What a route says of caching is [`crate::rules::cache::Policy`].

/// The cache of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The most octets in memory.
    pub memory_max: u64,
}
