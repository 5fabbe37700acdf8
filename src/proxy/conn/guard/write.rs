//! The writing half: passed on as it is; noted is only whether the client takes anything.

use super::*;

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write(cx, octets);
        this.moved(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write_vectored(cx, octets);
        this.moved(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_flush(cx);
        this.moved(polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        std::task::ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        this.poll_linger(cx)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Guard<I> {
    fn moved<T>(&self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() {
            self.link.write_blocked(clock::now);
        } else {
            self.link.write_moved();
        }
        polled
    }

    /// Reads and throws away what the client still sends after a request that was refused or not read to its end:
    /// closing at once would make the kernel answer it with a reset, which may overtake the response. Bounded in
    /// octets here, and in time by the connection's future.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ending.is_none() && !self.scanner.in_body() {
            return Poll::Ready(Ok(()));
        }
        if !matches!(self.link.waiting(), Waiting::Close(_)) {
            self.link.wait(Waiting::Close(clock::now()));
        }
        let mut octets = [0; 4096];
        while self.lingered < LINGER_BYTES_MAX {
            let mut buf = ReadBuf::new(&mut octets);
            let polled = Pin::new(&mut self.io).poll_read(cx, &mut buf);
            match std::task::ready!(polled) {
                Ok(()) if !buf.filled().is_empty() => self.lingered += buf.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
