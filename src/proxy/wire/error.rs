//! What can go wrong on a connection to an upstream.

use std::{fmt, io};

use crate::{error::BoxError, service::Request};

/// Why there is no response.
#[derive(Debug)]
pub struct SendError {
    /// The cause.
    pub error: WireError,
    /// Whether anything of the request was written.
    pub sent: Sent,
    /// The request, if it is still whole.
    pub request: Option<Request>,
}

/// Whether anything of a request was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing was.
    Nothing,
    /// Something may have been.
    Something,
}

/// What went wrong.
#[derive(Debug)]
pub enum WireError {
    /// The upstream closed the connection in the middle of a message, or before it.
    Closed,
    /// The response's head is over its bound.
    TooLarge,
    /// The response's head is no HTTP, or can be understood in two ways.
    Malformed(&'static str),
    /// The response's body is not framed as its head says.
    Framing(&'static str),
    /// Reading or writing failed.
    Io(io::Error),
    /// The request's own body failed.
    Body(BoxError),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection was closed in the middle of a message"),
            Self::TooLarge => f.write_str("the response's head is too large"),
            Self::Malformed(what) | Self::Framing(what) => write!(f, "the response has {what}"),
            Self::Io(error) => error.fmt(f),
            Self::Body(error) => write!(f, "the request's body failed: {error}"),
        }
    }
}

impl std::error::Error for WireError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Body(error) => Some(&**error),
            _ => None,
        }
    }
}
