//! The cache as meant: `[cache]`. What a route says of caching is [`crate::rules::cache::Policy`].

use std::path::PathBuf;

/// The cache of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The most octets in memory.
    pub memory_max: u64,
    /// The disk tier; `None`: there is none.
    pub disk: Option<CacheDisk>,
}

/// The disk tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDisk {
    /// Its directory, for one process only.
    pub directory: PathBuf,
    /// The most octets of all files.
    pub bytes_max: u64,
    /// The most octets that wait to be written.
    pub queue_bytes_max: u64,
    /// Bodies with more octets are on disk only.
    pub object_bytes_min: u64,
}
