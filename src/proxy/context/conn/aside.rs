//! What is said beside a request and its response, over HTTP/1.1, where a connection has one request at a time: responses
//! before the final one, and the offer to change protocols. HTTP/2 says nothing here.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use http::Response;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

/// Both ends of it are on the connection's thread.
#[derive(Default)]
pub struct Aside {
    /// Whether the client takes responses before the final one.
    is_open: Cell<bool>,
    interim: RefCell<Vec<Response<()>>>,
    offer: RefCell<Option<Offer>>,
}

/// A client's octets after a change of protocols.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// Becomes the client's octets once a response has changed the protocol.
pub type Offer = oneshot::Receiver<Box<dyn Duplex>>;

impl Aside {
    /// A request begins whose client takes responses before the final one.
    pub fn open(&self) {
        self.is_open.set(true);
    }

    /// The request's client wishes to change protocols.
    pub fn offer(&self, offer: Offer) {
        *self.offer.borrow_mut() = Some(offer);
    }

    /// The request is answered, or given up.
    pub fn close(&self) {
        self.is_open.set(false);
        self.interim.borrow_mut().clear();
        self.offer.take();
    }

    /// Has the client told what the upstream says before its final response; how often it may is bounded where its
    /// responses are read.
    pub fn tell(&self, interim: Response<()>) {
        if self.is_open.get() {
            self.interim.borrow_mut().push(interim);
        }
    }

    /// What the client is to be told.
    pub fn told(&self) -> Vec<Response<()>> {
        self.interim.take()
    }

    /// Accepts the client's wish to change protocols.
    pub fn accept(&self) -> Option<Offer> {
        self.offer.take()
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}
