//! A response as it goes out, RFC 9112; and what becomes of its connection.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, StatusCode, Version, header, response::Parts};
use http_body::{Body as _, Frame};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    READ_BYTES_MIN, Session,
    exchange::{After, Continue, Fate, Step, Turn},
};
use crate::{
    body::{Body, Feeder, More},
    clock,
    proxy::{handler::Serve, wire::outgoing},
    rules::{
        framing::response::{Framing, framing},
        headers::hop,
    },
    service::Response,
};

/// Of a body that nobody read so much is read and thrown away, so that the connection can go on.
const UNREAD_BYTES_MAX: u64 = 64 * 1024;

/// Before a connection is closed so much is read and thrown away, so that the answer is not lost to a reset.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// And so long is waited for the client to close.
const LINGER: std::time::Duration = std::time::Duration::from_secs(2);

/// A response's content on its way.
struct Going {
    body: Body,
    framing: Framing,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// More may follow.
    Open,
    /// All of it was taken.
    Over,
    /// It failed, or is not as long as its head says: the connection ends where it stands.
    Cut,
}

/// Whether a connection stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

impl<I, S> Session<'_, I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    /// Writes `response`.
    pub(super) async fn answer(&mut self, response: Response, turn: &mut Turn) -> After {
        let (head, body) = response.into_parts();
        if turn.continues == Continue::Awaited {
            turn.continues = Continue::Missed;
        }
        let (framing, stays) = self.write_head(&head, &body, turn);
        let status = head.status;
        drop(head);
        let state = match framing {
            Framing::Nothing(_) => State::Over,
            Framing::Length(0) if body.is_end_stream() => State::Over,
            _ => State::Open,
        };
        let mut going = Going { body, framing, state };
        let went = poll_fn(|cx| self.poll_answer(cx, &mut going, turn)).await;
        drop(going);
        if went == State::Cut {
            return After::End;
        }
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Self::changed(turn);
        }
        self.requests.decline();
        match stays {
            Stays::Yes => self.skip(turn).await,
            Stays::No => After::Close,
        }
    }

    fn write_head(&mut self, head: &Parts, body: &Body, turn: &Turn) -> (Framing, Stays) {
        let mut stays = self.stays(turn);
        let own = self.out.own();
        status_line(own, turn.version, head.status);
        let changes = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let (mut dated, mut length) = (false, None);
        for (name, value) in &head.headers {
            match *name {
                // What frames the response is written below, once.
                header::CONTENT_LENGTH => length = outgoing::number(value),
                header::TRANSFER_ENCODING => {}
                header::CONNECTION if !changes && hop::closes(value) => stays = Stays::No,
                header::CONNECTION if !changes => {}
                _ => {
                    dated |= *name == header::DATE;
                    outgoing::field(own, name.as_str(), value.as_bytes());
                }
            }
        }
        let has_none = turn.method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED;
        let length = length.or_else(|| body.size_hint().exact().filter(|length| !has_none || *length > 0));
        let framing = framing(&turn.method, turn.version, head.status, length);
        match framing {
            Framing::Nothing(Some(length)) | Framing::Length(length) => outgoing::content_length(own, length),
            Framing::Chunked => own.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::Close => stays = Stays::No,
            Framing::Nothing(None) => {}
        }
        match (stays, turn.version) {
            _ if changes => {}
            (Stays::No, _) => own.extend_from_slice(b"connection: close\r\n"),
            (Stays::Yes, Version::HTTP_10) => own.extend_from_slice(b"connection: keep-alive\r\n"),
            (Stays::Yes, _) => {}
        }
        if !dated {
            outgoing::field(own, "date", &clock::date());
        }
        own.extend_from_slice(b"\r\n");
        (framing, stays)
    }

    /// Whether another request may come, so far as that is known without the response.
    fn stays(&self, turn: &Turn) -> Stays {
        let is_unread = turn.feeder.as_ref().is_some_and(Feeder::is_gone) || turn.continues == Continue::Missed;
        let ends = turn.fate == Fate::Refused
            || !turn.wishes.persists
            || self.alarm.is_draining()
            || is_unread && !self.is_skippable(turn);
        if ends { Stays::No } else { Stays::Yes }
    }

    /// Whether what nobody reads of a request's content is worth the reading.
    fn is_skippable(&self, turn: &Turn) -> bool {
        // Who missed `100 Continue` may send the content or not: nobody can tell.
        turn.continues == Continue::No && self.requests.content().left().is_some_and(|left| left <= UNREAD_BYTES_MAX)
    }

    /// Writes what the client is to be told before the final response.
    pub(super) fn write_interim(&mut self, turn: &mut Turn) {
        for interim in self.front.conn.aside.told() {
            if interim.status() == StatusCode::CONTINUE {
                if turn.continues == Continue::Awaited {
                    turn.continues = Continue::No;
                    self.write_continue();
                }
                continue;
            }
            let own = self.out.own();
            status_line(own, turn.version, interim.status());
            let framed = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
            outgoing::fields(own, interim.headers().iter().filter(|(name, _)| !framed.contains(name)));
            own.extend_from_slice(b"\r\n");
        }
    }

    /// RFC 9110 section 10.1.1.
    pub(super) fn write_continue(&mut self) {
        self.out.own().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Writes what can be written.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.out.has_gone() {
            return Poll::Ready(Ok(()));
        }
        let before = self.out.written();
        let polled = self.out.poll(cx, &mut self.stream.io);
        if self.out.written() > before {
            self.blocked.moved();
        }
        self.blocked.note(polled)
    }

    /// Ready when the response has gone, or nothing more of it can go.
    fn poll_answer(&mut self, cx: &mut Context<'_>, going: &mut Going, turn: &mut Turn) -> Poll<State> {
        loop {
            let mut waits = false;
            while going.state == State::Open && self.out.has_room() {
                if going.poll_part(cx, &mut self.out, turn).is_pending() {
                    waits = true;
                    break;
                }
            }
            let written = self.poll_write(cx);
            match written {
                Poll::Ready(Err(_)) => return Poll::Ready(State::Cut),
                Poll::Ready(Ok(())) if going.state != State::Open => return Poll::Ready(going.state),
                _ => {}
            }
            match self.poll_request(cx, turn) {
                Poll::Ready(Step::Moved) => continue,
                Poll::Ready(Step::Gone) => return Poll::Ready(State::Cut),
                Poll::Pending => {}
            }
            if waits || written.is_pending() {
                match ready!(self.poll_overdue(cx, turn)) {
                    Step::Moved => {}
                    Step::Gone => return Poll::Ready(State::Cut),
                }
            }
        }
    }

    /// Reads and throws away what nobody read of the request's content, if that is worth it.
    async fn skip(&mut self, turn: &mut Turn) -> After {
        turn.feeder = None;
        if self.requests.content().is_over() {
            return After::Next;
        }
        if !self.is_skippable(turn) {
            return After::Close;
        }
        let due = clock::now().plus(self.front.settings.now().timeouts.body);
        poll_fn(|cx| {
            loop {
                while let Ok(Some(_)) = self.requests.part(&mut self.stream.input) {}
                if self.requests.content().is_over() {
                    return Poll::Ready(After::Next);
                }
                match self.poll_read(cx) {
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(After::End),
                    Poll::Pending => return self.alarm.poll_due(cx, Some(due)).map(|()| After::Close),
                }
            }
        })
        .await
    }

    /// Closes the connection: ours of it, then, unless the client has nothing more to say, waits a little for the
    /// client to close its. Closing at once would make the kernel answer what still comes with a reset, which may
    /// overtake the response.
    pub(super) async fn close(mut self) {
        let lingers = self.requests.is_refused()
            || self.requests.is_undecided()
            || !self.requests.content().is_over()
            || !self.stream.input.is_empty();
        let due = clock::now().plus(LINGER);
        let mut shut = Poll::Pending;
        let mut lingered = 0;
        poll_fn(|cx| {
            if shut.is_pending() {
                shut = Pin::new(&mut self.stream.io).poll_shutdown(cx).map(|_| ());
            }
            if shut.is_ready() && !lingers {
                return Poll::Ready(());
            }
            while shut.is_ready() {
                self.stream.input.clear();
                match self.stream.poll_read(cx, READ_BYTES_MIN) {
                    Poll::Ready(Ok(octets @ 1..)) if lingered < LINGER_BYTES_MAX => lingered += octets,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => break,
                }
            }
            self.alarm.poll_due(cx, Some(due))
        })
        .await;
    }
}

