//! Spans of the applications behind Waylight: an OTLP/HTTP receiver on loopback, and which spans are kept.
//!
//! Applications are told where it is by `OTEL_EXPORTER_OTLP_ENDPOINT`. It serves this machine's programs, never a
//! browser: a request with an `Origin`, or for a host that is not loopback, is refused, so that no web page can
//! write spans by way of a visitor's browser.

mod http;
pub mod room;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tracing::{debug, warn};

pub use self::http::{Encoding, decode};

use self::http::Answering;
use super::collector::Intake;

/// The bounds of a receiver.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverLimits {
    /// The largest message, in octets, both as sent and decompressed (OTLP 1.11 recommends 64 MiB).
    pub request_bytes_max: usize,
    /// The most octets of all messages being read and joined.
    pub bytes_max: usize,
    /// The most connections.
    pub connections_max: usize,
    /// Bound on reading one message.
    pub timeout_request: Duration,
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: 64 << 20,
            bytes_max: 128 << 20,
            connections_max: 256,
            timeout_request: Duration::from_secs(10),
        }
    }
}

/// A listening receiver that does not answer yet, so that its address can be handed to applications first.
#[derive(Debug)]
pub struct Receiver {
    listener: TcpListener,
    limits: ReceiverLimits,
}

impl Receiver {
    /// Listens at `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// If the address is not loopback, or cannot be bound.
    pub async fn bind(address: SocketAddr, limits: ReceiverLimits) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("spans are only received on loopback, and {address} is not"),
            ));
        }
        Ok(Self { listener: TcpListener::bind(address).await?, limits })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Hands what comes in to `intake`, on the current tokio runtime, until [`ReceiverHandle::shutdown`].
    pub fn serve(self, intake: Intake) -> ReceiverHandle {
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        tasks.spawn(self.accept(intake, stopped));
        ReceiverHandle { tasks, stop }
    }

    async fn accept(self, intake: Intake, mut stopped: watch::Receiver<()>) {
        let Self { listener, limits } = self;
        // Lent in KiB, since a semaphore counts in 32 bits on small machines.
        let memory = Arc::new(Semaphore::new(limits.bytes_max.div_ceil(1024)));
        let answering = Arc::new(Answering { intake, limits, memory });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < limits.connections_max => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&answering), stopped.clone()))),
                    Err(error) => {
                        warn!(%error, "the receiver of spans could not accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

async fn serve(stream: TcpStream, answering: Arc<Answering>, mut stopped: watch::Receiver<()>) {
    let service = service_fn(move |request| {
        let answering = Arc::clone(&answering);
        async move { Ok::<_, std::convert::Infallible>(answering.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection of the receiver of spans failed");
    }
}

/// A running receiver.
#[derive(Debug)]
pub struct ReceiverHandle {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
}

impl ReceiverHandle {
    /// Takes no new connection, lets messages being read finish, and gives up after `within`. To be called before the
    /// collector is shut down.
    pub async fn shutdown(mut self, within: Duration) {
        self.stop.send_replace(());
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            debug!("the receiver of spans had connections left when it ended");
        }
    }
}

#[cfg(test)]
mod tests;
