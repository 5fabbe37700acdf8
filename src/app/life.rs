//! What lives as long as the process, whatever the configuration says: state, sessions, the ways out of spans, name
//! look-ups, upstream processes, and the way to Waylight's own pages. Made once; a reload only tells it what changed.

use std::{num::NonZero, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    task::JoinSet,
};

use super::{
    pages,
    print::Printer,
    receivers::{ReceiverStatus, Receivers},
    state::{State, UsedKeeper},
};
use crate::{
    config::{
        effective,
        model::{Config, Forward, ReceiveKeep, Store, StoreKind, Toggle},
    },
    console::{
        self, Console, Parts,
        api::{Shelf, replay::OwnEdge},
        audit::Audit,
    },
    error::BoxError,
    proxy::{
        cache::CacheStore,
        reserved::Door,
        sentry::SentryServices,
        snapshot::{Services, Snapshot, redaction},
        stack::Worker,
        upstreams::UpstreamServices,
    },
    rules::{balance::Fared, startup::Process, token::Keys},
    trace::{
        collector::{Collector, CollectorHandle, CollectorSettings, Outlet},
        counters::Counters,
        encode::Resource,
        export::Exporters,
        live::{Hub, HubLimits},
        outbox::{Inbox, Outbox},
        quota::Quota,
        receive::{
            room::RoomLimits,
            sentry::{Copies, Reader, ReaderParts},
        },
        requests::{
            intake::{IntakeParts, RequestIntake, StoreBounds},
            keep::{KeepRules, Keeper},
            log::{RequestInbox, RequestOutbox},
            recent::Requests,
            ring::Ring,
        },
        sessions::Budget,
        sink::Sink,
        store::{
            TraceStore,
            memory::{MemoryLimits, MemoryStore},
            sqlite::SqliteStore,
        },
    },
};

/// Spans may take so long to leave at the end.
const FLUSH: Duration = Duration::from_secs(5);
/// Chunks of ended requests that may wait for the background: 8 MiB.
const CHUNKS_MAX: usize = 256;
/// The receiver's last messages may take so long.
const RECEIVE: Duration = Duration::from_secs(1);
/// The console and the admin listener may take so long to end.
const TASKS: Duration = Duration::from_secs(4);

/// What lives as long as the process.
pub(super) struct Life {
    /// The state directory, locked.
    pub(super) state: State,
    /// What every snapshot is built with.
    pub(super) services: Services,
    /// The OTLP back ends.
    pub(super) exporters: Arc<Exporters>,
    /// What is kept of requests and traces; `None`: nothing.
    pub(super) store: Option<Arc<dyn TraceStore>>,
    /// Each worker's counters and its way to the collector.
    pub(super) workers: Vec<Worker>,
    /// What the background counts.
    pub(super) counters: Arc<Counters>,
    /// Where it is written down who did what.
    pub(super) audit: Arc<Audit>,
    /// Waylight's own pages.
    pub(super) console: Arc<Console>,
    /// What their API reads from and writes to.
    shelf: Arc<Shelf>,
    /// Turns true when bodies that never end are to end.
    pub(super) stop: watch::Sender<bool>,
    /// Consoles that answer, and whatever else ends with the process.
    pub(super) tasks: JoinSet<()>,
    spans: Spans,
    envelopes: Reader,
    log: Log,
    /// Writes down what sessions have used.
    used: UsedKeeper,
}