impl Going {
    /// Takes the next part of the body.
    fn poll_part(&mut self, cx: &mut Context<'_>, out: &mut outgoing::Outgoing, turn: &Turn) -> Poll<()> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => Some(frame),
            None => None,
            Some(Err(error)) => {
                tracing::debug!(%error, "a response's body failed");
                self.state = State::Cut;
                return Poll::Ready(());
            }
        };
        let more = if frame.is_none() || self.body.is_end_stream() { More::No } else { More::Yes };
        if more == More::No {
            self.state = State::Over;
        }
        if let (Framing::Chunked, Some(trailers)) = (self.framing, frame.as_ref().and_then(Frame::trailers_ref)) {
            // Who did not say that it reads them may take them for something else (RFC 9110 section 6.5.1).
            if turn.wishes.takes_trailers {
                out.trailers(trailers);
            } else {
                out.chunk(Bytes::new(), More::No);
            }
            self.state = State::Over;
            return Poll::Ready(());
        }
        let data = frame.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        match &mut self.framing {
            Framing::Nothing(_) => {}
            Framing::Close => out.data(data),
            Framing::Chunked => out.chunk(data, more),
            Framing::Length(left) => match left.checked_sub(data.len() as u64) {
                Some(fewer) => {
                    *left = fewer;
                    out.data(data);
                    if fewer > 0 && more == More::No {
                        self.cut();
                    }
                }
                None => self.cut(),
            },
        }
        Poll::Ready(())
    }

    /// The body is not as long as its head says: what follows could be taken for anything.
    fn cut(&mut self) {
        tracing::warn!("a response's body is not as long as its head says");
        self.state = State::Cut;
    }
}

fn status_line(out: &mut Vec<u8>, version: Version, status: StatusCode) {
    out.extend_from_slice(if version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}
