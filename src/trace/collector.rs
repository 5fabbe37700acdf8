//! The background end of recording: takes finished requests from the workers' queue and spans from applications, joins
//! the two, encodes each batch once, and hands it to every sink. Each sink has a bounded queue and a task of its own, so
//! one that is slow loses its own batches and delays nobody else.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, watch},
    task::JoinSet,
};
use tracing::warn;

use super::{
    counters::Counters,
    encode::{self, Resource},
    kept,
    live::{Event, Hub},
    outbox::Inbox,
    quota::Quota,
    receive::{
        browser::{self, Cleaned},
        room::{Asked, Named, Part, Room, RoomLimits},
    },
    record::{Role, SpanRecord},
    redact,
    requests::keep,
    sink::{Batch, Sink, Source, span_count},
    stage::Stage,
    store::Erasures,
};
use crate::{
    clock::{self, Instant},
    config::model::Forward,
    rules::headers::redact::Redaction,
};

/// The most requests taken from the workers' queue at once.
const REQUESTS_MAX: usize = 256;
/// Applications' messages that may wait to be joined.
const INTAKE_MAX: usize = 64;
/// Triggers of traces that nobody asked for: a ratio, a route's rule, tail mode, and what rules keep afterwards.
const UNASKED: [&str; 4] = ["ratio", "route", "tail", keep::TRIGGER];
/// How often waiting spans of applications are looked through.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);

/// How a collector works.
#[derive(Clone, Debug)]
pub struct CollectorSettings {
    /// Whom the edge's spans come from.
    pub resource: Resource,
    /// The most spans of one batch; a single request is never cut.
    pub batch_spans_max: usize,
    /// The most batches that wait for one sink.
    pub sink_queue_max: usize,
    /// The pause between two looks at the workers' queue. A worker that finds nobody waiting wakes nobody, which is
    /// what makes a traced request cheap; so this bounds the processor's cost, and the delay of what people see. What
    /// waits meanwhile shall still fit into the processor's cache.
    pub pause: Duration,
    /// Which spans of applications are joined.
    pub room: RoomLimits,
    /// Where spans of watched traces are published.
    pub hub: Option<Arc<Hub>>,
    /// Where it is counted what applications add to traces that nobody asked for.
    pub quota: Arc<Quota>,
    /// Traces that were erased of late: what comes of them goes nowhere.
    pub erased: Arc<Erasures>,
}

/// A sink, and the spans of applications that it is given; it is given all of the edge's.
#[derive(Clone)]
pub struct Outlet {
    /// The sink.
    pub sink: Arc<Sink>,
    /// Which spans of applications.
    pub apps: Forward,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outlet({}, {:?})", self.sink.name(), self.apps)
    }
}

impl CollectorSettings {
    /// The defaults, for this resource.
    pub fn new(resource: Resource) -> Self {
        Self {
            resource,
            batch_spans_max: 512,
            sink_queue_max: 256,
            pause: Duration::from_millis(4),
            room: RoomLimits::default(),
            hub: None,
            quota: Arc::new(Quota::unlimited()),
            erased: Arc::default(),
        }
    }
}

/// Starts collectors.
#[derive(Debug)]
pub struct Collector;

impl Collector {
    /// Starts on the current tokio runtime; ends with [`CollectorHandle::shutdown`].
    pub fn start(
        settings: CollectorSettings,
        inbox: Inbox,
        sinks: Vec<Outlet>,
        counters: Arc<Counters>,
    ) -> CollectorHandle {
        let mut tasks = JoinSet::new();
        let deadline = Arc::new(OnceLock::new());
        let (stop, stopped) = watch::channel(());
        let (resource, resource_now) = watch::channel(settings.resource.clone());
        let (redaction, redaction_now) = watch::channel(Arc::default());
        let (intake, offered) = mpsc::channel(INTAKE_MAX);
        let outlets = sinks
            .into_iter()
            .map(|Outlet { sink, apps }| {
                let (queue, batches) = mpsc::channel(settings.sink_queue_max.max(1));
                tasks.spawn(feed(sink, batches, Arc::clone(&deadline)));
                (queue, apps)
            })
            .collect();
        let running = Running {
            room: Room::new(settings.room.clone()),
            settings,
            resource: resource_now,
            redaction: redaction_now,
            outlets,
            counters: Arc::clone(&counters),
        };
        tasks.spawn(running.run(inbox, offered, stopped));
        CollectorHandle { tasks, stop, resource, redaction, deadline, intake: Intake { queue: intake, counters } }
    }
}

