//! One request and its response: the request is handed on, and its content as that is asked for, until it is answered.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body::Frame;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::Session;
use crate::{
    body::{Body, Feeder, More, fed},
    clock,
    error::{ErrorType, ProxyError},
    proxy::{
        context::{Duplex, Refusal},
        handler::Serve,
    },
    rules::framing::{Fault, Wishes, content::Part, request::Head},
    service::{self, Response},
};

/// What becomes of a connection after a request.
pub(super) enum After {
    /// Another request may come.
    Next,
    /// It is to be closed.
    Close,
    /// It is over: the client has gone, or its response was cut off.
    End,
    /// The client speaks another protocol from now on, with whoever waits for its octets.
    Changed(oneshot::Sender<Box<dyn Duplex>>),
}

/// A request in progress.
pub(super) struct Turn {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) wishes: Wishes,
    number: u64,
    /// Where its content goes, until all of it has gone or is refused.
    pub(super) feeder: Option<Feeder>,
    /// Whether `100 Continue` is awaited.
    pub(super) continues: Continue,
    /// Where the client's octets go if the protocol changes.
    change: Option<oneshot::Sender<Box<dyn Duplex>>>,
    pub(super) fate: Fate,
}

/// Whether a client waits for `100 Continue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continue {
    /// It waits.
    Awaited,
    /// It waited, and got a final response: it may send its content or not.
    Missed,
    /// It does not.
    No,
}

/// Whether anything of a client counts beyond this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It does.
    Open,
    /// The request is refused, and so is whatever follows.
    Refused,
}

/// What a step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something moved.
    Moved,
    /// The client is gone, or takes nothing.
    Gone,
}

