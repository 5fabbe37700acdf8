//! What the innermost stages tell each other about one attempt at an upstream: `balance` asks, `upstreams` has
//! `start`, `connect` and `exchange` answer.

use std::{future::Future, rc::Rc};

use super::context::Context;
use crate::{
    error::ProxyError,
    service::{LocalBoxFuture, Request, Response},
    trace::scope::Span,
};

/// Whatever can try to have a request answered.
pub trait Attempt: 'static {
    /// One attempt. `span` is its client span.
    fn attempt(
        &self,
        request: Request,
        choice: Choice,
        span: &mut Span,
        cx: &Rc<Context>,
    ) -> impl Future<Output = Result<Answer, Failed>>;
}

/// Whom an attempt is made at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The endpoint, by its place in the configuration.
    pub endpoint: usize,
    /// Whether a pooled connection may be used.
    pub reuse: Reuse,
}

/// Whether a pooled connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It may, and the request is kept if it can be sent again.
    Pooled,
    /// It may not: a connection that was not idle cannot be stale.
    Fresh,
}

/// An attempt that was answered.
pub struct Answer {
    /// The answer.
    pub response: Response,
    /// What goes on after a response that switched protocols.
    pub tunnel: Option<Tunnel>,
}

/// Carries octets both ways until one side ends.
pub type Tunnel = LocalBoxFuture<'static, Carried>;

/// What a tunnel carried.
#[derive(Debug, Default)]
pub struct Carried {
    /// Octets from the client to the upstream.
    pub sent: u64,
    /// Octets from the upstream to the client.
    pub received: u64,
    /// Why it ended, unless one side closed it.
    pub error: Option<ProxyError>,
}

/// An attempt that was not answered.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: ProxyError,
    /// The request, where it is still whole.
    pub request: Option<Request>,
    /// Whether the pooled connection was stale, so that the same endpoint may well answer.
    pub stale: Stale,
}

/// Whether a connection that failed had been idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It had: the same endpoint is asked again.
    Yes,
    /// It had not: another endpoint may do better.
    No,
}
