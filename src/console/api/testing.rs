//! What tests of the API need: a shelf with a store in memory, and answers read to their end.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, watch};

use super::{Answer, Shelf};
use crate::config::model::{Config, ConsoleLimits};
use crate::rules::{
    balance::Fared,
    startup::{Process, State},
};
use crate::trace::{
    counters::Counters,
    export::Exporters,
    live::{Hub, HubLimits},
    outbox::Outbox,
    quota::Quota,
    requests::{keep::Keeper, recent::Requests, ring::Ring},
    store::{
        TraceStore,
        memory::{MemoryLimits, MemoryStore},
    },
};

impl Shelf {
    /// An empty store in memory, and nothing else.
    pub(crate) fn bare() -> Arc<Self> {
        let quota = Arc::new(Quota::new(1_000));
        Self::of(Arc::new(MemoryStore::new(MemoryLimits::default(), Arc::clone(&quota), Arc::default())), quota)
    }

    /// A store, and nothing else.
    pub(crate) fn of(store: Arc<dyn TraceStore>, quota: Arc<Quota>) -> Arc<Self> {
        let requests = Requests::new(Arc::new(Ring::new(16)), Some(store));
        let hub = Hub::new(HubLimits::default(), Arc::default());
        let counters = Arc::new(Counters::default());
        let outbox = Outbox::new(16, Arc::clone(&counters)).0;
        Arc::new(Self {
            keeper: Keeper { requests: requests.clone(), hub: Arc::clone(&hub), outbox, counters },
            requests,
            hub,
            streams: Arc::new(Semaphore::new(16)),
            limits: watch::Sender::new(limits()),
            quota,
            cache: Arc::new(|_, _| 2),
            processes: Arc::new(|| {
                vec![Process {
                    upstream: "shop".into(),
                    state: State::Ready,
                    starts: 1,
                    failed: false,
                    pid: Some(7),
                    port: Some(8),
                    since: Some(9),
                }]
            }),
            endpoints: Arc::new(|| {
                vec![Fared {
                    upstream: "shop".into(),
                    endpoint: "http://127.0.0.1:8".into(),
                    attempts: 5,
                    failed: 2,
                    failed_in_a_row: 1,
                    last_failure: Some((9, "connection_refused")),
                }]
            }),
            exporters: Exporters::new(&[]).unwrap(),
            intake: None,
            receiver: Some("127.0.0.1:4318".into()),
            edge: Arc::default(),
            whole: watch::Sender::new("the whole console is at console.example".into()),
            effective: watch::Sender::new("workers = 2".into()),
        })
    }
}

/// The bounds that there are without a file.
fn limits() -> ConsoleLimits {
    let (upstream, listen) = ("http://127.0.0.1:1".parse().unwrap(), ([127, 0, 0, 1], 0).into());
    Config::minimal(&upstream, listen).unwrap().console
}

/// Reads an answer to its end, while what is left of it is written.
pub(crate) async fn read(answer: impl Future<Output = Answer>) -> Response<Bytes> {
    let Answer { response, rest } = answer.await;
    let (head, body) = response.into_parts();
    let rest = async {
        if let Some(rest) = rest {
            rest.await;
        }
    };
    let (body, ()) = tokio::join!(body.collect(), rest);
    Response::from_parts(head, body.unwrap().to_bytes())
}