/// A running collector.
#[derive(Debug)]
pub struct CollectorHandle {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
    resource: watch::Sender<Resource>,
    redaction: watch::Sender<Arc<Redaction>>,
    deadline: Arc<OnceLock<Instant>>,
    intake: Intake,
}

impl CollectorHandle {
    /// Where spans of applications are handed in.
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// From now on the edge's spans come from `resource`.
    pub fn describe(&self, resource: Resource) {
        self.resource.send_replace(resource);
    }

    /// From now on spans are handed on without what this hides.
    pub fn redact(&self, redaction: Arc<Redaction>) {
        self.redaction.send_replace(redaction);
    }

    /// Takes everything that waits, hands it to the sinks and has them flush; gives up after `within`. Call it when
    /// the workers have ended: what they record later is counted as dropped.
    pub async fn shutdown(self, within: Duration) {
        let Self { mut tasks, stop, deadline, intake, .. } = self;
        deadline.get_or_init(|| clock::now().plus(within));
        drop(intake);
        stop.send_replace(());
        let all = async { while tasks.join_next().await.is_some() {} };
        // The sinks give up at the deadline by themselves; one that does not is ended a little later.
        if tokio::time::timeout(within + Duration::from_millis(250), all).await.is_err() {
            warn!("a sink of spans did not end in time");
        }
    }
}

/// Where spans of applications are handed in.
#[derive(Clone, Debug)]
pub struct Intake {
    queue: mpsc::Sender<Offer>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Offer {
    request: ExportTraceServiceRequest,
    /// Traces that count as recorded here from now on.
    claimed: Vec<TraceId>,
    /// Memory that the receiver lent to this message, given back when it has been joined.
    _lent: Option<OwnedSemaphorePermit>,
}

/// The collector cannot take more now; the sender may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeFull;

impl Intake {
    /// Hands a message in; `lent` is held until it has been dealt with.
    ///
    /// # Errors
    /// When too many messages wait already, or the collector ends.
    pub fn offer(
        &self,
        request: ExportTraceServiceRequest,
        lent: Option<OwnedSemaphorePermit>,
    ) -> Result<(), IntakeFull> {
        let spans = span_count(&request) as u64;
        self.queue.try_send(Offer { request, claimed: Vec::new(), _lent: lent }).map_err(|_| IntakeFull)?;
        self.counters.app_spans_received.add(spans);
        Ok(())
    }

    /// Hands in what a browser sent, of traces that belong to its session: the edge may not have recorded all of them.
    ///
    /// # Errors
    /// When too many messages wait already, or the collector ends.
    pub fn offer_of_browser(&self, cleaned: Cleaned) -> Result<(), IntakeFull> {
        let spans = cleaned.spans() as u64;
        let claimed = cleaned.traces.iter().map(|(trace, _)| *trace).collect();
        self.queue.try_send(Offer { request: cleaned.message(), claimed, _lent: None }).map_err(|_| IntakeFull)?;
        self.counters.browser_spans_received.add(spans);
        Ok(())
    }

    /// Spans were refused: there were too many in a second.
    pub fn refused(&self, spans: usize) {
        self.counters.app_spans_refused.add(spans as u64);
    }

