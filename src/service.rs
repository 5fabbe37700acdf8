//! The types every stage speaks: a request, a response, and the outcome of handling one.

use std::{future::Future, pin::Pin};

use crate::{body::Body, error::ProxyError};

/// A request on its way to an upstream. Boxed, since every stage takes it and hands it on: eight octets, not three
/// hundred.
pub type Request = Box<http::Request<Body>>;
/// A response on its way to a client.
pub type Response = http::Response<Body>;
/// What a stage gives back: a response, or why there is none.
pub type Outcome = Result<Response, ProxyError>;

/// A future of one worker's thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
/// A future that may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
