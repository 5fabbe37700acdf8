//! What several modules of the integration tests need.

mod allocator;
pub(crate) mod edge;

#[allow(unused_imports, reason = "for modules that come and go")]
pub(crate) use allocator::{Allocations, allocations};
