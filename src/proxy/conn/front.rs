//! The connection's side of [`Serve`]: numbers requests, hands refusals over, and knows how many are in progress.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::{
    Settings,
    link::{Answer, Link},
};
use crate::{
    body::Body,
    clock::{self, Instant},
    error::BoxError,
    proxy::{context::Conn, handler::Serve},
    trace::counters::Counters,
};

/// What both protocols share of one connection.
pub(super) struct Front<S> {
    pub(super) conn: Rc<Conn>,
    pub(super) link: Arc<Link>,
    pub(super) load: Rc<Load>,
    pub(super) settings: Rc<Settings>,
    pub(super) counters: Arc<Counters>,
    serve: S,
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
    pub(super) fn new(
        conn: Rc<Conn>,
        serve: S,
        link: Arc<Link>,
        settings: Rc<Settings>,
        counters: Arc<Counters>,
    ) -> Self {
        let load = Rc::new(Load { requests: Cell::new(0), idle_since: Cell::new(conn.accepted) });
        Self { conn, link, load, settings, counters, serve }
    }

    /// What hyper calls with each request.
    pub(super) fn service(
        &self,
    ) -> impl hyper::service::Service<
        http::Request<Incoming>,
        Response = http::Response<Counted>,
        Error = Infallible,
        Future: 'static,
    > + use<S> {
        let (conn, link, load, serve) =
            (Rc::clone(&self.conn), Arc::clone(&self.link), Rc::clone(&self.load), self.serve.clone());
        let counters = Arc::clone(&self.counters);
        hyper::service::service_fn(move |request| {
            let (conn, link, serve) = (Rc::clone(&conn), Arc::clone(&link), serve.clone());
            let counters = Arc::clone(&counters);
            let busy = Busy::new(Rc::clone(&load));
            async move {
                // Here, since the streams of HTTP/2 are called one after another, but begin in any order.
                let number = conn.requests.get() + 1;
                conn.requests.set(number);
                let mut answer = pin!(serve.serve(&conn, request));
                let response = poll_fn(|cx| {
                    // Before each step: a body may turn out to be malformed while it is read.
                    learn(&conn, &link, &counters);
                    answer.as_mut().poll(cx)
                })
                .await;
                let changed = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                link.answer(number, if changed { Answer::Changed } else { Answer::Stays });
                Ok(response.map(|body| Counted { body, _busy: busy }))
            }
        })
    }
}

/// Hands over why a request is refused.
fn learn(conn: &Conn, link: &Link, counters: &Counters) {
    let Some(refusal) = link.refusal() else { return };
    if conn.refusal.replace(Some(refusal)).is_none() && link.is_body_refused() && refusal.status != 408 {
        counters.requests_ambiguous.one(); // heads are counted where they are answered
    }
}

/// A request in progress.
#[derive(Debug)]
struct Busy(Rc<Load>);

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

/// A response's body; its request is in progress until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    body: Body,
    _busy: Busy,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
