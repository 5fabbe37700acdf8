//! HTTP/1.1 with one client, RFC 9112: requests one after another, until the connection is over or has been quiet for a
//! while.
//!
//! One task does it all. It polls the future that answers the request, reads the request's content as that asks for it
//! (`exchange`), and writes the response (`answer`). While a request is in progress so much is read ahead as fits into the
//! buffer and no more: what a client sends at once is answered in order, and its end is noticed, since then nobody waits
//! for an answer any more.

mod answer;
mod exchange;

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use self::exchange::After;
use super::{
    Settings,
    alarm::Alarm,
    front::Front,
    stream::{Blocked, Stream},
};
use crate::{
    clock::{self, Instant},
    proxy::{handler::Serve, wire::outgoing::Outgoing},
    rules::framing::{
        Bounds, Fault,
        request::{Head, Requests},
    },
};

/// A connection that has been quiet for so long gives its buffers back.
const PARK_AFTER: Duration = Duration::from_secs(1);

/// Room for what is read at once, in octets: enough for some dozen heads one after another.
const READ_BYTES_MIN: usize = 4 * 1024;

/// As much is read at once of content, if so much is awaited.
const READ_BYTES_MAX: usize = 64 * 1024;

/// How a connection that speaks HTTP/1.1 began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Some octets have come.
    InTime,
    /// Some octets have come, but what is awaited took too long.
    Late,
}

/// Serves requests. Gives the stream back when no request is in progress and none has begun; `None`: it is over.
pub(super) async fn serve<I, S>(
    stream: Stream<I>,
    begun: Begun,
    front: &Front<S>,
    alarm: &mut Alarm,
) -> Option<Stream<I>>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    let session = Session {
        stream,
        requests: Requests::new(bounds(&front.settings.now())),
        out: Outgoing::default(),
        blocked: Blocked::default(),
        front,
        alarm,
        head_since: None,
        body_since: None,
    };
    // Boxed, so that a parked connection does not pay for it.
    Box::pin(session.run(begun)).await
}

fn bounds(settings: &Settings) -> Bounds {
    let limits = &settings.limits;
    Bounds {
        head_bytes_max: limits.header_bytes_max,
        fields_max: limits.headers_max,
        target_bytes_max: limits.uri_bytes_max,
    }
}

/// One client, while requests come.
struct Session<'a, I, S> {
    stream: Stream<I>,
    requests: Requests,
    out: Outgoing,
    blocked: Blocked,
    front: &'a Front<S>,
    alarm: &'a mut Alarm,
    /// Since when the rest of a head is awaited.
    head_since: Option<Instant>,
    /// Since when more of a body is awaited, which is asked for.
    body_since: Option<Instant>,
}

/// Why there is no next request.
enum Pause {
    /// It is refused.
    Refused(Fault),
    /// Nothing comes, for a while.
    Quiet,
    /// The client's end.
    End,
}

impl<I, S> Session<'_, I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    async fn run(mut self, begun: Begun) -> Option<Stream<I>> {
        if begun == Begun::Late {
            let late = self.late();
            self.exchange(Err(late)).await;
            self.close().await;
            return None;
        }
        loop {
            let after = match poll_fn(|cx| self.poll_next(cx)).await {
                Ok(head) => self.exchange(Ok(head)).await,
                Err(Pause::Refused(fault)) => self.exchange(Err(fault)).await,
                Err(Pause::Quiet) => {
                    self.stream.input.rest();
                    return Some(self.stream);
                }
                Err(Pause::End) => return None,
            };
            match after {
                After::Next => {}
                After::Close => {
                    self.close().await;
                    return None;
                }
                After::End => return None,
                After::Changed(client) => {
                    // Whoever accepted the offer may have gone since.
                    drop(client.send(Box::new(self.stream)));
                    return None;
                }
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Pause>> {
        self.requests.bound(bounds(&self.front.settings.now()));
        loop {
            match self.requests.head(&mut self.stream.input) {
                Ok(Some(head)) => {
                    self.head_since = None;
                    return Poll::Ready(Ok(head));
                }
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Err(Pause::Refused(fault))),
            }
            match self.stream.poll_read(cx, READ_BYTES_MIN) {
                Poll::Ready(Ok(1..)) => continue,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Pause::End)),
                Poll::Pending => {}
            }
            if self.alarm.poll_drain(cx).is_ready() {
                continue;
            }
            let idle_since = self.front.load.idle_since();
            let settings = self.front.settings.now();
            let timeouts = &settings.timeouts;
            if self.stream.input.is_empty() {
                if self.alarm.is_draining() {
                    return Poll::Ready(Err(Pause::Quiet));
                }
                return self
                    .alarm
                    .poll_due(cx, Some(idle_since.plus(PARK_AFTER.min(timeouts.idle))))
                    .map(|()| Err(Pause::Quiet));
            }
            // The first head has been awaited since the connection was accepted.
            let since = match self.head_since {
                Some(since) => since,
                None if self.front.conn.requests.get() == 0 => idle_since,
                None => clock::now(),
            };
            self.head_since = Some(since);
            std::task::ready!(self.alarm.poll_due(cx, Some(since.plus(timeouts.header))));
            return Poll::Ready(Err(Pause::Refused(self.late())));
        }
    }

    /// The fault of a head that took too long.
    fn late(&self) -> Fault {
        self.front.counters.requests_timed_out.one();
        Fault { status: StatusCode::REQUEST_TIMEOUT, reason: "the client did not complete the head" }
    }

    /// Reads more of a request's content, or of what follows it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let left = self.requests.content().left().and_then(|left| usize::try_from(left).ok());
        let room = match left {
            Some(0) => READ_BYTES_MIN,
            Some(left) => left.clamp(READ_BYTES_MIN, READ_BYTES_MAX),
            None => READ_BYTES_MAX,
        };
        self.stream.poll_read(cx, room)
    }
}

#[cfg(test)]
mod tests;
