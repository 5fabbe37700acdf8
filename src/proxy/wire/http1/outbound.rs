//! A request as it goes out: its head, then its body, RFC 9112 sections 3, 6 and 7.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::header;
use http_body::{Body as _, Frame};

use super::super::{
    Io, WireError,
    outgoing::{self, Outgoing},
};
use crate::{
    body::{Body, More},
    service::Request,
};

/// How much of a request has gone.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    octets: Outgoing,
    rest: Rest,
}

/// What is to follow what is at hand.
#[derive(Debug, Default)]
enum Rest {
    /// Nothing.
    #[default]
    Nothing,
    /// A body of so many octets.
    Length(Body, u64),
    /// A body in chunks.
    Chunks(Body),
}

impl Outbound {
    /// Takes up a request with this body, and with the fields that `told` writes.
    pub(super) fn begin(&mut self, request: &Request, told: impl FnOnce(&mut Vec<u8>), body: Option<Body>) {
        self.octets.begin();
        let own = self.octets.own();
        let headers = request.headers();
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        for part in [request.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
            own.extend_from_slice(part.as_bytes());
        }
        let mut said = None;
        for (name, value) in headers {
            if *name == header::CONTENT_LENGTH {
                said = said.or_else(|| outgoing::number(value));
            }
            outgoing::field(own, name.as_str(), value.as_bytes());
        }
        told(own);
        self.rest = match (body, said) {
            (None, None | Some(0)) => Rest::Nothing,
            // Without a body this fails before anything is sent: what follows would be taken for it.
            (body, Some(length)) => Rest::Length(body.unwrap_or_default(), length),
            (Some(body), None) => match body.size_hint().exact() {
                Some(length) => {
                    outgoing::content_length(own, length);
                    Rest::Length(body, length)
                }
                None => {
                    own.extend_from_slice(b"transfer-encoding: chunked\r\n");
                    Rest::Chunks(body)
                }
            },
        };
        own.extend_from_slice(b"\r\n");
    }

    /// Whether everything has gone.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.rest, Rest::Nothing) && self.octets.has_gone()
    }

    /// Octets written, of the request begun last.
    pub(super) fn written(&self) -> u64 {
        self.octets.written()
    }

    /// Writes what can be written. Ready when everything has gone, or nothing more will.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<Result<(), WireError>> {
        loop {
            // What is at hand of a body goes together with what stands before it.
            while self.octets.has_room() && !matches!(self.rest, Rest::Nothing) {
                match self.poll_body(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        self.rest = Rest::Nothing;
                        return Poll::Ready(Err(error));
                    }
                    Poll::Pending => break,
                }
            }
            let waits = self.octets.has_room() && !matches!(self.rest, Rest::Nothing);
            if let Err(error) = ready!(self.octets.poll(cx, io)) {
                self.rest = Rest::Nothing;
                return Poll::Ready(Err(WireError::Io(error)));
            }
            if self.is_over() {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
        }
    }

    /// Takes more of the body, if it has more now.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let body = match &mut self.rest {
            Rest::Nothing => return Poll::Ready(Ok(())),
            Rest::Length(body, _) | Rest::Chunks(body) => body,
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx)).transpose().map_err(WireError::Body)?;
        let more = if frame.is_none() || body.is_end_stream() { More::No } else { More::Yes };
        match &mut self.rest {
            Rest::Nothing => {}
            Rest::Length(_, left) => {
                let data = frame.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
                match left.checked_sub(data.len() as u64) {
                    Some(0) => self.rest = Rest::Nothing,
                    Some(fewer) if more == More::Yes => *left = fewer,
                    _ => return Poll::Ready(Err(WireError::Body("the body is not as long as its head says".into()))),
                }
                self.octets.data(data);
            }
            Rest::Chunks(_) => {
                if let Some(trailers) = frame.as_ref().and_then(Frame::trailers_ref) {
                    self.octets.trailers(trailers);
                    self.rest = Rest::Nothing;
                    return Poll::Ready(Ok(()));
                }
                self.octets.chunk(frame.and_then(|frame| frame.into_data().ok()).unwrap_or_default(), more);
                if more == More::No {
                    self.rest = Rest::Nothing;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