impl Life {
    /// Begins, on the background runtime, with the first configuration. Gives back its keys, too.
    ///
    /// # Errors
    /// The state directory, a back end's files or the receiver's address cannot be used.
    pub(super) async fn begin(config: &Config, print: Toggle) -> Result<(Self, Arc<Keys>), BoxError> {
        let state = State::take(&config.state_dir)?;
        let keys = Arc::new(state.keys(&config.access.secrets)?);
        let sessions = Arc::new(state.sessions(config.limits.sessions_max)?);
        let counters = Arc::new(Counters::default());
        let (outbox, inbox) = Outbox::new(config.trace.queue_max, Arc::clone(&counters));
        let (ended, log) = RequestOutbox::new(CHUNKS_MAX, Arc::clone(&counters));
        let workers = (0..worker_count(config)).map(|_| {
            let counters = Arc::new(Counters::default());
            let requests = ended.counted_by(Arc::clone(&counters));
            Worker { outbox: outbox.counted_by(Arc::clone(&counters)), requests, counters }
        });
        let exporters = Exporters::new(&config.exports)?;
        let upstream = UpstreamServices::new(&Handle::current(), Arc::clone(&counters));
        let quota = Arc::new(Quota::unlimited());
        let (store, stored) = store(config, &state, &quota, &counters)?.unzip();
        let hub = Hub::new(HubLimits::of(&config.console), Arc::clone(&counters));
        let outlets = outlets(config, print, &exporters, stored);
        let spans = Spans::begin(config, inbox, outlets, (&hub, &quota, store.as_deref()), &counters).await;
        upstream.supervisor.receive_spans_at(spans.receivers.told.clone());
        let mut tasks = JoinSet::new();
        let requests = Requests::new(Arc::new(Ring::new(config.requests.recent_max)), store.clone());
        let keeper = Keeper { requests, hub, outbox: outbox.clone(), counters: Arc::clone(&counters) };
        let cache = Arc::new(CacheStore::new(&config.cache, &counters)?);
        let shelf = Arc::new(shelf(config, keeper, &spans, (&quota, &exporters), (&upstream, &cache)));
        let audit = Arc::new(Audit::new(Box::new(state.audit(&config.access)?), Arc::clone(&counters)));
        let parts = Parts {
            keys: Arc::clone(&keys),
            sessions: Arc::clone(&sessions),
            audit: Arc::clone(&audit),
            counters: Arc::clone(&counters),
            shelf: Arc::clone(&shelf),
        };
        let console = Arc::new(Console::new(parts, config.access.clone(), config.privacy));
        let stop = watch::Sender::new(false);
        let door = door(&mut tasks, &console, (&stop, &counters));
        let (copies, inbox) = Copies::new();
        let reader = ReaderParts {
            sessions: Arc::clone(&sessions),
            requests: shelf.requests.clone(),
            intake: spans.collector.intake(),
            counters: Arc::clone(&counters),
        };
        let envelopes = Reader::start(reader, inbox);
        let sentry = SentryServices { permits: Arc::default(), clients: Arc::default(), copies };
        let services = Services { permits: Arc::default(), sessions, quota, door, cache, sentry, upstream };
        let log = Log::begin(config, log, &shelf);
        let used = state.keep_used(Arc::clone(&services.sessions));
        let workers = workers.collect();
        let life = Self {
            state,
            services,
            exporters,
            store,
            workers,
            counters,
            audit,
            console,
            shelf,
            stop,
            tasks,
            spans,
            envelopes,
            log,
            used,
        };
        Ok((life, keys))
    }

    /// Tells what a reload changed: whom the edge's spans come from, what is hidden of all spans, which requests are
    /// stored, and how many spans a month.
    pub(super) fn describe(&self, snapshot: &Snapshot) {
        let config = &snapshot.config;
        self.services.quota.limit(quota(&config.store), config.store.unasked_share);
        self.services.cache.apply(&config.cache);
        self.shelf.effective.send_replace(effective(config).into());
        self.shelf.limits.send_replace(config.console.clone());
        self.shelf.whole.send_replace(console::whole(config).into());
        self.spans.collector.describe(resource(config));
        self.spans.collector.redact(Arc::new(redaction(config)));
        self.log.bounds.send_replace(bounds(config, snapshot.keep.clone()));
    }

    /// From now on requests can be sent again through the process's own listeners.
    pub(super) fn listens(&self, edge: Arc<dyn OwnEdge>) {
        // Set once, at the start.
        self.shelf.edge.set(edge).ok();
    }

    /// How the receivers of spans fare.
    pub(super) fn receivers(&self) -> Vec<ReceiverStatus> {
        self.spans.receivers.status.clone()
    }

