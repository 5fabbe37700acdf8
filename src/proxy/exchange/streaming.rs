//! A response's body on its way to the client: bounded silence, errors with their right names, and the connection
//! given back when, and only when, everything was said.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{failure, sending::Sending};
use crate::{
    body::Body,
    clock::{self, Instant},
    error::{BoxError, ErrorType, ProxyError},
    proxy::{
        context::Context,
        wire::{Lease, Wire, WireError},
    },
};

/// What is needed to let a body stream.
pub(super) struct Streaming<'a, W: Wire> {
    /// The connection it comes over.
    pub(super) lease: Lease<W>,
    /// Whether the connection may be used again.
    pub(super) reuse: Reuse,
    /// How far the request got.
    pub(super) sending: Sending,
    /// The most that the upstream may be silent.
    pub(super) timeout_idle: Duration,
    /// The request.
    pub(super) cx: &'a Rc<Context>,
}

/// Whether a connection may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// It may, once everything was said.
    Yes,
    /// It may not.
    No,
}

impl<W: Wire> Streaming<'_, W> {
    /// The response's body. One that is here already needs nobody to wait for it.
    pub(super) fn body(self) -> Body {
        let Self { mut lease, reuse, sending, timeout_idle, cx } = self;
        if let Some(whole) = lease.line.wire.whole_body() {
            give_back(lease, reuse, &sending);
            return Body::full(whole);
        }
        let lease = Some(lease);
        Body::boxed(Streamed {
            lease,
            reuse,
            sending,
            timeout_idle,
            cx: Rc::clone(cx),
            silent_since: None,
            failed: None,
        })
    }
}

/// Gives a connection back, if everything was said on it: the rest of a request that was answered early would be taken
/// for the next one.
fn give_back<W: Wire>(lease: Lease<W>, reuse: Reuse, sending: &Sending) {
    if reuse == Reuse::Yes && sending.is_done() && lease.line.wire.is_reusable() {
        lease.put_back();
    }
}

struct Streamed<W: Wire> {
    /// Until the body's end.
    lease: Option<Lease<W>>,
    reuse: Reuse,
    sending: Sending,
    timeout_idle: Duration,
    cx: Rc<Context>,
    /// Since when the upstream, and not the client, is waited for.
    silent_since: Option<Instant>,
    /// What the body ends in, once what came before it has had time to go out.
    failed: Option<WireError>,
}

impl<W: Wire> Streamed<W> {
    fn poll_alarm(&mut self, cx: &mut TaskContext<'_>) -> Poll<BoxError> {
        let bound = self.timeout_idle;
        let since = *self.silent_since.get_or_insert_with(clock::now);
        let Some(lease) = &mut self.lease else { return Poll::Pending };
        ready!(lease.line.timer.poll_due(cx, since.plus(bound)));
        let error = ProxyError::upstream(ErrorType::ConnectionReadTimeout)
            .with_detail(format!("the upstream was silent for {bound:?} within its response"));
        Poll::Ready(self.fail(error))
    }

    fn fail(&mut self, error: ProxyError) -> BoxError {
        self.lease = None;
        self.cx.error.set(Some(error.kind));
        Box::new(error)
    }

    /// Gives the connection back at the body's end.
    fn complete(&mut self) {
        if let Some(lease) = self.lease.take() {
            give_back(lease, self.reuse, &self.sending);
        }
    }

    fn left(&self) -> Option<u64> {
        self.lease.as_ref().map_or(Some(0), |lease| lease.line.wire.body_left())
    }
}

impl<W: Wire> http_body::Body for Streamed<W> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some(error) = this.failed.take() {
            return Poll::Ready(Some(Err(this.fail(failure::of_body(error)))));
        }
        let Some(lease) = &mut this.lease else { return Poll::Ready(None) };
        let polled = match lease.line.wire.poll_frame(cx) {
            Poll::Pending => return this.poll_alarm(cx).map(|error| Some(Err(error))),
            Poll::Ready(polled) => polled,
        };
        this.silent_since = None;
        Poll::Ready(match polled {
            Some(Ok(frame)) => {
                // Not waiting for the end to be asked for: nobody may ask.
                if this.left() == Some(0) {
                    this.complete();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                // Over HTTP/2 what is not written yet is dropped when a body fails.
                this.failed = Some(error);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => {
                this.complete();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

// Nothing in it is pinned in place.
impl<W: Wire> Unpin for Streamed<W> {}