    /// Spans were rejected: their ids name nothing.
    pub fn rejected(&self, spans: usize) {
        self.counters.app_spans_rejected.add(spans as u64);
    }
}

struct Running {
    settings: CollectorSettings,
    resource: watch::Receiver<Resource>,
    redaction: watch::Receiver<Arc<Redaction>>,
    room: Room,
    outlets: Vec<(mpsc::Sender<Batch>, Forward)>,
    counters: Arc<Counters>,
}

impl Running {
    async fn run(mut self, mut inbox: Inbox, mut offered: mpsc::Receiver<Offer>, mut stopped: watch::Receiver<()>) {
        let mut requests = Vec::with_capacity(REQUESTS_MAX);
        let mut expire = tokio::time::interval(EXPIRE_EVERY);
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                _ = expire.tick() => self.expire(),
                Some(offer) = offered.recv() => self.take(offer),
                taken = inbox.recv_many(&mut requests, REQUESTS_MAX), if open => {
                    open = taken > 0;
                    self.collect(&mut requests);
                    // Under load the next look is due at once.
                    if (1..REQUESTS_MAX).contains(&taken) {
                        tokio::select! {
                            biased;
                            _ = stopped.changed() => break,
                            () = tokio::time::sleep(self.settings.pause) => {}
                        }
                    }
                }
            }
        }
        inbox.close();
        offered.close();
        while inbox.recv_many(&mut requests, REQUESTS_MAX).await > 0 {
            self.collect(&mut requests);
        }
        while let Some(offer) = offered.recv().await {
            self.take(offer);
        }
    }

    fn take(&mut self, Offer { request, claimed, _lent }: Offer) {
        for trace in claimed {
            let waited = self.room.recorded(trace, None, Some(Asked::BySomebody));
            self.hand_over_apps(waited);
        }
        self.join(request);
    }

    /// Batches what the workers recorded.
    fn collect(&mut self, requests: &mut Vec<Vec<SpanRecord>>) {
        let mut batch: Vec<Vec<SpanRecord>> = Vec::new();
        let mut count = 0;
        let mut waited = Vec::new();
        let redaction = Arc::clone(&self.redaction.borrow());
        for mut request in requests.drain(..) {
            if request.first().is_some_and(|span| self.is_erased(span.trace_id, request.len())) {
                continue;
            }
            redact::edge(&mut request, &redaction);
            if let Some(span) = request.first() {
                let (named, asked) = named(&request).unzip();
                waited.append(&mut self.room.recorded(span.trace_id, named, asked));
                self.publish_edge(span.trace_id, &request);
            }
            if count > 0 && count + request.len() > self.settings.batch_spans_max {
                self.hand_over_edge(&batch, count);
                batch.clear();
                count = 0;
            }
            count += request.len();
            batch.push(request);
        }
        if count > 0 {
            self.hand_over_edge(&batch, count);
        }
        self.hand_over_apps(waited);
    }

    fn hand_over_edge(&self, requests: &[Vec<SpanRecord>], count: usize) {
        if self.outlets.is_empty() {
            return;
        }
        let encoded = encode::request(&self.resource.borrow(), requests.iter().flatten());
        self.hand_over(&Batch::new(Source::Edge, count, encoded), |_| true);
    }

    /// Whoever looks at a trace sees its spans at once; nobody does, mostly.
    fn publish_edge(&self, trace: TraceId, request: &[SpanRecord]) {
        let Some(hub) = &self.settings.hub else { return };
        hub.states().recorded(request, clock::now());
        if hub.is_watched(trace) {
            let encoded = encode::request(&self.resource.borrow(), request.iter());
            let batch = Batch::new(Source::Edge, request.len(), encoded);
            hub.publish(|| Event::Spans(trace, batch));
        }
    }

    /// Whether a trace was erased of late; these spans of it are dropped then.
    fn is_erased(&self, trace: TraceId, spans: usize) -> bool {
        let erased = self.settings.erased.refuse(trace, clock::now());
        if erased {
            self.counters.spans_dropped_erased.add(spans as u64);
        }
        erased
    }

    fn join(&mut self, mut request: ExportTraceServiceRequest) {
        for scope in request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
            scope.spans.retain(|span| !self.is_erased(kept::trace_id(&span.trace_id), 1));
        }
        redact::apps(&mut request, &self.redaction.borrow());
        if self.outlets.iter().any(|(_, apps)| *apps == Forward::All) {
            let batch = Batch::of(Source::App, &request);
            if batch.spans() > 0 {
                self.hand_over(&batch, |apps| apps == Forward::All);
            }
        }
        let ready = self.room.offered(request, clock::now());
        self.hand_over_apps(ready);
        self.expire();
    }

    /// Spans of applications that belong to traces of the edge.
    fn hand_over_apps(&mut self, parts: Vec<Part>) {
        let unasked = self.room.take_unasked();
        if unasked > 0 {
            self.settings.quota.spend_unasked(unasked as u64, clock::unix_seconds());
        }
        let mut whole = ExportTraceServiceRequest::default();
        for (trace, part) in parts {
            // Some were joined to a trace by their request, or waited for it.
            if self.is_erased(trace, span_count(&part)) {
                continue;
            }
            if let Some(hub) = &self.settings.hub {
                arrived(hub, trace, &part);
            }
            whole.resource_spans.extend(part.resource_spans);
        }
        let batch = Batch::of(Source::App, &whole);
        if batch.spans() > 0 {
            self.hand_over(&batch, |apps| apps == Forward::Traced);
        }
    }

    fn expire(&mut self) {
        self.counters.app_spans_dropped.add(self.room.expire(clock::now()) as u64);
        if let Some(hub) = &self.settings.hub {
            hub.publish_states();
        }
    }

    fn hand_over(&self, batch: &Batch, to: impl Fn(Forward) -> bool) {
        for (outlet, _) in self.outlets.iter().filter(|(_, apps)| to(*apps)) {
            if outlet.try_send(batch.clone()).is_err() {
                self.counters.spans_dropped_sink.add(batch.spans() as u64);
            }
        }
    }
}

