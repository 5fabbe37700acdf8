//! A request's body as its connection reads it: part by part, each when it is asked for. So a client is read no faster
//! than its request is taken, and what was read is handed on, not copied.
//!
//! Both ends stay on one thread. Most often both are polled by one task; only where they are not does one wake the other.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::error::BoxError;

/// The end that is read.
#[derive(Debug)]
pub struct Fed(Rc<RefCell<Shared>>);

/// The end that feeds. Dropped before the body's end, it makes the body fail: the client went away.
#[derive(Debug)]
pub struct Feeder(Rc<RefCell<Shared>>);

#[derive(Debug)]
struct Shared {
    next: Option<Result<Frame<Bytes>, BoxError>>,
    /// Octets that are not taken yet, where that is known.
    left: Option<u64>,
    state: State,
    reader: Option<Waker>,
    feeder: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody waits for more.
    Calm,
    /// More is asked for.
    Hungry,
    /// All of it was fed.
    Over,
    /// Nobody reads it any more.
    Gone,
}

/// Whether more follows what is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// More follows.
    Yes,
    /// It was the last.
    No,
}

/// A body of `length` octets, where that is known.
pub fn fed(length: Option<u64>) -> (Feeder, Fed) {
    let shared = Shared { next: None, left: length, state: State::Calm, reader: None, feeder: None };
    let shared = Rc::new(RefCell::new(shared));
    (Feeder(Rc::clone(&shared)), Fed(shared))
}

impl Feeder {
    /// Whether more is asked for. If it is not, the task of `cx` is woken when it is.
    pub fn is_asked(&self, cx: &Context<'_>) -> bool {
        let mut shared = self.0.borrow_mut();
        if shared.state != State::Hungry && !shared.feeder.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            shared.feeder = Some(cx.waker().clone());
        }
        shared.state == State::Hungry
    }

    /// Whether nobody reads the body any more.
    pub fn is_gone(&self) -> bool {
        self.0.borrow().state == State::Gone
    }

    /// Hands on the next part, which was asked for; `cx` is that of the task that feeds.
    pub fn feed(&self, frame: Frame<Bytes>, more: More, cx: &Context<'_>) {
        self.hand(Some(Ok(frame)), more, cx);
    }

    /// All of it was fed.
    pub fn end(&self, cx: &Context<'_>) {
        self.hand(None, More::No, cx);
    }

    /// The body ends in an error.
    pub fn fail(&self, error: BoxError, cx: &Context<'_>) {
        self.hand(Some(Err(error)), More::No, cx);
    }

    fn hand(&self, next: Option<Result<Frame<Bytes>, BoxError>>, more: More, cx: &Context<'_>) {
        let mut shared = self.0.borrow_mut();
        if matches!(shared.state, State::Gone | State::Over) {
            return;
        }
        if next.is_some() {
            shared.next = next;
        }
        shared.state = if more == More::Yes { State::Calm } else { State::Over };
        // Whoever feeds polls what reads on the same task.
        if let Some(reader) = shared.reader.take_if(|reader| !reader.will_wake(cx.waker())) {
            reader.wake();
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        if matches!(shared.state, State::Gone | State::Over) {
            return;
        }
        shared.state = State::Over;
        shared.next = Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
        if let Some(reader) = shared.reader.take() {
            reader.wake();
        }
    }
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let shared = &mut *self.0.borrow_mut();
        if let Some(next) = shared.next.take() {
            let octets = next.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
            shared.left = shared.left.map(|left| left.saturating_sub(octets));
            return Poll::Ready(Some(next));
        }
        if shared.state == State::Over {
            return Poll::Ready(None);
        }
        shared.state = State::Hungry;
        if !shared.reader.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            shared.reader = Some(cx.waker().clone());
        }
        if let Some(feeder) = shared.feeder.take_if(|feeder| !feeder.will_wake(cx.waker())) {
            feeder.wake();
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.0.borrow();
        shared.state == State::Over && shared.next.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.borrow().left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        if shared.state != State::Over {
            shared.state = State::Gone;
        }
        shared.next = None;
    }
}
