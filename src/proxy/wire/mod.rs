//! One connection to an upstream, as `connect` opens it and `exchange` uses it: where these two stages meet; and what
//! HTTP/1.1 is written with ([`outgoing`]), which `conn` does toward clients.
//!
//! [`Wire`] is the seam behind which the codec can be replaced. [`Http1`] is HTTP/1.1, of our own: a request is written
//! and its response is read where the request is handled, without a task of the connection's between the two, which
//! costs half of what hyper's client does (`docs/performance.md`). The framing it trusts is that of `rules::framing`.

mod error;
mod http1;
mod io;
pub mod outgoing;

use std::{
    cell::OnceCell,
    future::Future,
    net::SocketAddr,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;

pub use self::{
    error::{SendError, Sent, WireError},
    http1::Http1,
    io::{Io, Rewound},
};
use super::timer::Timer;
use crate::{service::Request, trace::attributes::Attributes};

/// A connection that takes one request at a time.
pub trait Wire: 'static {
    /// Whether the connection, on which nothing is in progress, can take a request: the upstream has neither closed it
    /// nor said anything that nobody asked for. If it can, the task of `cx` is woken when that may have changed.
    fn is_at_rest(&mut self, cx: &mut Context<'_>) -> bool;

    /// Sends `request` and the fields that `told` writes, and waits for the head of the final response; those before it
    /// are told to `interim`. Dropping the future spoils the connection.
    fn send(
        &mut self,
        request: Request,
        told: impl FnOnce(&mut Vec<u8>),
        interim: impl Fn(http::Response<()>),
    ) -> impl Future<Output = Result<http::Response<()>, SendError>>;

    /// The response's body, if all of it is here already, or if it has none.
    fn whole_body(&mut self) -> Option<Bytes>;

    /// The next part of the response's body.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WireError>>>;

    /// What is left of the response's body, in octets, where its length is known.
    fn body_left(&self) -> Option<u64>;

    /// Whether the exchange is over, and the connection may take another request.
    fn is_reusable(&self) -> bool;

    /// The octets that follow a response that switched protocols; `None` if it came before all of the request had gone.
    fn into_stream(self) -> Option<Rewound>;
}

/// A connection and what goes with it from one exchange to the next.
#[derive(Debug)]
pub struct Line<W> {
    /// The connection.
    pub wire: W,
    /// The address it leads to.
    pub peer: SocketAddr,
    /// Bounds how long the upstream may keep it waiting.
    pub(super) timer: Timer,
    /// What spans say of it, once one did.
    described: OnceCell<Box<Attributes>>,
}

impl<W> Line<W> {
    /// A connection that was just opened to `peer`.
    pub(super) fn new(wire: W, peer: SocketAddr) -> Self {
        Self { wire, peer, timer: Timer::default(), described: OnceCell::new() }
    }

    /// What spans say of it.
    pub(super) fn described(&self) -> &Attributes {
        self.described.get_or_init(|| {
            let mut attributes = Box::<Attributes>::default();
            attributes.set("server.port", i64::from(self.peer.port()));
            attributes.set("network.peer.address", self.peer.ip());
            attributes.set("network.peer.port", i64::from(self.peer.port()));
            attributes
        })
    }
}

/// A connection lent out for one exchange. Dropping it closes the connection.
pub struct Lease<W: Wire> {
    /// The connection.
    pub line: Line<W>,
    /// Where it comes from, and may go back to.
    pub home: Rc<dyn Home<W>>,
    /// Whether it carried a request before.
    pub age: Age,
}

impl<W: Wire> Lease<W> {
    /// Gives the connection back, to be used again.
    pub fn put_back(self) {
        let Self { mut line, home, .. } = self;
        line.timer.rest();
        home.take_back(line);
    }
}

impl<W: Wire> std::fmt::Debug for Lease<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("peer", &self.line.peer).field("age", &self.age).finish_non_exhaustive()
    }
}

/// What takes connections back.
pub trait Home<W> {
    /// Keeps `line` for a later request, or closes it.
    fn take_back(&self, line: Line<W>);
}

/// Whether a connection carried a request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It was opened for this request.
    Fresh,
    /// It was idle in the pool, and the upstream may have closed it unseen.
    Reused,
}
