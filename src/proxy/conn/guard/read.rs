//! The reading half: what hyper gets to see.

use super::*;

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.give(buf) {
                return Poll::Ready(Ok(()));
            }
            match this.ending {
                // No end of file: hyper would take it for the client's going away, and drop the answer.
                Some(Ending::StandIn) => return Poll::Pending,
                Some(Ending::Body(fault)) => return Poll::Ready(Err(malformed(fault))),
                None => {}
            }
            if this.link.take_expired() {
                this.expire();
                continue;
            }
            let more = match this.scanner.place() {
                framing::Place::Open => return Pin::new(&mut this.io).poll_read(cx, buf),
                framing::Place::Undecided => {
                    if this.decide(Some(cx)) {
                        continue;
                    }
                    std::task::ready!(this.poll_undecided(cx))?
                }
                _ if this.held.is_empty() => std::task::ready!(this.poll_whole(cx, buf))?,
                _ => std::task::ready!(this.poll_pieces(cx, buf))?,
            };
            match more {
                More::Handed | More::End => return Poll::Ready(Ok(())),
                More::Held => {}
            }
        }
    }
}

/// What a body ends in that is refused: whoever reads it finds the answer in it.
fn malformed(Fault { status, reason }: Fault) -> io::Error {
    let error = ProxyError::client(ErrorType::HttpRequestError).with_status(status).with_detail(reason);
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    /// Octets that hyper has.
    Handed,
    /// Octets that are held.
    Held,
    /// The client's end.
    End,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Guard<I> {
    /// Hands on what is held and passed, as far as there is room.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let octets = self.passed.min(buf.remaining());
        if octets == 0 {
            return false;
        }
        buf.put_slice(&self.held[..octets]);
        self.passed -= octets;
        if octets == self.held.len() {
            self.held = Vec::new(); // its memory too: it is needed rarely
        } else {
            self.held.drain(..octets);
        }
        true
    }

    /// The usual case: nothing is held, so what is read into hyper's buffer is looked at there.
    fn poll_whole(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<More>> {
        let start = buf.filled().len();
        std::task::ready!(self.poll_io(cx, buf))?;
        let octets = &buf.filled()[start..];
        if octets.is_empty() {
            return Poll::Ready(Ok(More::End));
        }
        let scan = self.scanner.scan(octets);
        if scan.passed < octets.len() {
            self.held.extend_from_slice(&octets[scan.passed..]);
            buf.set_filled(start + scan.passed);
        }
        self.note(scan.rest);
        Poll::Ready(Ok(if scan.passed > 0 { More::Handed } else { More::Held }))
    }

    /// A section that arrives in pieces is put together here.
    fn poll_pieces(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<More>> {
        let start = buf.filled().len();
        std::task::ready!(self.poll_io(cx, buf))?;
        let octets = &buf.filled()[start..];
        if octets.is_empty() {
            return Poll::Ready(Ok(More::End));
        }
        self.held.extend_from_slice(octets);
        buf.set_filled(start);
        self.rescan();
        Poll::Ready(Ok(More::Held))
    }

    /// Only the end is of interest, but it cannot be seen without reading.
    fn poll_undecided(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<More>> {
        if self.held.len() >= UNDECIDED_BYTES_MAX {
            return Poll::Pending;
        }
        let octets = std::task::ready!(self.poll_more(cx))?;
        Poll::Ready(Ok(if octets == 0 { More::End } else { More::Held }))
    }

    fn poll_io(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_pending() && self.scanner.in_body() && !matches!(self.link.waiting(), Waiting::Body(_)) {
            self.link.wait(Waiting::Body(clock::now()));
        }
        polled
    }
}
