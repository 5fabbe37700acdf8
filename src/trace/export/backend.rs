//! One back end: its queue, its senders, and what is tried again (OTLP 1.11, "Failures" and "OTLP/HTTP Throttling").

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use tokio::{sync::watch, task::JoinSet, time};
use tracing::{info, warn};

use super::{
    connector::{ExportError, Files},
    grpc::Grpc,
    http::Http,
    lock,
    parts::Parts,
    queue::{Limits, Message, Queue},
    status::{ExportStatus, Tally},
};
use crate::{
    clock::{self, Instant},
    config::model::{Export, ExportProtocol},
    trace::sink::Batch,
};

/// Messages under way at once, so that a distant back end is not limited by its round trip.
const SENDERS: usize = 4;
/// The first pause before an attempt is made again; it doubles each time.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// The longest pause that we choose ourselves.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The log is told of dropped spans at most so often.
const DROPS_SAID_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct BackEnd {
    shared: Arc<Shared>,
    files: Files,
    senders: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    export: Export,
    queue: Queue,
    transport: Transport,
    tally: Tally,
    /// Whether the latest attempt failed: a back end that fails is logged once, not at each attempt.
    failing: AtomicBool,
    /// No attempt before this moment, since the back end asked for time: nanoseconds of [`Instant`].
    not_before: AtomicU64,
    /// Spans that were dropped, and of which the log knows nothing yet.
    unsaid: AtomicU64,
    /// The log is told of no drop before this moment: nanoseconds of [`Instant`].
    silent_until: AtomicU64,
    hurry: watch::Sender<bool>,
}

#[derive(Debug)]
enum Transport {
    Grpc(Grpc),
    Http(Http),
}

impl Transport {
    /// A message as it is sent.
    fn body(&self, message: &Message) -> Result<Parts, String> {
        match self {
            Self::Grpc(_) => Ok(message.encoded.clone()),
            Self::Http(http) => http.body(message),
        }
    }

    async fn send(&self, body: Parts) -> Result<Accepted, Failure> {
        match self {
            Self::Grpc(grpc) => grpc.send(body).await,
            Self::Http(http) => http.send(body).await,
        }
    }
}

/// The back end took the message, but for so many spans.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) rejected: u64,
    pub(super) message: String,
}

/// The back end did not take the message.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) again: Again,
}

/// Whether an attempt is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// When we think fit.
    Backoff,
    /// When the back end said.
    After(Duration),
}

