//! A page's body while it is edited: frame in, pieces out, each as soon as it is known. When the document's head has
//! passed, frames pass untouched.

use std::{
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};

use crate::{
    body::Body,
    error::{BoxError, ErrorType, ProxyError},
    proxy::{
        context::{Context, integer},
        decode::Decoder,
    },
    rules::html::Scanner,
    trace::scope::Span,
};

/// How a page is edited.
pub(super) struct Edit {
    scanner: Scanner,
    // `None` when it has been told what was done.
    span: Option<Span>,
    cx: Rc<Context>,
}

/// A page that is edited as it is read.
pub(super) struct Edited {
    content: Body,
    decoder: Option<Decoder>,
    edit: Edit,
    ready: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    over: bool,
    failure: Option<Failure>,
}

/// Why a page ends early.
enum Failure {
    /// What came before is still to be written to the client.
    Behind(BoxError),
    /// It was.
    Due(BoxError),
}

impl Edit {
    pub(super) fn new(scanner: Scanner, span: Span, cx: Rc<Context>) -> Self {
        Self { scanner, span: Some(span), cx }
    }

    /// Edits `content`; where it is compressed, `decoded` is its first piece, and what decodes the rest.
    pub(super) fn of(self, content: Body, decoded: Option<(Decoder, Bytes)>) -> Edited {
        let (decoder, piece) = decoded.unzip();
        let ready = VecDeque::new();
        let mut edited = Edited { content, decoder, edit: self, ready, trailers: None, over: false, failure: None };
        if let Some(piece) = piece {
            edited.push(piece);
        }
        edited
    }

    /// Ends the span as soon as nothing more will be edited.
    fn tell(&mut self) {
        let Some(mut span) = self.span.take_if(|_| self.scanner.is_done()) else { return };
        let report = self.scanner.report();
        match report.place {
            Some(place) => {
                self.cx.counters.pages_injected.one();
                span.set("waylight.inject.result", || "injected");
                span.set("waylight.inject.place", || place.name());
                span.set("waylight.inject.offset", || integer(report.offset));
                span.set("waylight.inject.bytes", || integer(report.written_bytes as u64));
            }
            None if report.kept > 0 => span.set("waylight.inject.result", || "kept"),
            None => {
                self.cx.counters.pages_not_injected.one();
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

    /// The error of a page whose coding is broken within.
    fn undecodable(&mut self, cause: BoxError) -> BoxError {
        let kind = ErrorType::HttpResponseContentCoding;
        self.cx.error.set(Some(kind));
        let error = ProxyError::upstream(kind).with_detail("the page cannot be decoded").with_source(cause);
        if let Some(span) = &mut self.span {
            span.fail(kind.token(), || error.to_string());
        }
        error.into()
    }
}

impl Edited {
    /// Edits the next piece of what has come already.
    fn decode(&mut self) -> Result<bool, BoxError> {
        let Some(decoder) = &mut self.decoder else { return Ok(false) };
        let Some(piece) = decoder.take().map_err(|error| self.edit.undecodable(error))? else { return Ok(false) };
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
        match (frame.into_data(), &mut self.decoder) {
            (Ok(data), Some(decoder)) => decoder.put(data),
            (Ok(data), None) => self.push(data),
            (Err(frame), _) => self.trailers = frame.into_trailers().ok(),
        }
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        if let Some(decoder) = &self.decoder {
            decoder.finish().map_err(|error| self.edit.undecodable(error))?;
        }
        self.over = true;
        self.edit.scanner.finish(&mut self.ready);
        self.edit.tell();
        Ok(())
    }

    /// The page ends early: what was kept back goes on before that is told.
    fn fail(&mut self, error: BoxError) {
        self.over = true;
        self.trailers = None;
        self.failure = Some(Failure::Behind(error));
        self.edit.scanner.finish(&mut self.ready);
        self.edit.tell();
    }

    /// Reads on; `Pending` when there is nothing to read.
    fn poll_more(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        if self.decode()? {
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.content).poll_frame(cx)?;
        if polled.is_pending() && self.pause() {
            return Poll::Ready(Ok(()));
        }
        match ready!(polled) {
            Some(frame) => {
                self.take(frame);
                // The end goes out with the last piece where it is known by then, and not behind it.
                let is_over = self.trailers.is_some() || self.decoder.is_none() && self.content.is_end_stream();
                Poll::Ready(if is_over { self.finish() } else { Ok(()) })
            }
            None => Poll::Ready(self.finish()),
        }
    }

    fn poll_failure(&mut self, cx: &TaskContext<'_>) -> Poll<Option<BoxError>> {
        match self.failure.take() {
            None => Poll::Ready(None),
            Some(Failure::Behind(error)) => {
                // HTTP/2 writes what it has only when there is nothing more to take, and never once a body failed.
                self.failure = Some(Failure::Due(error));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Failure::Due(error)) => Poll::Ready(Some(error)),
        }
    }
}

impl http_body::Body for Edited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if let Some(error) = ready!(this.poll_failure(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
            if this.over {
                return Poll::Ready(this.trailers.take().map(Frame::trailers).map(Ok));
            }
            if let Err(error) = ready!(this.poll_more(cx)) {
                this.fail(error);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.ready.is_empty() && self.trailers.is_none() && self.failure.is_none()
    }
}
