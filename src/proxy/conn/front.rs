//! The connection's side of [`Serve`]: numbers requests, and knows how many are in progress.

use std::{cell::Cell, convert::Infallible, rc::Rc, sync::Arc};

use hyper::body::Incoming;

use super::{
    Holding,
    counted::{Counted, Patience},
};
use crate::{
    body::Body,
    clock::{self, Instant},
    proxy::{context::Conn, handler::Serve},
    trace::counters::Counters,
};

/// What both protocols share of one connection.
pub(super) struct Front<S> {
    pub(super) conn: Rc<Conn>,
    pub(super) load: Rc<Load>,
    pub(super) settings: Holding,
    pub(super) counters: Arc<Counters>,
    pub(super) serve: S,
}

/// Requests in progress on one connection.
#[derive(Debug)]
pub(super) struct Load {
    requests: Cell<u32>,
    idle_since: Cell<Instant>,
}

impl Load {
    /// Whether no request is in progress.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.get() == 0
    }

    /// When the last request ended, or the connection was accepted.
    pub(super) fn idle_since(&self) -> Instant {
        self.idle_since.get()
    }
}

impl<S: Serve> Front<S> {
    pub(super) fn new(conn: Rc<Conn>, serve: S, settings: Holding, counters: Arc<Counters>) -> Self {
        let load = Rc::new(Load { requests: Cell::new(0), idle_since: Cell::new(conn.accepted) });
        Self { conn, load, settings, counters, serve }
    }

    /// The number of a request that begins, counted from 1.
    pub(super) fn number(&self) -> u64 {
        number(&self.conn)
    }

    /// Counts a request as in progress.
    pub(super) fn busy(&self) -> Busy {
        Busy::new(Rc::clone(&self.load))
    }

    /// What hyper calls with each request of HTTP/2.
    pub(super) fn service(
        &self,
    ) -> impl hyper::service::Service<
        http::Request<Incoming>,
        Response = http::Response<Counted>,
        Error = Infallible,
        Future: 'static,
    > + use<S> {
        let (conn, load, serve) = (Rc::clone(&self.conn), Rc::clone(&self.load), self.serve.clone());
        let patience = Patience { settings: self.settings.clone(), counters: Arc::clone(&self.counters) };
        hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let (conn, serve) = (Rc::clone(&conn), serve.clone());
            let (busy, patience) = (Busy::new(Rc::clone(&load)), patience.clone());
            async move {
                // Here, since streams are called one after another, but begin in any order.
                number(&conn);
                let response = serve.serve(&conn, Box::new(request.map(Body::from))).await;
                Ok(response.unboxed().map(|body| Counted::new(body, busy, patience)))
            }
        })
    }
}

fn number(conn: &Conn) -> u64 {
    let number = conn.requests.get() + 1;
    conn.requests.set(number);
    number
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct Busy(Rc<Load>);

impl Busy {
    fn new(load: Rc<Load>) -> Self {
        load.requests.set(load.requests.get() + 1);
        Self(load)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Load { requests, idle_since } = &*self.0;
        requests.set(requests.get() - 1);
        if requests.get() == 0 {
            idle_since.set(clock::now());
        }
    }
}
