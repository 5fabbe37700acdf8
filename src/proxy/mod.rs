//! Floor 4, what happens to a request, in order.

pub mod context;
pub mod handler;

pub mod rescue;

#[cfg(test)]
pub(crate) mod testing;
