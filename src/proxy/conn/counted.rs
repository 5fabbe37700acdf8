//! A response's body over HTTP/2: its request is in progress until it is dropped; and a client that keeps its stream
//! open and takes nothing of it is given up. There the connection itself may stay alive, so only that nobody asks for
//! more tells of such a client; it is given little at a time, so that a slow one asks in time. Over HTTP/1.1 the
//! connection sees to it.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::{Rc, Weak},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::task::{AbortHandle, spawn_local};

use super::{Holding, front::Busy};
use crate::{
    body::Body,
    clock::{self, Instant},
    error::BoxError,
    trace::counters::Counters,
};

/// As much as a frame of HTTP/2 holds if its taker wishes no other size (RFC 9113 section 6.5.2). What goes on comes in
/// pieces of this size: of many streams that share a slow line each is written one such frame in turn.
const PIECE_BYTES: usize = 16 * 1024;

/// The body.
pub(super) struct Counted {
    inner: Inner,
    patience: Patience,
}

/// How long a client may take nothing, and where it is counted that it did.
#[derive(Clone)]
pub(super) struct Patience {
    pub(super) settings: Holding,
    pub(super) counters: Arc<Counters>,
}

enum Inner {
    /// As long as it may be taken at once, which most bodies are.
    Own(Held),
    /// It goes on after its first part: somebody looks after it. Nothing is in it once the client was given up.
    Watched { shared: Rc<RefCell<Option<Held>>>, _watcher: Watcher },
    /// Only while one becomes the other.
    Neither,
}

/// Who looks after a body. Nobody does when that is gone: else each body would be remembered as long as a client may take
/// nothing.
struct Watcher(AbortHandle);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Held {
    body: Body,
    /// What is left of its last frame.
    rest: Bytes,
    _busy: Busy,
    /// Since when the client has to take what it was given.
    offered: Option<Instant>,
}

impl Counted {
    /// The body of a request that is `busy`.
    pub(super) fn new(body: Body, busy: Busy, patience: Patience) -> Self {
        Self { inner: Inner::Own(Held { body, rest: Bytes::new(), _busy: busy, offered: None }), patience }
    }

    /// Lets a task of its own look after the body from now on.
    fn watch(&mut self) {
        match std::mem::replace(&mut self.inner, Inner::Neither) {
            Inner::Own(held) => {
                let shared = Rc::new(RefCell::new(Some(held)));
                let watcher = spawn_local(self.patience.clone().look_after(Rc::downgrade(&shared))).abort_handle();
                self.inner = Inner::Watched { shared, _watcher: Watcher(watcher) };
            }
            other => self.inner = other,
        }
    }
}

impl Patience {
    /// Drops what a client does not take in time. What is left of its stream ends with its connection.
    async fn look_after(self, held: Weak<RefCell<Option<Held>>>) {
        loop {
            let patience = self.settings.now().timeouts.write;
            let Some(shared) = held.upgrade() else { return };
            let Some(offered) = shared.borrow().as_ref().map(|held| held.offered) else { return };
            let left = patience.saturating_sub(offered.map_or_else(Default::default, |at| clock::now().since(at)));
            if left.is_zero() {
                self.counters.requests_timed_out.one();
                // Dropped outside the borrow: its end may run code that comes here again.
                let given_up = shared.borrow_mut().take();
                drop(given_up);
                return;
            }
            drop(shared);
            tokio::time::sleep(left).await;
        }
    }
}

impl Held {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.offered = None;
        let frame = if self.rest.is_empty() {
            ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map(|frame| self.begun(frame)))
        } else {
            Some(Ok(Frame::data(self.piece())))
        };
        if matches!(frame, Some(Ok(_))) && !self.is_end_stream() {
            self.offered = Some(clock::now());
        }
        Poll::Ready(frame)
    }

    /// The frame, or its first piece. The last one may be as long as it is: nobody waits for more then.
    fn begun(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        if self.body.is_end_stream() {
            return frame;
        }
        match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                Frame::data(self.piece())
            }
            Err(frame) => frame,
        }
    }

    fn piece(&mut self) -> Bytes {
        self.rest.split_to(self.rest.len().min(PIECE_BYTES))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (of_body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(rest));
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let goes_on = match &mut self.inner {
            Inner::Own(held) => {
                let polled = held.poll_frame(cx);
                if held.offered.is_none() {
                    return polled;
                }
                polled
            }
            Inner::Watched { shared, .. } => {
                return match &mut *shared.borrow_mut() {
                    Some(held) => held.poll_frame(cx),
                    None => Poll::Ready(Some(Err("the client took nothing for too long".into()))),
                };
            }
            Inner::Neither => return Poll::Ready(None),
        };
        self.watch();
        goes_on
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Own(held) => held.is_end_stream(),
            Inner::Watched { shared, .. } => shared.borrow().as_ref().is_some_and(Held::is_end_stream),
            Inner::Neither => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Own(held) => held.size_hint(),
            Inner::Watched { shared, .. } => shared.borrow().as_ref().map_or_else(SizeHint::default, Held::size_hint),
            Inner::Neither => SizeHint::with_exact(0),
        }
    }
}
