//! Accepting on one socket: bounded over all of them, and calm when the process runs out of files.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::Bound;
use crate::{
    clock::{self, Instant},
    proxy::permits::{Permit, Permits},
    trace::counters::Counters,
};

/// The first pause after an error of the process or the system, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Accepts for one worker at one address.
#[derive(Debug)]
pub struct Acceptor {
    socket: TcpListener,
    local: SocketAddr,
    permits: Arc<Permits>,
    counters: Arc<Counters>,
    pause: Duration,
}

/// A connection that has its place.
#[derive(Debug)]
pub struct Accepted<I = TcpStream> {
    /// Its octets.
    pub stream: I,
    /// The other end.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// When it was accepted.
    pub at: Instant,
    /// Its place among all connections of the process.
    pub permit: Permit,
}

impl Acceptor {
    /// Accepts at `bound` for worker number `worker`.
    ///
    /// # Errors
    ///
    /// The process has too many open files.
    pub fn new(bound: &Bound, worker: usize, permits: Arc<Permits>, counters: Arc<Counters>) -> io::Result<Self> {
        Ok(Self { socket: bound.socket(worker)?, local: bound.local(), permits, counters, pause: PAUSE_MIN })
    }

    /// The next connection. What is over `connections_max` is closed at once, and counted.
    pub async fn next(&mut self, connections_max: usize) -> Accepted {
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    self.pause = PAUSE_MIN;
                    if let Some(accepted) = self.admit(stream, peer, connections_max) {
                        return accepted;
                    }
                }
                // The client changed its mind (accept(2)).
                Err(error) if is_clients(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, address = %self.local, "cannot accept connections");
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Stops listening, and gives what had connected before. Other workers' sockets are not touched; so an address
    /// is free when each worker has stopped.
    pub fn stop(self, connections_max: usize) -> Vec<Accepted> {
        let mut waiting = Vec::new();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Ok((stream, peer))) = self.socket.poll_accept(&mut cx) {
            waiting.extend(self.admit(stream, peer, connections_max));
        }
        // The process keeps a handle on this socket; without this, clients would go on connecting to nobody.
        if let Err(error) = SockRef::from(&self.socket).shutdown(std::net::Shutdown::Both) {
            tracing::debug!(%error, address = %self.local, "the socket did not stop listening");
        }
        waiting
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, connections_max: usize) -> Option<Accepted> {
        let at = clock::now();
        let Some(permit) = self.permits.take(connections_max) else {
            self.counters.connections_refused.one();
            return None;
        };
        self.counters.connections_accepted.one();
        if !cfg!(target_os = "linux")
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let local =
            if self.local.ip().is_unspecified() { stream.local_addr().unwrap_or(self.local) } else { self.local };
        Some(Accepted { stream, peer, local, at, permit })
    }
}

/// Whether only this one connection is concerned.
fn is_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
    )
}
