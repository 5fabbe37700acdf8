//! How a body streams: in how many pieces it came, and who was waited for between them, whoever gives it or whoever takes
//! it. Only for bodies of spans: what nobody traces passes untouched, and what is in memory already is not waited for.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{
    body::Body,
    clock::{self, Instant},
    error::BoxError,
};

/// Who was waited for, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Pieces of data.
    pub(super) pieces: Cell<u64>,
    /// For whoever gives the body.
    pub(super) giver: Cell<u64>,
    /// The longest of these waits.
    pub(super) stall: Cell<u64>,
    /// For whoever takes it, once it was asked for.
    pub(super) taker: Cell<u64>,
}

impl Pace {
    /// Watches how `body` streams, if it does.
    pub(super) fn of(body: Body) -> (Body, Option<Rc<Self>>) {
        if !body.is_streamed() {
            return (body, None);
        }
        let pace = Rc::new(Self::default());
        let paced = Paced { body, pace: Rc::clone(&pace), asked: None, given: None };
        (Body::boxed(paced), Some(pace))
    }
}

struct Paced {
    body: Body,
    pace: Rc<Pace>,
    /// Since when the next piece is asked for.
    asked: Option<Instant>,
    /// When the last one was given.
    given: Option<Instant>,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let since = this.asked.unwrap_or_else(clock::now);
        if let Some(given) = this.given.take() {
            this.pace.taker.set(this.pace.taker.get() + lasted(given, since));
        }
        this.asked = Some(since);
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(piece) = &polled {
            let now = clock::now();
            let waited = lasted(since, now);
            this.pace.giver.set(this.pace.giver.get() + waited);
            this.pace.stall.set(this.pace.stall.get().max(waited));
            this.pace
                .pieces
                .set(this.pace.pieces.get() + u64::from(matches!(piece, Some(Ok(frame)) if frame.is_data())));
            (this.asked, this.given) = (None, Some(now));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn lasted(from: Instant, to: Instant) -> u64 {
    to.nanos().saturating_sub(from.nanos())
}

#[cfg(test)]
mod tests;
