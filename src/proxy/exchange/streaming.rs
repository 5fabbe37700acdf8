//! A response's body on its way to the client: bounded silence, errors with their right names, and the connection
//! given back when, and only when, everything was said.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant as TokioInstant, Sleep, sleep};

use super::{failure, sending::Sending};
use crate::{
    body::Body,
    clock::{self, Instant},
    error::{BoxError, ErrorType, ProxyError},
    proxy::{
        context::Context,
        wire::{Lease, Wire},
    },
};

/// What is needed to let a body stream.
pub(super) struct Streaming<W: Wire> {
    lease: Option<Lease<W>>,
    sending: Sending,
    timeout_idle: Duration,
    cx: Rc<Context>,
}

impl<W: Wire> Streaming<W> {
    /// A body after which the connection `lease`, if it can be used again, goes back.
    pub(super) fn new(lease: Option<Lease<W>>, sending: Sending, timeout_idle: Duration, cx: &Rc<Context>) -> Self {
        Self { lease, sending, timeout_idle, cx: Rc::clone(cx) }
    }

    /// Lets `incoming` stream.
    pub(super) fn body(mut self, incoming: Incoming) -> Body {
        if incoming.is_end_stream() {
            self.complete();
            return Body::empty();
        }
        Body::boxed(Streamed { incoming, streaming: self, silent_since: None, alarm: None })
    }

    fn complete(&mut self) {
        // The rest of a request that was answered early would be taken for the next one.
        if let Some(lease) = self.lease.take()
            && self.sending.is_done()
        {
            lease.put_back();
        }
    }

    fn fail(&mut self, error: ProxyError) -> BoxError {
        self.lease = None;
        self.cx.error.set(Some(error.kind));
        Box::new(error)
    }
}

struct Streamed<W: Wire> {
    incoming: Incoming,
    streaming: Streaming<W>,
    /// Since when the upstream, and not the client, is waited for.
    silent_since: Option<Instant>,
    /// Made when first needed, and only armed again when it goes off.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<W: Wire> Streamed<W> {
    fn poll_alarm(&mut self, cx: &mut TaskContext<'_>) -> Poll<BoxError> {
        let bound = self.streaming.timeout_idle;
        let now = clock::now();
        let since = *self.silent_since.get_or_insert(now);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(bound)));
        while alarm.as_mut().poll(cx).is_ready() {
            let left = bound.saturating_sub(now.since(since));
            if left.is_zero() {
                let error = ProxyError::upstream(ErrorType::ConnectionReadTimeout)
                    .with_detail(format!("the upstream was silent for {bound:?} within its response"));
                return Poll::Ready(self.streaming.fail(error));
            }
            alarm.as_mut().reset(TokioInstant::now() + left);
        }
        Poll::Pending
    }
}

impl<W: Wire> http_body::Body for Streamed<W> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Pending => return this.poll_alarm(cx).map(|error| Some(Err(error))),
            Poll::Ready(polled) => polled,
        };
        this.silent_since = None;
        Poll::Ready(match polled {
            Some(Ok(frame)) => {
                if this.incoming.is_end_stream() {
                    this.streaming.complete();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(this.streaming.fail(failure::of_body(error)))),
            None => {
                this.streaming.complete();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

// Nothing in it is pinned in place.
impl<W: Wire> Unpin for Streamed<W> {}
