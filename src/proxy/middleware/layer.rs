//! Any `tower::Layer` as a [`Middleware`], unmodified.
//!
//! A layer wraps a service once, when the chain is built, so what belongs to one request cannot be captured by it; and
//! `http::Extensions` take only what is `Send`, which the rest of a chain is not. So the rest waits in a seat of this
//! thread, the request carries the seat's number through the layer, and behind the layer stands [`Rest`], a service that
//! goes on from that seat. The seat is given up when the request's future is dropped.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    future::poll_fn,
    rc::Rc,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use tower::{Layer, Service};

use super::{Middleware, Next, chain::Pipeline};
use crate::{
    body::Body,
    error::{BoxError, ErrorType, ProxyError},
    proxy::context::Context,
    service::{LocalBoxFuture, Outcome, Request, Response},
};

/// Idle copies of a layer's service that are kept.
const IDLE_MAX: usize = 64;

/// A `tower::Layer` as a middleware.
pub struct FromLayer<V> {
    name: &'static str,
    prototype: V,
    // A service that is being made ready belongs to one request alone, so that none is woken for another.
    idle: RefCell<Vec<V>>,
}

impl<V> FromLayer<V> {
    /// Wraps the rest of the chain in `layer`; `name` is what its span is called.
    pub fn new<L: Layer<Rest, Service = V>>(name: &'static str, layer: &L) -> Self {
        Self { name, prototype: layer.layer(Rest(())), idle: RefCell::default() }
    }
}

impl<V, B> Middleware for FromLayer<V>
where
    V: Service<http::Request<Body>, Response = http::Response<B>> + Clone + 'static,
    V::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn handle(&self, mut request: Request, next: Next<'_>) -> Outcome {
        let (pipeline, at) = next.rest();
        let seat = Seat::take(Waiting { pipeline, at, cx: Rc::clone(next.cx()) });
        request.extensions_mut().insert(seat.number());
        let idle = self.idle.borrow_mut().pop();
        let mut service = idle.unwrap_or_else(|| self.prototype.clone());
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(proxy_error)?;
        let answer = service.call(*request);
        if self.idle.borrow().len() < IDLE_MAX {
            self.idle.borrow_mut().push(service);
        }
        let response = answer.await.map_err(proxy_error)?;
        drop(seat);
        Ok(response.map(body).into())
    }
}

/// The rest of a chain, as the service that a layer wraps.
#[derive(Clone, Copy, Debug)]
pub struct Rest(());

impl Service<http::Request<Body>> for Rest {
    type Response = http::Response<Body>;
    type Error = ProxyError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ProxyError>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), ProxyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let waiting = request.extensions_mut().remove::<SeatNumber>().and_then(Seat::look);
        Box::pin(async move {
            // A layer that makes a request of its own, or keeps one beyond its answer, has lost its place.
            let Some(Waiting { pipeline, at, cx }) = waiting else {
                return Err(ProxyError::proxy(ErrorType::ProxyInternalError)
                    .with_detail("a layer passed on a request that it was not given"));
            };
            Pipeline::run(&pipeline, at, Box::new(request), &cx).await.map(Response::unboxed)
        })
    }
}

/// What waits in a seat.
#[derive(Clone)]
struct Waiting {
    pipeline: Rc<Pipeline>,
    at: usize,
    cx: Rc<Context>,
}

/// A seat that is taken; dropping it gives it up.
struct Seat(SeatNumber);

/// Which seat, and the how many-th taker of it: a number is never valid twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SeatNumber {
    place: usize,
    turn: u64,
}

#[derive(Default)]
struct Seats {
    // As many as requests were ever inside layers at once, which admission bounds.
    places: Vec<(u64, Option<Waiting>)>,
    free: Vec<usize>,
}

thread_local! {
    static SEATS: RefCell<Seats> = RefCell::default();
}

impl Seat {
    fn take(waiting: Waiting) -> Self {
        SEATS.with_borrow_mut(|seats| {
            let place = seats.free.pop().unwrap_or_else(|| {
                seats.places.push((0, None));
                seats.places.len() - 1
            });
            let (turn, taken) = &mut seats.places[place];
            *turn += 1;
            *taken = Some(waiting);
            Self(SeatNumber { place, turn: *turn })
        })
    }

    fn number(&self) -> SeatNumber {
        self.0
    }

    fn look(number: SeatNumber) -> Option<Waiting> {
        SEATS.with_borrow(|seats| {
            let (turn, waiting) = seats.places.get(number.place)?;
            waiting.clone().filter(|_| *turn == number.turn)
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Dropped outside the borrow: a context's end may run code that comes here again.
        let waiting = SEATS.try_with(|seats| {
            let seats = &mut *seats.borrow_mut();
            seats.free.push(self.0.place);
            seats.places[self.0.place].1.take()
        });
        drop(waiting);
    }
}

/// The error that the rest of the chain gave, or the layer's own.
fn proxy_error(error: impl Into<BoxError>) -> ProxyError {
    match error.into().downcast::<ProxyError>() {
        Ok(error) => *error,
        Err(error) => ProxyError::proxy(ErrorType::ProxyInternalError).with_source(error),
    }
}

/// A layer that leaves the type of the body alone leaves the body alone: it is not boxed then.
fn body<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let mut body = Some(body);
    if let Some(same) = (&mut body as &mut dyn Any).downcast_mut::<Option<Body>>() {
        return same.take().unwrap_or_default();
    }
    body.map_or_else(Body::empty, Body::boxed)
}

impl<V> fmt::Debug for FromLayer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromLayer").field("name", &self.name).finish_non_exhaustive()
    }
}
