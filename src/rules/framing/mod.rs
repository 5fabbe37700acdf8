//! How messages are framed in HTTP/1.1, RFC 9112: where one ends and the next begins, and which could be understood in
//! two ways. Whatever could be is refused here, where it is read, and so never handed on.
//!
//! Values in, values out: octets come in and go out as `Bytes`, and nothing is read or written here.

mod check;
pub mod chunks;
pub mod content;
pub mod request;
pub mod response;
mod section;

use http::StatusCode;

pub use self::{check::check, section::Wishes};

/// Bounds of a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Request line and fields, in octets.
    pub head_bytes_max: usize,
    /// Fields of one section.
    pub fields_max: usize,
    /// The request target, in octets.
    pub target_bytes_max: usize,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is answered with.
    pub status: StatusCode,
    /// In words for logs and spans.
    pub reason: &'static str,
}

impl Fault {
    const fn bad(reason: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason }
    }

    const fn of(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }
}

#[cfg(test)]
mod tests;