    /// Another console, for other keys or other access rules. The one before answers until no snapshot leads to it.
    pub(super) fn other_console(&mut self, config: &Config, keys: &Arc<Keys>) -> (Arc<Console>, Door) {
        while self.tasks.try_join_next().is_some() {}
        let parts = Parts {
            keys: Arc::clone(keys),
            sessions: Arc::clone(&self.services.sessions),
            audit: Arc::clone(&self.audit),
            counters: Arc::clone(&self.counters),
            shelf: Arc::clone(&self.shelf),
        };
        let console = Arc::new(Console::new(parts, config.access.clone(), config.privacy));
        let door = door(&mut self.tasks, &console, (&self.stop, &self.counters));
        (console, door)
    }

    /// Ends. Started processes first: their last spans are still wanted.
    pub(super) async fn end(self) {
        let Self { services, mut tasks, store, spans, envelopes, log, used, workers, .. } = self;
        let Spans { collector, receivers } = spans;
        // With the workers' ends of the queue: nothing comes any more.
        drop(workers);
        services.upstream.supervisor.shutdown().await;
        receivers.shutdown(RECEIVE).await;
        // Rules may still keep what ended last.
        log.intake.shutdown(FLUSH).await;
        envelopes.shutdown(RECEIVE).await;
        collector.shutdown(FLUSH).await;
        used.end().await;
        drop((services, store));
        tokio::time::timeout(TASKS, async { while tasks.join_next().await.is_some() {} }).await.ok();
    }
}

/// What the API reads from and writes to.
fn shelf(
    config: &Config,
    keeper: Keeper,
    spans: &Spans,
    (quota, exporters): (&Arc<Quota>, &Arc<Exporters>),
    (upstream, cache): (&UpstreamServices, &Arc<CacheStore>),
) -> Shelf {
    let cache = Arc::clone(cache);
    Shelf {
        cache: Arc::new(move |what, how| cache.purge(what, how)),
        processes: processes(upstream),
        endpoints: endpoints(upstream),
        requests: keeper.requests.clone(),
        hub: Arc::clone(&keeper.hub),
        keeper,
        streams: Arc::new(Semaphore::new(config.console.streams_max)),
        limits: watch::Sender::new(config.console.clone()),
        quota: Arc::clone(quota),
        exporters: Arc::clone(exporters),
        intake: Some(spans.collector.intake()),
        receiver: spans.receivers.told.http.map(|address| address.to_string().into()),
        edge: Arc::default(),
        whole: watch::Sender::new(console::whole(config).into()),
        effective: watch::Sender::new(effective(config).into()),
    }
}

/// The way of spans: from workers and applications, to every sink.
struct Spans {
    collector: CollectorHandle,
    receivers: Receivers,
}

impl Spans {
    async fn begin(
        config: &Config,
        inbox: Inbox,
        outlets: Vec<Outlet>,
        (hub, quota, store): (&Arc<Hub>, &Arc<Quota>, Option<&dyn TraceStore>),
        counters: &Arc<Counters>,
    ) -> Self {
        let (hub, quota) = (Some(Arc::clone(hub)), Arc::clone(quota));
        let room = RoomLimits::of(&config.receive);
        let erased = store.map(TraceStore::erasures).unwrap_or_default();
        let settings = CollectorSettings { room, hub, quota, erased, ..CollectorSettings::new(resource(config)) };
        let collector = Collector::start(settings, inbox, outlets, Arc::clone(counters));
        collector.redact(Arc::new(redaction(config)));
        let receivers = Receivers::open(config, &collector.intake()).await;
        Self { collector, receivers }
    }
}

/// The log of requests, in the background.
struct Log {
    intake: RequestIntake,
    bounds: watch::Sender<StoreBounds>,
    /// Ends when it is dropped.
    _publishing: JoinSet<()>,
}

