//! What several modules of the integration tests need.

mod allocator;
pub(crate) mod instance;
pub(crate) mod client;
pub(crate) mod edge;
pub(crate) mod openid;
pub(crate) mod plain;
pub(crate) mod receiver;
mod shop;
pub(crate) mod strict;

#[allow(unused_imports, reason = "for modules that come and go")]
pub(crate) use allocator::{Account, Allocations, allocations, held};
pub(crate) use shop::{SITE, shop};