/// What an application sent of a trace, for whoever looks at it.
fn arrived(hub: &Hub, trace: TraceId, part: &ExportTraceServiceRequest) {
    let scopes = part.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    // A page may tell of itself for hours, which says nothing of the apps that are waited for.
    let of_apps = scopes.filter(|spans| spans.scope.as_ref().is_none_or(|scope| scope.name != browser::SCOPE));
    let parents = of_apps.flat_map(|scope| &scope.spans).filter_map(|span| span.parent_span_id[..].try_into().ok());
    let mut states = hub.states();
    for parent in parents {
        states.arrived(trace, SpanId::from_bytes(parent), clock::now());
    }
    drop(states);
    if hub.is_watched(trace) {
        hub.publish(|| Event::Spans(trace, Batch::of(Source::App, part)));
    }
}

/// The name of the request that was recorded, where an application's spans of it belong, and whether somebody asked for its
/// trace; `None`: its root is still to come.
fn named(spans: &[SpanRecord]) -> Option<(Named, Asked)> {
    let (root, request, trigger) = spans.iter().rev().find_map(|span| match span.role {
        Role::Root { request, trigger } => Some((span, request, trigger)),
        Role::Part | Role::Answered(_) => None,
    })?;
    let attempt = spans.iter().rev().find(|span| span.stage == Stage::UpstreamRequest);
    let asked = if UNASKED.contains(&trigger) { Asked::ByNobody } else { Asked::BySomebody };
    Some((Named { request, trace: root.trace_id, parent: attempt.unwrap_or(root).span_id }, asked))
}

/// Feeds one sink until the collector ends.
async fn feed(sink: Arc<Sink>, mut batches: mpsc::Receiver<Batch>, deadline: Arc<OnceLock<Instant>>) {
    while let Some(batch) = batches.recv().await {
        if let Err(error) = sink.write(batch).await {
            warn!(sink = sink.name(), %error, "a batch of spans was not taken");
        }
    }
    let deadline = deadline.get().copied().unwrap_or_else(clock::now);
    if let Err(error) = sink.flush(deadline).await {
        warn!(sink = sink.name(), %error, "spans were not flushed");
    }
}

#[cfg(test)]
mod tests;
