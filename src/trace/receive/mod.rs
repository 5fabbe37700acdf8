//! Spans of the applications behind Waylight: receivers of OTLP over HTTP and gRPC, and which spans are kept.
//!
//! Applications are told where they are by `OTEL_EXPORTER_OTLP_ENDPOINT`. They serve this machine's programs, never a
//! browser: a request with an `Origin`, or for a host that is not loopback, is refused, so that no web page can
//! write spans by way of a visitor's browser. A receiver that can be reached from outside demands a token.

pub mod browser;
pub mod claims;
mod gate;
mod grpc;
mod http;
mod json;
pub mod room;
pub mod sentry;
mod split;
pub mod weight;

use std::{io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tracing::{debug, warn};

pub use self::{
    grpc::{Flag, message},
    http::{Encoding, decode},
};

use self::gate::{Gate, Reach};
use super::collector::Intake;
use crate::config::model::{Receive, Secret};

/// Calls in progress on one gRPC connection.
const STREAMS_MAX: u32 = 16;

/// The bounds of a receiver.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverLimits {
    /// The largest message, in octets, both as sent and decompressed (OTLP 1.11 recommends 64 MiB).
    pub request_bytes_max: usize,
    /// The most octets of all messages being read and joined, in memory: some small ones grow a hundredfold there.
    pub bytes_max: usize,
    /// The most spans of all messages in a second.
    pub spans_per_second_max: u64,
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
            spans_per_second_max: 100_000,
            connections_max: 256,
            timeout_request: Duration::from_secs(10),
        }
    }
}

/// What a receiver demands of its senders.
#[derive(Clone, Debug, Default)]
pub struct ReceiverTerms {
    /// The bounds.
    pub limits: ReceiverLimits,
    /// What senders must present.
    pub token: Option<Secret>,
}

impl ReceiverTerms {
    /// As configured.
    pub fn of(receive: &Receive) -> Self {
        let limits = ReceiverLimits {
            request_bytes_max: receive.message_bytes_max,
            bytes_max: receive.bytes_max,
            spans_per_second_max: receive.spans_per_second_max,
            ..ReceiverLimits::default()
        };
        Self { limits, token: receive.token.clone() }
    }
}

/// Where processes are told to send their spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpansTo {
    /// The receiver of OTLP over HTTP.
    pub http: Option<SocketAddr>,
    /// The receiver of OTLP over gRPC.
    pub grpc: Option<SocketAddr>,
    /// What they demand.
    pub token: Option<Secret>,
}

/// What a receiver speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over HTTP, in protobuf or JSON.
    Http,
    /// OTLP over gRPC.
    Grpc,
}

/// A listening receiver that does not answer yet, so that its address can be handed to applications first.
#[derive(Debug)]
pub struct Receiver {
    listener: TcpListener,
    protocol: Protocol,
    terms: ReceiverTerms,
}

impl Receiver {
    /// Listens at `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// If the address cannot be bound, or can be reached from outside and there is no token.
    pub async fn bind(address: SocketAddr, protocol: Protocol, terms: ReceiverTerms) -> io::Result<Self> {
        if !address.ip().is_loopback() && terms.token.is_none() {
            let what = format!("{address} is not loopback, and there is no token");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(Self { listener: TcpListener::bind(address).await?, protocol, terms })
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
        let Self { listener, protocol, terms } = self;
        let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let reach = if is_loopback { Reach::Loopback } else { Reach::Outside };
        let connections_max = terms.limits.connections_max;
        let gate = Arc::new(Gate::new(intake, terms));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < connections_max => match accepted {
                    Ok((stream, _)) => {
                        let served = Served { gate: Arc::clone(&gate), reach, stopped: stopped.clone() };
                        match protocol {
                            Protocol::Http => drop(connections.spawn(served.http(stream))),
                            Protocol::Grpc => drop(connections.spawn(served.grpc(stream))),
                        }
                    }
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

/// One connection.
struct Served {
    gate: Arc<Gate>,
    reach: Reach,
    stopped: watch::Receiver<()>,
}

impl Served {
    async fn http(self, stream: TcpStream) {
        let Self { gate, reach, stopped } = self;
        let service = service_fn(move |request| {
            let gate = Arc::clone(&gate);
            async move { Ok::<_, std::convert::Infallible>(http::answer(&gate, reach, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        drive(connection, stopped, |connection| connection.graceful_shutdown()).await;
    }

    async fn grpc(self, stream: TcpStream) {
        let Self { gate, reach, stopped } = self;
        let service = service_fn(move |request| {
            let gate = Arc::clone(&gate);
            async move { Ok::<_, std::convert::Infallible>(grpc::answer(&gate, reach, request).await) }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(16 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        drive(connection, stopped, |connection| connection.graceful_shutdown()).await;
    }
}

/// Serves a connection to its end, which `leave` asks for when everything stops.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    mut stopped: watch::Receiver<()>,
    leave: impl FnOnce(Pin<&mut C>),
) {
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            leave(connection.as_mut());
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
