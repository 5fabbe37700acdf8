//! The types every stage speaks: a request, a response, and the outcome of handling one.

use std::{
    fmt,
    future::Future,
    mem,
    ops::{Deref, DerefMut},
    pin::Pin,
};

use http::response::Parts;

use crate::{body::Body, error::ProxyError};

/// A request on its way to an upstream. Boxed, since every stage takes it and hands it on: eight octets, not three
/// hundred.
pub type Request = Box<http::Request<Body>>;
/// What a stage gives back: a response, or why there is none.
pub type Outcome = Result<Response, ProxyError>;

/// A future of one worker's thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
/// A future that may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A response on its way to a client. Boxed like a request, and for the same reason; apart from that it is used like
/// what is in the box.
#[derive(Default)]
pub struct Response(Box<http::Response<Body>>);

impl Response {
    /// A response with this body: 200, and no fields.
    pub fn new(body: Body) -> Self {
        http::Response::new(body).into()
    }

    /// Puts a response together.
    pub fn from_parts(head: Parts, body: Body) -> Self {
        http::Response::from_parts(head, body).into()
    }

    /// Takes a response apart.
    pub fn into_parts(self) -> (Parts, Body) {
        self.0.into_parts()
    }

    /// Takes the body out; the rest is not needed any more.
    pub fn into_body(self) -> Body {
        self.0.into_body()
    }

    /// The response without its box.
    pub fn unboxed(self) -> http::Response<Body> {
        *self.0
    }

    /// The same response with the body that `edit` makes of its own.
    #[must_use]
    pub fn map(mut self, edit: impl FnOnce(Body) -> Body) -> Self {
        let body = self.0.body_mut();
        *body = edit(mem::take(body));
        self
    }
}

impl From<http::Response<Body>> for Response {
    fn from(response: http::Response<Body>) -> Self {
        Self(Box::new(response))
    }
}

impl Deref for Response {
    type Target = http::Response<Body>;

    fn deref(&self) -> &http::Response<Body> {
        &self.0
    }
}

impl DerefMut for Response {
    fn deref_mut(&mut self) -> &mut http::Response<Body> {
        &mut self.0
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
