//! A connection without a request: waits for octets, and from the first ones learns the protocol.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Protocols, alarm::Alarm, front::Front, guard::Guard, link::Waiting};
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
    Http1,
    /// It speaks HTTP/2.
    Http2,
    /// It is over.
    Closed,
}

/// Waits for the first octets of a request.
pub(super) async fn wait<I, S>(
    guard: &mut Guard<I>,
    front: &Front<S>,
    alarm: &mut Alarm,
    protocols: Protocols,
) -> Parked
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut leaving = None;
    let parked = poll_fn(|cx| {
        loop {
            if let Some(parked) = recognised(guard.held(), protocols) {
                return Poll::Ready(parked);
            }
            if let Poll::Ready(read) = guard.poll_more(cx) {
                match read {
                    Ok(octets) if octets > 0 => continue,
                    // What was begun may still be refused in words.
                    Ok(_) if !guard.held().is_empty() && protocols != Protocols::Http2 => {
                        return Poll::Ready(Parked::Http1);
                    }
                    _ => return Poll::Ready(Parked::Closed),
                }
            }
            if alarm.poll_drain(cx).is_ready() {
                continue;
            }
            if alarm.is_draining() && guard.held().is_empty() {
                let leaving = *leaving.get_or_insert_with(clock::now);
                return alarm.poll_due(cx, Some(leaving.plus(PARTING))).map(|()| Parked::Closed);
            }
            return poll_overdue(guard, front, alarm, cx, protocols);
        }
    })
    .await;
    match parked {
        Parked::Http1 => guard.rescan(),
        Parked::Http2 => guard.open(),
        Parked::Closed => {}
    }
    parked
}

fn poll_overdue<I, S>(
    guard: &mut Guard<I>,
    front: &Front<S>,
    alarm: &mut Alarm,
    cx: &mut Context<'_>,
    protocols: Protocols,
) -> Poll<Parked>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let timeouts = &front.settings.timeouts;
    let deadline = match front.link.waiting() {
        Waiting::Head(since) => since.plus(timeouts.header),
        _ => front.load.idle_since().plus(timeouts.idle),
    };
    std::task::ready!(alarm.poll_due(cx, Some(deadline)));
    if guard.held().is_empty() {
        return Poll::Ready(Parked::Closed);
    }
    front.counters.requests_timed_out.one();
    if protocols == Protocols::Http2 {
        return Poll::Ready(Parked::Closed);
    }
    guard.expire();
    Poll::Ready(Parked::Http1)
}

/// The protocol that begins with `octets`, once that is certain.
fn recognised(octets: &[u8], protocols: Protocols) -> Option<Parked> {
    if octets.is_empty() {
        return None;
    }
    let whole = octets.len() >= PREFACE.len();
    let prefix = octets.len().min(PREFACE.len());
    match (protocols, octets[..prefix] == PREFACE[..prefix]) {
        (Protocols::Http1, _) | (Protocols::Either, false) => Some(Parked::Http1),
        (Protocols::Http2, false) => Some(Parked::Closed),
        (_, true) => whole.then_some(Parked::Http2),
    }
}
