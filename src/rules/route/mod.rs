//! Host, path, method, headers and query to a route; and why the other routes missed.
//!
//! Priority, in this order: by path, segment by segment from the left, an exact segment before a parameter before a
//! wildcard, so that deeper wildcards come before shallower ones; then more conditions before fewer (a method list,
//! each header, each query parameter counts one); then the order of the file. The first route in that order whose
//! conditions all hold is taken. Paths are compared in their normal form ([`RequestPath`]).

mod condition;
mod host;
mod path;
mod segments;
mod table;

pub use condition::{Ask, Conditions, HeaderCondition, QueryCondition, ValueCondition};
pub use host::{HostPattern, Hosts};
pub use path::{Param, ParamKind, Params, PathError, PathPattern, RequestPath};
pub use table::{Found, Miss, Missed, Table, Why};

use std::fmt;

/// Why a pattern cannot be read, and what may be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong.
    pub what: &'static str,
    /// How it may be put right.
    pub hint: &'static str,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.hint)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests;
