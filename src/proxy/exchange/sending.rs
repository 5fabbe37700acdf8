//! How far a request's body got: what the wait for the first byte is measured from, and whether the connection may be
//! used again after an early answer.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Bounds;
use crate::{
    body::Body,
    clock::{self, Instant},
    error::BoxError,
    proxy::context::Context,
    service::Request,
    trace::phases::Phase,
};

/// How far a request got.
#[derive(Clone, Debug)]
pub(super) enum Sending {
    /// It had no body, and went at this moment.
    Sent(Instant),
    /// Its body is on its way.
    Body(Rc<Progress>),
}

/// How far a request's body got.
#[derive(Debug)]
pub(super) struct Progress {
    state: Cell<State>,
    cx: Rc<Context>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The upstream was offered the next part at this moment, and has to take it.
    Offered(Instant),
    /// The client has to send the next part.
    Waiting,
    /// Everything was taken at this moment.
    Sent(Instant),
}

/// What a wait for the response's head comes to when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Another one: the client's silence is bounded on its own connection.
    More,
    /// The upstream took nothing of the request for too long.
    NotTaken,
    /// The upstream took the request, and did not answer.
    NotAnswered,
}

impl Sending {
    /// Watches the body of `request` go.
    pub(super) fn watch(mut request: Request, cx: &Rc<Context>) -> (Request, Self) {
        let now = clock::now();
        if request.body().is_end_stream() {
            cx.phases.mark(Phase::Sent, now);
            return (request, Self::Sent(now));
        }
        let progress = Rc::new(Progress { state: Cell::new(State::Offered(now)), cx: Rc::clone(cx) });
        let sending = Self::Body(Rc::clone(&progress));
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::boxed(Watched { body, progress });
        (request, sending)
    }

    /// Whether the whole request was sent.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Sent(_) => true,
            Self::Body(progress) => matches!(progress.state.get(), State::Sent(_)),
        }
    }

    /// Until when the response's head is waited for, as things are, and what that comes to.
    pub(super) fn wait(&self, bounds: Bounds) -> (Instant, Wait) {
        let state = match self {
            Self::Sent(at) => State::Sent(*at),
            Self::Body(progress) => progress.state.get(),
        };
        match state {
            State::Waiting => (clock::now().plus(bounds.timeout_idle), Wait::More),
            State::Offered(since) => (since.plus(bounds.timeout_idle), Wait::NotTaken),
            State::Sent(since) => (since.plus(bounds.timeout_first_byte), Wait::NotAnswered),
        }
    }
}

struct Watched {
    body: Body,
    progress: Rc<Progress>,
}

impl Watched {
    /// Whether no data can follow. Over HTTP/2 the last of it and the end may come one after the other; whoever counts the
    /// octets does not ask again.
    fn is_spent(&self) -> bool {
        self.body.is_end_stream() || self.body.size_hint().exact() == Some(0)
    }

    fn look(&self, polled: &Poll<Option<Result<Frame<Bytes>, BoxError>>>) {
        let state = match polled {
            Poll::Pending => State::Waiting,
            Poll::Ready(Some(Err(_))) => return,
            Poll::Ready(Some(Ok(_))) if !self.is_spent() => State::Offered(clock::now()),
            Poll::Ready(_) => {
                let now = clock::now();
                self.progress.cx.phases.mark(Phase::Sent, now);
                State::Sent(now)
            }
        };
        self.progress.state.set(state);
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.look(&polled);
        Poll::Ready(ready!(polled))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
