//! Host, path, method, headers and query to a route; and why the other routes missed.

/// A host that a site serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern(String);

/// Paths that a route takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPattern(String);
