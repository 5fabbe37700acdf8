//! HTTP/2 on one connection, RFC 9113.

use std::{
    future::{Future, poll_fn},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use hyper::{rt::Executor, server::conn::http2::Builder};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Settings,
    alarm::Alarm,
    front::Front,
    stream::{Blocked, Stream},
};
use crate::{
    clock::{self, Instant},
    proxy::handler::Serve,
};

/// What one stream may send ahead of being read, in octets.
const STREAM_WINDOW: u32 = 256 * 1024;

/// What all streams of one connection may send ahead of being read, in octets.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What is buffered of one stream's response, in octets.
const SEND_BUFFER: usize = 128 * 1024;

/// Streams that were reset before they were looked at: more end the connection (CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 20;

/// Streams that we reset for the client's errors: more end the connection.
const RESETS_LOCAL_MAX: usize = 256;

/// How often a client must show that it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long it may take to show it.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a client may take to go after GOAWAY, once nothing is in progress.
const GOAWAY_GRACE: Duration = Duration::from_secs(5);

/// Serves requests until the connection is over.
pub(super) async fn serve<I, S>(stream: Stream<I>, front: &Front<S>, alarm: &mut Alarm)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    let blocked = Rc::new(Blocked::default());
    let io = TokioIo::new(stream.paced(Rc::clone(&blocked)));
    let http = builder(&front.settings.now()).serve_connection(io, front.service());
    let mut http = Box::pin(http);
    let mut leaving = None;
    if alarm.is_draining() {
        leaving = Some(clock::now());
        http.as_mut().graceful_shutdown();
    }
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = http.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(%error, peer = %front.conn.peer, "connection ended");
                }
                return Poll::Ready(());
            }
            if alarm.poll_drain(cx).is_ready() {
                leaving.get_or_insert_with(clock::now);
                http.as_mut().graceful_shutdown();
                continue;
            }
            let deadline = next(front, &blocked, leaving);
            std::task::ready!(alarm.poll_due(cx, deadline.map(|(at, _)| at)));
            match deadline {
                Some((_, Due::Idle)) => {
                    leaving = Some(clock::now());
                    http.as_mut().graceful_shutdown();
                }
                Some((_, Due::Write)) => {
                    front.counters.requests_timed_out.one();
                    return Poll::Ready(());
                }
                Some((_, Due::Left)) | None => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// What a deadline was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing was in progress for long.
    Idle,
    /// The client should have gone.
    Left,
    /// The client takes nothing.
    Write,
}

/// What is due next.
fn next<S>(front: &Front<S>, blocked: &Blocked, leaving: Option<Instant>) -> Option<(Instant, Due)> {
    let settings = front.settings.now();
    let timeouts = &settings.timeouts;
    let since = front.load.idle_since();
    let idle = front.load.is_idle().then(|| match leaving {
        Some(leaving) => (since.max(leaving).plus(GOAWAY_GRACE), Due::Left),
        None => (since.plus(timeouts.idle), Due::Idle),
    });
    let write = blocked.since().map(|since| (since.plus(timeouts.write), Due::Write));
    match (idle, write) {
        (Some(idle), Some(write)) => Some(if idle.0 <= write.0 { idle } else { write }),
        (idle, write) => idle.or(write),
    }
}

fn builder(settings: &Settings) -> Builder<Local> {
    let limits = &settings.limits;
    let mut builder = Builder::new(Local);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_LOCAL_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Runs streams on this worker's thread. They end with their connection, which counts them as in progress; so whoever
/// waits for the connection waits for them.
#[derive(Clone, Copy, Debug)]
struct Local;

impl<F> Executor<F> for Local
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
