//! What a stage is: something that turns a request into an outcome, called through a shared reference.
//!
//! Stages are composed with `tower::Layer`. They are not `tower::Service`s one by one: `Service::call` takes
//! `&mut self`, so a stage shared by the requests of a worker would have to be cloned, with all that is inside it, for
//! every request. Here the whole stack is one value behind an `Rc`, and its futures borrow from it. Real services stand
//! where they are configured: every middleware may be an unmodified `tower::Layer` ([`super::middleware`]).

use std::{future::Future, rc::Rc};

use super::context::{Conn, Context};
use crate::service::{Outcome, Request, Response};

/// A stage of the request path.
pub trait Handler: 'static {
    /// Answers `request`, or passes it on to the stage inside.
    fn handle(&self, request: Request, cx: &Rc<Context>) -> impl Future<Output = Outcome>;
}

/// What a connection hands its requests to: the whole stack, of the snapshot that is current when a request arrives.
pub trait Serve: Clone + 'static {
    /// Answers `request`. There is no error: whatever fails has become a response.
    fn serve(&self, conn: &Rc<Conn>, request: Request) -> impl Future<Output = Response> + 'static;
}
