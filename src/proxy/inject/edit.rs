//! A page's body while it is edited: frame in, pieces out, each as soon as it is known. When the document's head has
//! passed, frames pass untouched.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use super::decode::Decoder;
use crate::{
    body::Body,
    error::BoxError,
    proxy::context::integer,
    rules::html::Scanner,
    trace::{counters::Counters, scope::Span},
};

/// How a page is edited.
pub(super) struct Edit {
    scanner: Scanner,
    decoder: Option<Decoder>,
    // `None` when it has been told what was done.
    span: Option<Span>,
    counters: Arc<Counters>,
}

/// A page that is edited as it is read.
pub(super) struct Edited {
    content: Body,
    edit: Edit,
    ready: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    over: bool,
}

impl Edit {
    pub(super) fn new(scanner: Scanner, decoder: Option<Decoder>, span: Span, counters: Arc<Counters>) -> Self {
        Self { scanner, decoder, span: Some(span), counters }
    }

    pub(super) fn of(self, content: Body) -> Edited {
        Edited { content, edit: self, ready: VecDeque::new(), trailers: None, over: false }
    }

    /// Ends the span as soon as nothing more will be edited.
    fn tell(&mut self) {
        let Some(mut span) = self.span.take_if(|_| self.scanner.is_done()) else { return };
        let report = self.scanner.report();
        match report.place {
            Some(place) => {
                self.counters.pages_injected.one();
                span.set("waylight.inject.result", || "injected");
                span.set("waylight.inject.place", || place.name());
                span.set("waylight.inject.offset", || integer(report.offset));
                span.set("waylight.inject.bytes", || integer(report.written_bytes as u64));
            }
            None if report.kept > 0 => span.set("waylight.inject.result", || "kept"),
            None => {
                self.counters.pages_not_injected.one();
                span.set("waylight.inject.result", || "not_injected");
                span.set("waylight.inject.reason", || "no_place");
            }
        }
        if report.kept > 0 {
            span.set("waylight.inject.kept", || i64::from(report.kept));
        }
        if report.removed > 0 {
            span.set("waylight.inject.removed", || i64::from(report.removed));
        }
    }
}

impl Edited {
    /// Edits the next piece of what has come already.
    fn decode(&mut self) -> Result<bool, BoxError> {
        let Some(decoder) = &mut self.edit.decoder else { return Ok(false) };
        let Some(piece) = decoder.take()? else { return Ok(false) };
        self.push(piece);
        Ok(true)
    }

    fn push(&mut self, piece: Bytes) {
        self.edit.scanner.push(piece, &mut self.ready);
        self.edit.tell();
    }

    /// There is nothing more to read now. True: something need not wait for it.
    fn pause(&mut self) -> bool {
        self.edit.scanner.pause(&mut self.ready);
        !self.ready.is_empty()
    }

    fn take(&mut self, frame: Frame<Bytes>) {
        match (frame.into_data(), &mut self.edit.decoder) {
            (Ok(data), Some(decoder)) => decoder.put(data),
            (Ok(data), None) => self.push(data),
            (Err(frame), _) => self.trailers = frame.into_trailers().ok(),
        }
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.over = true;
        self.edit.decoder.as_ref().map_or(Ok(()), Decoder::finish)?;
        self.edit.scanner.finish(&mut self.ready);
        self.edit.tell();
        Ok(())
    }
}

impl http_body::Body for Edited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.over {
                return Poll::Ready(this.trailers.take().map(Frame::trailers).map(Ok));
            }
            if this.decode()? {
                continue;
            }
            let polled = Pin::new(&mut this.content).poll_frame(cx)?;
            if polled.is_pending() && this.pause() {
                continue;
            }
            match ready!(polled) {
                Some(frame) => {
                    this.take(frame);
                    if this.trailers.is_some() {
                        this.finish()?;
                    }
                }
                None => this.finish()?,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.ready.is_empty() && self.trailers.is_none()
    }
}
