//! The framing guard: between the socket and hyper's HTTP/1.1, it lets through what can be understood in one way only
//! ([`crate::rules::framing`]).
//!
//! What arrives whole is looked at where hyper reads it, and not copied. A head that arrives in pieces is withheld
//! until it is complete, so what is refused has never reached hyper. In place of a refused request hyper gets a plain
//! one, whose answer the pipeline makes out of the [`Refusal`]; so all requests before it are answered first, and the
//! connection is closed after it. A body that turns out to be malformed ends in an error where it stands.
//!
//! After a change of protocols, and beneath HTTP/2, the guard lets everything through.

mod read;
mod write;

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Place,
    link::{Answer, Link, Part, Waiting},
};
use crate::{
    clock::{self, Instant},
    config::model::Limits,
    error::{ErrorType, ProxyError},
    proxy::context::Refusal,
    rules::framing::{self, Bounds, Fault, Rest, Scanner},
};

/// What hyper gets in place of a refused request.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n";

/// A client that sends more than this while its request to change protocols is unanswered has to wait.
const UNDECIDED_BYTES_MAX: usize = 16 * 1024;

/// After a refusal so much is read and thrown away, so that the answer is not lost to a reset.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// A stream whose requests can be understood in one way only.
#[derive(Debug)]
pub(super) struct Guard<I> {
    io: I,
    link: Arc<Link>,
    scanner: Scanner,
    /// Octets that were read and not handed on.
    held: Vec<u8>,
    /// So many of them may be handed on.
    passed: usize,
    ending: Option<Ending>,
    lingered: usize,
    _place: Option<Place>,
}

/// How a refusal ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The stand-in is answered; nothing is read after it.
    StandIn,
    /// The body that was being read fails.
    Body(Fault),
}

impl<I: AsyncRead + AsyncWrite + Unpin> Guard<I> {
    /// Guards `io`, which was accepted at `accepted`.
    pub(super) fn new(io: I, limits: &Limits, accepted: Instant, place: Option<Place>) -> (Self, Arc<Link>) {
        let link = Arc::new(Link::default());
        // The first head has been awaited since the connection was accepted.
        link.wait(Waiting::Head(accepted));
        let scanner = Scanner::new(Bounds {
            head_bytes_max: limits.header_bytes_max,
            fields_max: limits.headers_max,
            target_bytes_max: limits.uri_bytes_max,
        });
        let (held, passed) = (Vec::new(), 0);
        let guard =
            Self { io, link: Arc::clone(&link), scanner, held, passed, ending: None, lingered: 0, _place: place };
        (guard, link)
    }

    /// What was read and not handed on.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Reads a little, to be held; zero octets mean the end.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut octets = [0; 1024];
        let mut buf = ReadBuf::new(&mut octets);
        std::task::ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        self.held.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Takes back what hyper has read and not understood.
    pub(super) fn take_back(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.held.splice(..0, octets.iter().copied());
            self.passed += octets.len();
        }
    }

    /// Lets everything through from now on.
    pub(super) fn open(&mut self) {
        self.scanner.open();
        self.link.wait(Waiting::Nothing);
        self.passed = self.held.len();
    }

    /// Says goodbye, as far as that can be done without waiting.
    pub(super) async fn close(mut self) {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut self.io).poll_shutdown(cx).is_ready())).await;
    }

    /// Looks at what is held and not passed.
    pub(super) fn rescan(&mut self) {
        let scan = self.scanner.scan(&self.held[self.passed..]);
        self.passed += scan.passed;
        self.note(scan.rest);
    }

    /// What the client makes us wait for, after a scan that left `rest`.
    fn note(&mut self, rest: Rest) {
        match rest {
            Rest::Refused(fault) => self.refuse(fault),
            Rest::Undecided => {
                self.link.wait(Waiting::Nothing);
                self.link.ask(self.scanner.heads());
            }
            Rest::Partial => {
                let partial = self.held.len() > self.passed && self.scanner.place() == framing::Place::Head;
                match self.link.waiting() {
                    Waiting::Head(_) if partial => {}
                    _ if partial => self.link.wait(Waiting::Head(clock::now())),
                    Waiting::Nothing => {}
                    _ => self.link.wait(Waiting::Nothing),
                }
            }
        }
    }

    fn refuse(&mut self, fault: Fault) {
        if self.ending.is_some() {
            return;
        }
        self.held.truncate(self.passed);
        self.link.wait(Waiting::Nothing);
        let part = if self.scanner.in_body() { Part::Body } else { Part::Head };
        let request = self.scanner.heads() + u64::from(part == Part::Head);
        self.link.refuse(Refusal { request, status: fault.status.as_u16(), reason: fault.reason }, part);
        if part == Part::Body {
            self.ending = Some(Ending::Body(fault));
        } else {
            self.ending = Some(Ending::StandIn);
            self.held.extend_from_slice(STAND_IN);
            self.passed = self.held.len();
        }
    }

    /// What was awaited has taken too long.
    pub(super) fn expire(&mut self) {
        let reason = if self.scanner.in_body() {
            "the client sent nothing more of the body"
        } else {
            "the client did not complete the head"
        };
        let fault = Fault { status: StatusCode::REQUEST_TIMEOUT, reason };
        self.scanner.refuse(fault);
        self.refuse(fault);
    }

    /// Applies the answer to a request to change protocols, if there is one.
    fn decide(&mut self, cx: Option<&Context<'_>>) -> bool {
        let Some(answer) = self.link.answered(cx.map(Context::waker)) else { return false };
        match answer {
            Answer::Changed => self.open(),
            Answer::Stays => {
                self.scanner.decline();
                self.rescan();
            }
        }
        true
    }
}
