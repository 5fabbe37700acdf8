//! Floor 4, what happens to a request, in order.

pub mod context;
pub mod handler;
pub mod permits;

pub mod rescue;
pub mod admission;

#[cfg(test)]
pub(crate) mod testing;