impl BackEnd {
    pub(super) fn new(export: Export, files: Files) -> Result<Self, ExportError> {
        let transport = match export.protocol {
            ExportProtocol::Grpc => Transport::Grpc(Grpc::new(&export, &files)?),
            ExportProtocol::HttpProtobuf | ExportProtocol::HttpJson => Transport::Http(Http::new(&export, &files)?),
        };
        let shared = Arc::new(Shared {
            queue: Queue::new(Limits {
                spans_max: export.queue_spans_max,
                bytes_max: export.queue_bytes_max,
                batch_spans_max: export.batch_spans_max.max(1),
                batch_delay: export.batch_delay,
            }),
            transport,
            tally: Tally::default(),
            failing: AtomicBool::new(false),
            not_before: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
            silent_until: AtomicU64::new(0),
            hurry: watch::Sender::new(false),
            export,
        });
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            senders.spawn(Arc::clone(&shared).run());
        }
        Ok(Self { shared, files, senders: Mutex::new(senders) })
    }

    pub(super) fn name(&self) -> &str {
        &self.shared.export.name
    }

    pub(super) fn is_as(&self, export: &Export, files: &Files) -> bool {
        self.shared.export == *export && self.files == *files
    }

    pub(super) fn push(&self, batch: &Batch) {
        let shared = &self.shared;
        let most = shared.export.batch_spans_max.max(1);
        let dropped = if batch.spans() <= most {
            shared.queue.push(batch.clone())
        } else {
            match split(batch, most) {
                Ok(parts) => parts.into_iter().map(|part| shared.queue.push(part)).sum(),
                Err(_) => batch.spans(),
            }
        };
        shared.tally.dropped_queue.add(dropped as u64);
    }

    pub(super) fn status(&self) -> ExportStatus {
        let Shared { export, queue, tally, .. } = &*self.shared;
        let (queue_spans, queue_bytes) = queue.size();
        ExportStatus {
            name: export.name.clone(),
            authority: export.endpoint.authority().map(ToString::to_string).unwrap_or_default(),
            protocol: export.protocol,
            sent: tally.sent.value(),
            rejected: tally.rejected.value(),
            dropped_queue: tally.dropped_queue.value(),
            dropped_failed: tally.dropped_failed.value(),
            dropped_shutdown: tally.dropped_shutdown.value(),
            retries: tally.retries.value(),
            queue_spans,
            queue_bytes,
            last_error: tally.last_error(),
        }
    }

    /// Sends what is there, without waiting for messages to fill, until `deadline`; what is left then is dropped.
    pub(super) async fn flush(&self, deadline: Instant) {
        let shared = &self.shared;
        shared.queue.hurry();
        shared.hurry.send_replace(true);
        let left = deadline.since(clock::now());
        let emptied = time::timeout(left, shared.queue.emptied()).await.is_ok();
        let mut senders = std::mem::take(&mut *lock(&self.senders));
        senders.shutdown().await;
        if !emptied {
            let dropped = shared.queue.clear();
            shared.tally.dropped_shutdown.add(dropped as u64);
            warn!(
                back_end = self.name(),
                spans = dropped,
                "spans were dropped: the back end did not take them in time"
            );
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        loop {
            let message = self.queue.gather().await;
            self.deliver(&message).await;
            self.queue.done(&message);
        }
    }

    async fn deliver(&self, message: &Message) {
        // Written once, however often it is sent: a back end that fails costs no more than one that does not.
        let body = match self.transport.body(message) {
            Ok(body) => body,
            Err(error) => {
                self.tally.error(&error);
                self.tally.dropped_failed.add(message.spans as u64);
                return;
            }
        };
        let begun = clock::now();
        let give_up = begun.plus(self.export.retry_max);
        let mut backoff = BACKOFF_MIN;
        loop {
            // The end of Waylight does not wait for what a back end asked for.
            if !*self.hurry.borrow() {
                self.wait_until(Instant::from_nanos(self.not_before.load(Ordering::Relaxed))).await;
            }
            let failure = match self.attempt(body.clone()).await {
                Ok(accepted) => return self.delivered(message, &accepted),
                Err(failure) => failure,
            };
            self.tally.error(&failure.message);
            if !self.failing.swap(true, Ordering::Relaxed) {
                warn!(back_end = self.export.name, error = failure.message, "back end does not take spans");
            }
            let now = clock::now();
            let next = match failure.again {
                Again::Never => None,
                Again::Backoff => {
                    // Half of the pause is chance, so that senders do not come back in step.
                    let pause = backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                    Some(now.plus(pause))
                }
                Again::After(pause) => {
                    let next = now.plus(pause);
                    self.not_before.fetch_max(next.nanos(), Ordering::Relaxed);
                    Some(next)
                }
            };
            match next {
                Some(next) if next <= give_up => {
                    self.wait_until(next).await;
                    self.tally.retries.one();
                }
                _ => {
                    self.tally.dropped_failed.add(message.spans as u64);
                    self.warn_of_drop(message.spans as u64);
                    return;
                }
            }
        }
    }

    /// Says how many spans were dropped since it was said last, but not at every message.
    fn warn_of_drop(&self, spans: u64) {
        self.unsaid.fetch_add(spans, Ordering::Relaxed);
        let now = clock::now();
        let due = self.silent_until.load(Ordering::Relaxed);
        let next = now.plus(DROPS_SAID_EVERY).nanos();
        let mine = || self.silent_until.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if now.nanos() >= due && mine() {
            let spans = self.unsaid.swap(0, Ordering::Relaxed);
            warn!(back_end = self.export.name, spans, "spans were dropped: the back end did not take them");
        }
    }

    async fn attempt(&self, body: Parts) -> Result<Accepted, Failure> {
        time::timeout(self.export.timeout, self.transport.send(body))
            .await
            .unwrap_or_else(|_| Err(Failure { message: "no answer in time".to_owned(), again: Again::Backoff }))
    }

    fn delivered(&self, message: &Message, accepted: &Accepted) {
        let spans = message.spans as u64;
        let rejected = accepted.rejected.min(spans);
        self.tally.sent.add(spans - rejected);
        self.tally.rejected.add(rejected);
        if rejected > 0 || !accepted.message.is_empty() {
            self.tally.error(&format!("{rejected} spans rejected: {}", accepted.message));
            warn!(back_end = self.export.name, rejected, message = accepted.message, "back end took a part");
        }
        if self.failing.swap(false, Ordering::Relaxed) {
            info!(back_end = self.export.name, "back end takes spans again");
        }
    }

    /// Waits until `moment`, or until there is a hurry for the first time: then one more attempt is due at once.
    async fn wait_until(&self, moment: Instant) {
        let wait = moment.since(clock::now());
        if wait.is_zero() {
            return;
        }
        let mut hurry = self.hurry.subscribe();
        tokio::select! {
            () = time::sleep(wait) => {}
            _ = hurry.changed() => {}
        }
    }
}

/// Cuts a batch into parts of at most `most` spans.
fn split(batch: &Batch, most: usize) -> Result<Vec<Batch>, crate::trace::sink::SinkError> {
    let mut parts = Vec::new();
    for ResourceSpans { resource, scope_spans, schema_url } in batch.decode()?.resource_spans {
        for ScopeSpans { scope, mut spans, schema_url: scope_schema_url } in scope_spans {
            while !spans.is_empty() {
                let rest = spans.split_off(most.min(spans.len()));
                let scope_spans =
                    vec![ScopeSpans { scope: scope.clone(), spans, schema_url: scope_schema_url.clone() }];
                let part = ResourceSpans { resource: resource.clone(), scope_spans, schema_url: schema_url.clone() };
                let request = ExportTraceServiceRequest { resource_spans: vec![part] };
                parts.push(Batch::of(batch.source(), &request));
                spans = rest;
            }
        }
    }
    Ok(parts)
}