impl<I, S> Session<'_, I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    /// Has a request answered. One that is refused is answered too, by a page; in its place stands a plain one.
    pub(super) async fn exchange(&mut self, head: Result<Head, Fault>) -> After {
        let front = self.front;
        let _busy = front.busy();
        let (request, mut turn) = match head {
            Ok(head) => self.begin(head),
            Err(fault) => self.refused(fault),
        };
        let response = {
            let mut answering = pin!(front.serve.serve(&front.conn, request));
            poll_fn(|cx| self.poll_exchange(cx, answering.as_mut(), &mut turn)).await
        };
        let after = match response {
            Some(response) => self.answer(response, &mut turn).await,
            None => After::End,
        };
        front.conn.aside.close();
        after
    }

    fn begin(&mut self, head: Head) -> (service::Request, Turn) {
        let Head { method, target, version, headers, wishes } = head;
        let (body, feeder) = match self.requests.whole(&mut self.stream.input) {
            Some(whole) => (Body::full(whole), None),
            None => {
                let (feeder, fed) = fed(self.requests.content().left());
                (Body::from(fed), Some(feeder))
            }
        };
        let continues = if wishes.expects && feeder.is_some() { Continue::Awaited } else { Continue::No };
        let aside = &self.front.conn.aside;
        if version == Version::HTTP_11 {
            aside.open();
        }
        let change = wishes.upgrades.then(|| {
            let (change, offer) = oneshot::channel();
            aside.offer(offer);
            change
        });
        let number = self.front.number();
        let turn =
            Turn { method: method.clone(), version, wishes, number, feeder, continues, change, fate: Fate::Open };
        let mut request = Box::new(Request::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.version_mut() = version;
        *request.headers_mut() = headers;
        (request, turn)
    }

    fn refused(&mut self, fault: Fault) -> (service::Request, Turn) {
        let number = self.front.number();
        self.front.conn.refusal.set(Some(refusal(number, fault)));
        let turn = Turn {
            method: Method::GET,
            version: Version::HTTP_11,
            wishes: Wishes::default(),
            number,
            feeder: None,
            continues: Continue::No,
            change: None,
            fate: Fate::Refused,
        };
        (Box::new(Request::new(Body::empty())), turn)
    }

    /// Ready with the response, or without one if nobody waits for it any more.
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        mut answering: Pin<&mut impl Future<Output = Response>>,
        turn: &mut Turn,
    ) -> Poll<Option<Response>> {
        loop {
            let answered = answering.as_mut().poll(cx);
            self.write_interim(turn);
            if let Poll::Ready(response) = answered {
                return Poll::Ready(Some(response));
            }
            match self.poll_request(cx, turn) {
                Poll::Ready(Step::Moved) => continue,
                Poll::Ready(Step::Gone) => return Poll::Ready(None),
                Poll::Pending => {}
            }
            if let Poll::Ready(Err(_)) = self.poll_write(cx) {
                return Poll::Ready(None);
            }
            match std::task::ready!(self.poll_overdue(cx, turn)) {
                Step::Moved => {}
                Step::Gone => return Poll::Ready(None),
            }
        }
    }

    /// Hands on the request's content as far as it is asked for; reads ahead a little, and so notices the client's end.
    pub(super) fn poll_request(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Poll<Step> {
        if turn.fate == Fate::Refused {
            return Poll::Pending; // whatever the client does now, it is to have its answer
        }
        loop {
            let is_asked = turn.feeder.as_ref().is_some_and(|feeder| feeder.is_asked(cx));
            if is_asked && self.feed(cx, turn) == Fed::Something {
                return Poll::Ready(Step::Moved);
            }
            if !is_asked && !self.stream.input.is_empty() {
                self.body_since = None;
                return Poll::Pending;
            }
            if is_asked && turn.continues == Continue::Awaited && self.stream.input.is_empty() {
                turn.continues = Continue::No;
                self.write_continue();
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(1..)) => self.body_since = None,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Step::Gone),
                Poll::Pending => {
                    self.body_since = if is_asked { self.body_since.or_else(|| Some(clock::now())) } else { None };
                    return Poll::Pending;
                }
            }
        }
    }

    /// Hands on what is there of the request's content.
    fn feed(&mut self, cx: &Context<'_>, turn: &mut Turn) -> Fed {
        let Some(feeder) = &turn.feeder else { return Fed::Nothing };
        let part = match self.requests.part(&mut self.stream.input) {
            Ok(part) => part,
            Err(fault) => {
                self.front.counters.requests_ambiguous.one();
                self.refuse_content(cx, turn, fault);
                return Fed::Something;
            }
        };
        let over = self.requests.content().is_over();
        let more = if over { More::No } else { More::Yes };
        match part {
            Some(part) => feeder.feed(frame(part), more, cx),
            None if over => feeder.end(cx),
            None => return Fed::Nothing,
        }
        if over {
            turn.feeder = None;
            turn.continues = Continue::No;
        }
        Fed::Something
    }

    /// Lets the request's content end in a fault: whoever reads it finds the answer in it.
    fn refuse_content(&self, cx: &Context<'_>, turn: &mut Turn, fault: Fault) {
        turn.fate = Fate::Refused;
        self.front.conn.refusal.set(Some(refusal(turn.number, fault)));
        if let Some(feeder) = turn.feeder.take() {
            let error = ProxyError::client(ErrorType::HttpRequestError).with_status(fault.status);
            feeder.fail(error.with_detail(fault.reason).into(), cx);
        }
    }

    /// Ready when the client took too long over what is awaited of it.
    pub(super) fn poll_overdue(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Poll<Step> {
        let settings = self.front.settings.now();
        let timeouts = &settings.timeouts;
        let body = self.body_since.map(|since| since.plus(timeouts.body));
        let write = self.blocked.since().map(|since| since.plus(timeouts.write));
        let (due, step) = match (body, write) {
            (None, None) => return Poll::Pending,
            (Some(body), write) if write.is_none_or(|write| body <= write) => (body, Step::Moved),
            (_, write) => (write.unwrap_or_default(), Step::Gone),
        };
        std::task::ready!(self.alarm.poll_due(cx, Some(due)));
        self.front.counters.requests_timed_out.one();
        if step == Step::Moved {
            self.body_since = None;
            let reason = "the client sent nothing more of the body";
            self.refuse_content(cx, turn, Fault { status: StatusCode::REQUEST_TIMEOUT, reason });
        }
        Poll::Ready(step)
    }

    /// What becomes of the connection after a response that was written whole.
    pub(super) fn changed(turn: &mut Turn) -> After {
        turn.change.take().map_or(After::Close, After::Changed)
    }
}

/// Whether a part of a body was handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fed {
    Something,
    Nothing,
}

fn frame(part: Part) -> Frame<Bytes> {
    match part {
        Part::Data(data) => Frame::data(data),
        Part::Trailers(trailers) => Frame::trailers(trailers),
    }
}

fn refusal(request: u64, fault: Fault) -> Refusal {
    Refusal { request, status: fault.status.as_u16(), reason: fault.reason }
}
