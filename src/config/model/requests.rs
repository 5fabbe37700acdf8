//! What is kept of requests, and how spans of applications come in: `[requests]` and `[receive]`.

use std::{net::SocketAddr, time::Duration};

use http::HeaderName;

use super::Secret;
use crate::rules::keep::Keep;

/// What is kept of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Requests {
    /// Requests remembered in memory, traced or not.
    pub recent_max: usize,
    /// Which are stored.
    pub store: StoreRequests,
    /// The most untraced ones stored in a second.
    pub store_per_second_max: u64,
    /// Untraced requests that are kept as traces: those that one of these rules holds for.
    pub keep: Vec<Keep>,
    /// The most spans a minute of traces that were kept by a rule, and of routes in tail mode.
    pub keep_spans_per_minute_max: u64,
}

/// Which requests are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreRequests {
    /// All, within a bound.
    All,
    /// Traced ones.
    Traced,
}

/// How spans of applications come in.
#[derive(Clone, Debug, PartialEq)]
pub struct Receive {
    /// Where OTLP over HTTP is taken.
    pub http: Option<SocketAddr>,
    /// Where OTLP over gRPC is taken.
    pub grpc: Option<SocketAddr>,
    /// What senders must present.
    pub token: Option<Secret>,
    /// Which spans are kept.
    pub keep: ReceiveKeep,
    /// Which spans go on to the back ends.
    pub forward: Forward,
    /// The largest message, in octets, both as sent and decompressed.
    pub message_bytes_max: usize,
    /// The most octets of all messages being read and joined.
    pub bytes_max: usize,
    /// The most spans a second, over all senders.
    pub spans_per_second_max: u64,
    /// Octets of spans that wait for their trace to be known.
    pub waiting_bytes_max: usize,
    /// How long they wait.
    pub waiting_max: Duration,
    /// Recent traces of the edge that are remembered.
    pub traces_max: usize,
    /// The most spans that applications may add to one trace.
    pub spans_per_trace_max: usize,
    /// A request's name goes to the upstream in this header, so that traces which an app begins anew can be joined.
    pub request_id_header: Option<HeaderName>,
}

impl Receive {
    /// The places where spans come in.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.http.into_iter().chain(self.grpc)
    }
}

/// Which spans of applications are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveKeep {
    /// Those of traces that Waylight records too.
    Traced,
    /// All.
    All,
}

/// Which spans of applications go on to the back ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// None.
    None,
    /// Those of traces that Waylight records too.
    Traced,
    /// All.
    All,
}
