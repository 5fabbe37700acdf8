//! One connection to an upstream, as `connect` opens it and `exchange` uses it: where these two stages meet.
//!
//! [`Wire`] is the seam behind which the codec can be replaced. [`Http1`] puts hyper's HTTP/1.1 client there; nothing
//! but this file and `connect` names it.

use std::{future::Future, net::SocketAddr, rc::Rc};

use hyper::{body::Incoming, client::conn::http1::SendRequest};

use crate::{body::Body, service::Request};

/// A connection that takes one request at a time.
pub trait Wire: 'static {
    /// Whether the next request can be sent.
    fn state(&self) -> WireState;

    /// Sends `request`, and waits for the head of the final response. Dropping the future closes the connection.
    fn send(&mut self, request: Request) -> impl Future<Output = Result<http::Response<Incoming>, SendError>>;
}

/// Whether a connection can take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireState {
    /// It can.
    Ready,
    /// The last request is still on its way.
    Busy,
    /// It is closed, or about to be.
    Closed,
}

/// Why there is no response.
#[derive(Debug)]
pub struct SendError {
    /// The cause.
    pub error: hyper::Error,
    /// The request, if nothing of it was sent.
    pub unsent: Option<Request>,
}

/// HTTP/1.1, by hyper.
#[derive(Debug)]
pub struct Http1(pub SendRequest<Body>);

impl Wire for Http1 {
    fn state(&self) -> WireState {
        if self.0.is_closed() {
            WireState::Closed
        } else if self.0.is_ready() {
            WireState::Ready
        } else {
            WireState::Busy
        }
    }

    async fn send(&mut self, request: Request) -> Result<http::Response<Incoming>, SendError> {
        match self.0.try_send_request(*request).await {
            Ok(response) => Ok(response),
            Err(mut error) => {
                let unsent = error.take_message().map(Box::new);
                Err(SendError { error: error.into_error(), unsent })
            }
        }
    }
}

/// A connection lent out for one exchange. Dropping it closes the connection as soon as its exchange has ended.
pub struct Lease<W: Wire> {
    /// The connection.
    pub wire: W,
    /// Where it comes from, and may go back to.
    pub home: Rc<dyn Home<W>>,
    /// The address it leads to.
    pub peer: SocketAddr,
    /// Whether it carried a request before.
    pub age: Age,
}

impl<W: Wire> Lease<W> {
    /// Gives the connection back, to be used again.
    pub fn put_back(self) {
        let Self { wire, home, peer, .. } = self;
        home.take_back(wire, peer);
    }
}

impl<W: Wire> std::fmt::Debug for Lease<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("peer", &self.peer).field("age", &self.age).finish_non_exhaustive()
    }
}

/// What takes connections back.
pub trait Home<W> {
    /// Keeps `wire`, which leads to `peer`, for a later request, or closes it.
    fn take_back(&self, wire: W, peer: SocketAddr);
}

/// Whether a connection carried a request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It was opened for this request.
    Fresh,
    /// It was idle in the pool, and the upstream may have closed it unseen.
    Reused,
}