impl Log {
    fn begin(config: &Config, inbox: RequestInbox, shelf: &Shelf) -> Self {
        // The first snapshot brings the rules.
        let none = KeepRules { rules: Arc::default(), budget: Arc::new(Budget::new(0, Arc::clone(&shelf.quota))) };
        let (bounds, now) = watch::channel(bounds(config, none));
        let mut publishing = JoinSet::new();
        publishing.spawn(Arc::clone(&shelf.hub).run());
        publishing.spawn(Arc::clone(&shelf.hub).tell_quota(Arc::clone(&shelf.quota)));
        let keeper = shelf.keeper.clone();
        let intake = RequestIntake::start(IntakeParts { keeper, bounds: now }, inbox);
        Self { intake, bounds, _publishing: publishing }
    }
}

/// What tells how the processes of upstreams are.
fn processes(upstream: &UpstreamServices) -> Arc<dyn Fn() -> Vec<Process> + Send + Sync> {
    let supervisor = Arc::clone(&upstream.supervisor);
    Arc::new(move || supervisor.processes())
}

/// What tells how the endpoints of upstreams fare.
fn endpoints(upstream: &UpstreamServices) -> Arc<dyn Fn() -> Vec<Fared> + Send + Sync> {
    let health = Arc::clone(&upstream.health);
    Arc::new(move || health.fared())
}

fn bounds(config: &Config, keep: KeepRules) -> StoreBounds {
    let requests = &config.requests;
    StoreBounds { which: requests.store, untraced_per_second_max: requests.store_per_second_max, keep }
}

/// So many workers are wished; by default one for each processor.
pub(super) fn worker_count(config: &Config) -> usize {
    let wished = config.workers.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get));
    wished.unwrap_or(1).max(1)
}

/// Where spans go: to the back ends, to the terminal, and into the store.
fn outlets(config: &Config, print: Toggle, exporters: &Arc<Exporters>, store: Option<Arc<Sink>>) -> Vec<Outlet> {
    let apps = match config.receive.keep {
        ReceiveKeep::Traced => Forward::Traced,
        ReceiveKeep::All => Forward::All,
    };
    let exporters = Outlet { sink: Arc::clone(exporters) as Arc<Sink>, apps: config.receive.forward };
    let printer = print.is_on().then(|| Printer::start() as Arc<Sink>);
    let kept = printer.into_iter().chain(store).map(|sink| Outlet { sink, apps });
    [exporters].into_iter().chain(kept).collect()
}

/// What is kept, and the sink that leads to it.
type Kept = (Arc<dyn TraceStore>, Arc<Sink>);

fn store(
    config: &Config,
    state: &State,
    quota_of_month: &Arc<Quota>,
    counters: &Arc<Counters>,
) -> Result<Option<Kept>, BoxError> {
    let settings = &config.store;
    quota_of_month.limit(quota(settings), settings.unasked_share);
    let (quota, counters) = (Arc::clone(quota_of_month), Arc::clone(counters));
    Ok(match settings.kind {
        StoreKind::Off => None,
        StoreKind::Memory => {
            let store = Arc::new(MemoryStore::new(MemoryLimits::of(settings), quota, counters));
            Some((Arc::clone(&store) as _, store))
        }
        StoreKind::Disk => {
            let store = Arc::new(SqliteStore::start(state.directory(), settings, quota, counters)?);
            let sink = store.ahead();
            Some((store, sink))
        }
    })
}

/// Spans a month; without a bound where none is stored.
fn quota(settings: &Store) -> u64 {
    match settings.kind {
        StoreKind::Off => u64::MAX,
        StoreKind::Disk | StoreKind::Memory => settings.spans_per_month_max,
    }
}

fn resource(config: &Config) -> Resource {
    Resource::new(&config.trace.service_name, &config.trace.resource)
}

fn door(
    tasks: &mut JoinSet<()>,
    console: &Arc<Console>,
    (stop, counters): (&watch::Sender<bool>, &Arc<Counters>),
) -> Door {
    let (door, answering) = pages::open(Arc::clone(console), stop.subscribe(), Arc::clone(counters));
    tasks.spawn(answering);
    door
}
