//! A connection without a request: waits for octets, and from the first ones learns the protocol.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Protocols, alarm::Alarm, front::Front, http1::Begun, stream::Stream};
use crate::clock;

/// RFC 9113 section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// After the signal to stop, a request that is on its way, or that the kernel has and the runtime not yet, is still
/// answered.
const PARTING: Duration = Duration::from_millis(20);

/// What became of a connection without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parked {
    /// It speaks HTTP/1.1.
    Http1(Begun),
    /// It speaks HTTP/2.
    Http2,
    /// It is over.
    Closed,
}

/// Waits for the first octets of a request.
pub(super) async fn wait<I, S>(
    stream: &mut Stream<I>,
    front: &Front<S>,
    alarm: &mut Alarm,
    protocols: Protocols,
) -> Parked
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut leaving = None;
    poll_fn(|cx| {
        loop {
            if let Some(parked) = recognised(&stream.input, protocols) {
                return Poll::Ready(parked);
            }
            if let Poll::Ready(read) = stream.poll_first(cx) {
                match read {
                    Ok(octets) if octets > 0 => continue,
                    // What was begun may still be refused in words.
                    Ok(_) if !stream.input.is_empty() && protocols != Protocols::Http2 => {
                        return Poll::Ready(Parked::Http1(Begun::InTime));
                    }
                    _ => return Poll::Ready(Parked::Closed),
                }
            }
            if alarm.poll_drain(cx).is_ready() {
                continue;
            }
            if alarm.is_draining() && stream.input.is_empty() {
                let leaving = *leaving.get_or_insert_with(clock::now);
                return alarm.poll_due(cx, Some(leaving.plus(PARTING))).map(|()| Parked::Closed);
            }
            return poll_overdue(stream, front, alarm, cx, protocols);
        }
    })
    .await
}

fn poll_overdue<I, S>(
    stream: &mut Stream<I>,
    front: &Front<S>,
    alarm: &mut Alarm,
    cx: &mut Context<'_>,
    protocols: Protocols,
) -> Poll<Parked>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let settings = front.settings.now();
    let timeouts = &settings.timeouts;
    // The first head has been awaited since the connection was accepted.
    let is_first = front.conn.requests.get() == 0;
    let bound = if is_first { timeouts.header } else { timeouts.idle };
    std::task::ready!(alarm.poll_due(cx, Some(front.load.idle_since().plus(bound))));
    Poll::Ready(match protocols {
        _ if stream.input.is_empty() => Parked::Closed,
        Protocols::Http2 => {
            front.counters.requests_timed_out.one();
            Parked::Closed
        }
        Protocols::Http1 | Protocols::Either => Parked::Http1(Begun::Late),
    })
}

/// The protocol that begins with `octets`, once that is certain.
fn recognised(octets: &[u8], protocols: Protocols) -> Option<Parked> {
    if octets.is_empty() {
        return None;
    }
    let whole = octets.len() >= PREFACE.len();
    let prefix = octets.len().min(PREFACE.len());
    match (protocols, octets[..prefix] == PREFACE[..prefix]) {
        (Protocols::Http1, _) | (Protocols::Either, false) => Some(Parked::Http1(Begun::InTime)),
        (Protocols::Http2, false) => Some(Parked::Closed),
        (_, true) => whole.then_some(Parked::Http2),
    }
}
