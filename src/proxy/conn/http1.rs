//! HTTP/1.1 on one connection, RFC 9112, until it is over or has been quiet for a while.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Settings, alarm::Alarm, front::Front, guard::Guard, link::Waiting};
use crate::{clock::Instant, proxy::handler::Serve};

/// A connection that has been quiet for so long gives its buffers back.
const PARK_AFTER: Duration = Duration::from_secs(1);

/// A client that was refused is given so long to take the answer and close.
const LINGER: Duration = Duration::from_secs(2);

/// The largest read, and the most that is buffered of a response.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// hyper keeps room for so many fields on its stack.
const FIELDS_ON_STACK: usize = 100;

/// What a deadline was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Time to park.
    Park,
    /// The client's part of a request.
    Request,
    /// The client takes nothing.
    Write,
    /// The client does not close.
    Close,
}

/// Serves requests. Gives the stream back when no request is in progress and none has begun; `None`: it is over.
pub(super) async fn serve<I, S>(guard: Guard<I>, front: &Front<S>, alarm: &mut Alarm) -> Option<Guard<I>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve,
{
    let http = builder(&front.settings, alarm.is_draining())
        .serve_connection(TokioIo::new(guard), front.service())
        .with_upgrades();
    // Boxed, so that a parked connection does not pay for it.
    let mut http = Box::pin(http);
    let quiet = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = http.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(%error, peer = %front.conn.peer, "connection ended");
                }
                return Poll::Ready(false);
            }
            if alarm.poll_drain(cx).is_ready() {
                if is_quiet(front) {
                    return Poll::Ready(true);
                }
                http.as_mut().graceful_shutdown();
                continue;
            }
            let deadline = next(front);
            std::task::ready!(alarm.poll_due(cx, deadline.map(|(at, _)| at)));
            match deadline {
                Some((_, Due::Park)) => return Poll::Ready(true),
                Some((_, Due::Request)) => {
                    front.counters.requests_timed_out.one();
                    front.link.expire();
                }
                Some((_, Due::Write)) => {
                    front.counters.requests_timed_out.one();
                    return Poll::Ready(false);
                }
                Some((_, Due::Close)) | None => return Poll::Ready(false),
            }
        }
    })
    .await;
    if !quiet {
        return None;
    }
    let parts = Pin::into_inner(http).into_parts()?;
    let mut guard = parts.io.into_inner();
    guard.take_back(&parts.read_buf);
    Some(guard)
}

fn builder(settings: &Settings, draining: bool) -> Builder {
    let limits = &settings.limits;
    let mut builder = Builder::new();
    builder
        .keep_alive(!draining)
        .header_read_timeout(None)
        // The guard bounds heads; hyper must have room for what it lets through.
        .max_buf_size(BUFFER_BYTES_MAX.max(limits.header_bytes_max.saturating_mul(2)));
    if limits.headers_max > FIELDS_ON_STACK {
        builder.max_headers(limits.headers_max);
    }
    builder
}

/// Whether no request is in progress, and none has begun.
fn is_quiet<S>(front: &Front<S>) -> bool {
    let begun = matches!(front.link.waiting(), Waiting::Body(_) | Waiting::Close(_));
    front.load.is_idle() && !begun && front.link.write_blocked_since().is_none()
}

/// What is due next.
fn next<S>(front: &Front<S>) -> Option<(Instant, Due)> {
    let timeouts = &front.settings.timeouts;
    let idle = front.load.is_idle();
    let read = match front.link.waiting() {
        Waiting::Nothing => idle.then(|| (front.load.idle_since().plus(PARK_AFTER.min(timeouts.idle)), Due::Park)),
        // Beside a request in progress hyper does not read on: that is not the client's fault.
        Waiting::Head(since) => idle.then(|| (since.max(front.load.idle_since()).plus(timeouts.header), Due::Request)),
        Waiting::Body(since) => Some((since.plus(timeouts.body), Due::Request)),
        Waiting::Close(since) => Some((since.plus(LINGER), Due::Close)),
    };
    let write = front.link.write_blocked_since().map(|since| (since.plus(timeouts.write), Due::Write));
    match (read, write) {
        // What is not yet written is no reason to park.
        (Some((_, Due::Park)), Some(write)) => Some(write),
        (Some(read), Some(write)) => Some(if read.0 <= write.0 { read } else { write }),
        (read, write) => read.or(write),
    }
}
