//! HTTP/1.1 toward an upstream, RFC 9112: one request written, one response read, then the next.
//!
//! Request and response are polled where the request is handled. Only where a response begins before its request's body
//! has gone does a task send the rest: whoever reads the response must not have to wait for whoever sends the request.

mod inbound;
mod outbound;

use std::{
    cell::RefCell,
    future::{Future as _, poll_fn},
    mem,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, ReadBuf},
    task::{AbortHandle, spawn_local},
};

use self::{inbound::Inbound, outbound::Outbound};
use super::{Io, Rewound, SendError, Sent, Wire, WireError};
use crate::{
    proxy::room::{Input, Kind},
    service::Request,
};

/// What is read at once at first, in octets: enough for most heads and small bodies.
const READ_BYTES_MIN: usize = 8 * 1024;
/// What is read at once at most, in octets: a body of 64 KiB and its head fit into one read.
const READ_BYTES_MAX: usize = 72 * 1024;

/// A connection that speaks HTTP/1.1.
#[derive(Debug)]
pub struct Http1 {
    shared: Rc<RefCell<Connection>>,
    /// Sends what is left of a request whose response has begun.
    sender: Option<Sender>,
}

#[derive(Debug)]
struct Connection {
    io: Io,
    /// What was read and not understood.
    input: Input,
    /// What the next read makes room for.
    room: usize,
    inbound: Inbound,
    outbound: Outbound,
    /// Why the request's body could not be sent, once its response has begun.
    failed: Option<WireError>,
    /// Whether the upstream takes nothing more.
    is_deaf: bool,
    /// Whoever waits for the response's body.
    reader: Option<Waker>,
}

/// A task that ends with its connection.
#[derive(Debug)]
struct Sender(AbortHandle);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http1 {
    /// Speaks HTTP/1.1 over `io`.
    pub fn new(io: Io) -> Self {
        let connection = Connection {
            io,
            input: Input::default(),
            room: READ_BYTES_MIN,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            failed: None,
            is_deaf: false,
            reader: None,
        };
        Self { shared: Rc::new(RefCell::new(connection)), sender: None }
    }

    /// Lets a task send what is left of the request.
    fn send_rest(&mut self) {
        let connection = Rc::downgrade(&self.shared);
        let sending = spawn_local(poll_fn(move |cx| {
            let Some(connection) = connection.upgrade() else { return Poll::Ready(()) };
            let connection = &mut *connection.borrow_mut();
            if let Err(error) = ready!(connection.outbound.poll(cx, &mut connection.io)) {
                connection.failed = Some(error);
            }
            if let Some(reader) = connection.reader.take() {
                reader.wake();
            }
            Poll::Ready(())
        }));
        self.sender = Some(Sender(sending.abort_handle()));
    }
}

impl Wire for Http1 {
    fn is_at_rest(&mut self, cx: &mut Context<'_>) -> bool {
        let connection = &mut *self.shared.borrow_mut();
        if !connection.input.is_empty() || !connection.inbound.is_over() || !connection.outbound.is_over() {
            return false;
        }
        connection.input.rest();
        // Nothing is read from the socket unless the runtime has seen something arrive.
        let mut octet = [0];
        pin!(&mut connection.io).poll_read(cx, &mut ReadBuf::new(&mut octet)).is_pending()
    }

    async fn send(
        &mut self,
        mut request: Request,
        told: impl FnOnce(&mut Vec<u8>),
        interim: impl Fn(http::Response<()>),
    ) -> Result<http::Response<()>, SendError> {
        let method = request.method().clone();
        let has_body = !request.body().is_end_stream();
        self.shared.borrow_mut().begin(&mut request, told);
        match poll_fn(|cx| self.shared.borrow_mut().poll_exchange(cx, &method, &interim)).await {
            Ok(head) => {
                if !self.shared.borrow().outbound.is_over() {
                    self.send_rest();
                }
                Ok(head)
            }
            Err(error) => {
                let written = self.shared.borrow().outbound.written();
                let sent = if written == 0 { Sent::Nothing } else { Sent::Something };
                Err(SendError { error, sent, request: (!has_body).then_some(request) })
            }
        }
    }

    fn whole_body(&mut self) -> Option<Bytes> {
        let connection = &mut *self.shared.borrow_mut();
        connection.inbound.whole(&mut connection.input)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WireError>>> {
        let connection = &mut *self.shared.borrow_mut();
        if let Some(error) = connection.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = connection.poll_frame(cx);
        if polled.is_pending() && self.sender.is_some() {
            connection.reader = Some(cx.waker().clone());
        }
        polled
    }

    fn body_left(&self) -> Option<u64> {
        self.shared.borrow().inbound.left()
    }

    fn is_reusable(&self) -> bool {
        let connection = self.shared.borrow();
        connection.inbound.is_reusable() && connection.input.is_empty() && connection.has_sent()
    }

    fn into_stream(self) -> Option<Rewound> {
        let Self { shared, sender } = self;
        drop(sender);
        let connection = Rc::try_unwrap(shared).ok()?.into_inner();
        connection.has_sent().then(|| Rewound::new(connection.input.into_octets().freeze(), connection.io))
    }
}

impl Connection {
    /// Takes up `request`: its body is moved out, its head stays.
    fn begin(&mut self, request: &mut Request, told: impl FnOnce(&mut Vec<u8>)) {
        let body = if request.body().is_end_stream() { None } else { Some(mem::take(request.body_mut())) };
        self.outbound.begin(request, told, body);
        self.inbound.begin();
        self.failed = None;
    }

    /// Whether the upstream was given the whole request.
    fn has_sent(&self) -> bool {
        self.outbound.is_over() && self.failed.is_none() && !self.is_deaf
    }

    /// Writes what can be written, and reads until the final response's head is there.
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        method: &http::Method,
        interim: impl Fn(http::Response<()>),
    ) -> Poll<Result<http::Response<()>, WireError>> {
        if !self.outbound.is_over()
            && let Poll::Ready(Err(error)) = self.outbound.poll(cx, &mut self.io)
        {
            match error {
                // An upstream that takes no more may have said why.
                WireError::Io(_) => self.is_deaf = true,
                error => return Poll::Ready(Err(error)),
            }
        }
        loop {
            if let Some(head) = self.inbound.poll_head(&mut self.input, method, &interim)? {
                return Poll::Ready(Ok(head));
            }
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(Err(WireError::Closed));
            }
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WireError>>> {
        loop {
            match self.inbound.frame(&mut self.input) {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Some(frame)) => {
                    self.input.rest();
                    return Poll::Ready(Some(Ok(frame)));
                }
                Ok(None) if self.inbound.is_over() => return Poll::Ready(None),
                Ok(None) => {}
            }
            match ready!(self.poll_read(cx)) {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(0) => return Poll::Ready(self.inbound.close().err().map(Err)),
                Ok(_) => {}
            }
        }
    }

    /// Reads what is there; 0 octets mean the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, WireError>> {
        let wanted = self.inbound.wants().unwrap_or(self.room).clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let kind = if wanted > READ_BYTES_MIN { Kind::Contents } else { Kind::Responses };
        self.input.make_room(kind, (wanted, wanted));
        let room = self.input.capacity() - self.input.len();
        let polled = pin!(self.io.read_buf(&mut *self.input)).poll(cx);
        if polled.is_pending() {
            self.input.rest();
        }
        let octets = ready!(polled).map_err(WireError::Io)?;
        // Whoever fills the room most likely has more.
        self.room =
            if octets == room { room * 2 } else { self.room.min(octets * 4) }.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        Poll::Ready(Ok(octets))
    }
}

#[cfg(test)]
mod tests;
