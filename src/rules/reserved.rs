//! The paths that are Waylight's own on every site with a toolbar.

/// All of them begin so.
pub const PREFIX: &str = "/_waylight/";

/// What pages of a site may ask: everything below.
pub const API: &str = "/_waylight/api/v1/";

/// Whether `path` is one of Waylight's own.
pub fn is_reserved(path: &str) -> bool {
    path.starts_with(PREFIX) || path == "/_waylight"
}

/// A path as it is told. What stands under the reserved one may be a token, whoever sent it.
pub fn shown(path: &str) -> &str {
    if is_reserved(path) { PREFIX } else { path }
}
