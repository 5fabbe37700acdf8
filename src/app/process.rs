//! The running process: everything that was started, and how it starts. What it runs may change ([`super::reload`]);
//! how long it runs is [`super::run`]'s matter.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use super::{
    admin::{Admin, socket::Socket},
    instance::{Asked, Instance, Running},
    life::{Life, worker_count},
    replay::Listening,
    source::{Loaded, Source},
    telemetry::Telemetry,
    watch::Files,
    whereabouts::{Whereabouts, Written},
    workers::{Orders, Workers},
};
use crate::{
    config::model::{AdminAddress, Config, Listener, Toggle},
    console::Console,
    error::BoxError,
    proxy::{
        conn::Settings,
        drain::{Drainer, drain},
        entry::Plan,
        listener::{Bound, Listeners},
        snapshot::Snapshot,
        tls::Tls,
    },
};

/// The running process.
pub(super) struct Process {
    pub(super) source: Source,
    pub(super) manner: Manner,
    pub(super) files: Files,
    pub(super) telemetry: Telemetry,
    pub(super) life: Life,
    pub(super) instance: Arc<Instance>,
    pub(super) asked: mpsc::Receiver<Asked>,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(super) plan: watch::Sender<Arc<Plan>>,
    pub(super) workers: Workers,
    pub(super) drainer: Drainer,
    pub(super) admin: Option<AdminTask>,
    written: Option<Written>,
}

/// What the command line says of the manner in which it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Whether traces are printed at the terminal.
    pub(super) print: Toggle,
    /// Whether nothing is kept on disk.
    pub(super) ephemeral: Toggle,
}

/// The admin listener that answers now.
pub(super) struct AdminTask {
    /// As configured.
    pub(super) wished: AdminAddress,
    /// As found.
    pub(super) address: String,
    pub(super) stop: watch::Sender<bool>,
}

impl Process {
    /// Starts everything, on the background runtime.
    ///
    /// # Errors
    /// Something that the configuration names cannot be used.
    pub(super) async fn start(
        source: Source,
        loaded: Loaded,
        telemetry: Telemetry,
        manner: Manner,
    ) -> Result<Self, BoxError> {
        let Loaded { config, warnings, files } = loaded;
        for warning in &warnings {
            warn!("{warning}");
        }
        // First of all, so that a second instance is refused before it touches anything.
        let listeners = Listeners::open(&config.listeners, worker_count(&config), None)?;
        let admin = config.admin.as_ref().map(|admin| bind_admin(&admin.address)).transpose()?;
        let plan = Arc::new(Plan { listeners, tls: tls(&config, None)?, settings: settings(&config) });
        let (life, keys) = Life::begin(&config, manner.print).await?;
        let snapshot = Arc::new(Snapshot::build(config, None, keys, life.services.clone())?);
        life.describe(&snapshot);
        let counters = life.workers.iter().map(|worker| Arc::clone(&worker.counters));
        let counters = counters.chain([Arc::clone(&life.counters)]).collect();
        let running = running(&snapshot, &plan, &life.console);
        let exporters = Arc::clone(&life.exporters);
        let (instance, asked) = Instance::new(running, counters, exporters, Arc::clone(&life.audit), life.receivers());
        life.listens(Arc::new(Listening(Arc::clone(&instance))));
        let (snapshots, plan) = (watch::Sender::new(snapshot), watch::Sender::new(plan));
        let (drainer, drain) = drain();
        let orders =
            Orders { snapshots: snapshots.subscribe(), plan: plan.subscribe(), permits: Arc::default(), drain };
        let workers = Workers::start(&life.workers, &orders)?;
        let mut process = Self {
            source,
            manner,
            files: Files::look(files),
            telemetry,
            life,
            instance,
            asked,
            snapshots,
            plan,
            workers,
            drainer,
            admin: None,
            written: None,
        };
        if let Some(socket) = admin {
            process.open_admin(socket);
        }
        process.tell()?;
        Ok(process)
    }

    /// What runs.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.snapshots.borrow().config)
    }

    /// Where clients connect: `https://127.0.0.1:8443`.
    pub(super) fn origins(&self) -> Vec<String> {
        origins(&self.plan.borrow())
    }

    /// Answers at `socket` from now on, and no longer where it answered before.
    pub(super) fn open_admin(&mut self, socket: Socket) {
        self.close_admin();
        let Some(wished) = self.config().admin.as_ref().map(|admin| admin.address.clone()) else { return };
        let (stop, stopped) = watch::channel(false);
        let address = socket.address();
        info!(%address, "admin listener ready");
        let admin = Arc::new(Admin { instance: Arc::clone(&self.instance) });
        self.life.tasks.spawn(admin.serve(socket, stopped));
        self.admin = Some(AdminTask { wished, address, stop });
    }

    /// Answers no longer at the admin listener, if there is one.
    pub(super) fn close_admin(&mut self) {
        if let Some(admin) = self.admin.take() {
            admin.stop.send_replace(true);
        }
    }

    /// Says where clients connect: in the log, and to `waylight link`.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub(super) fn tell(&mut self) -> std::io::Result<()> {
        let listeners = self.origins();
        for address in &listeners {
            info!(%address, "listening");
        }
        let admin = self.admin.as_ref().map(|admin| admin.address.clone());
        self.written = None;
        let whereabouts = Whereabouts { pid: std::process::id(), admin, listeners };
        self.written = Some(whereabouts.write(&self.config().state_dir)?);
        Ok(())
    }
}

/// Binds the admin listener.
///
/// # Errors
/// The address is in use, or not allowed.
pub(super) fn bind_admin(address: &AdminAddress) -> Result<Socket, BoxError> {
    Socket::bind(address).map_err(|error| {
        let hint = "choose another `admin.address`, or \"off\"";
        match address {
            AdminAddress::Tcp(address) => format!("the admin listener cannot listen on {address}: {error}; {hint}"),
            AdminAddress::Unix(path) => {
                format!("the admin listener cannot listen on {}: {error}; {hint}", path.display())
            }
        }
        .into()
    })
}

/// What TLS listeners speak with, if there are any.
///
/// # Errors
/// A certificate or key cannot be used.
pub(super) fn tls(config: &Config, previous: Option<&Tls>) -> Result<Option<Tls>, BoxError> {
    let wanted = config.listeners.iter().any(|listener: &Listener| listener.tls.is_on());
    Ok(if wanted { Some(Tls::load(&config.certificates, previous)?) } else { None })
}

/// What runs, as the admin listener sees it.
pub(super) fn running(snapshot: &Snapshot, plan: &Plan, console: &Arc<Console>) -> Running {
    Running {
        config: Arc::clone(&snapshot.config),
        keys: Arc::clone(&snapshot.keys),
        console: Arc::clone(console),
        cache: Arc::clone(&snapshot.services.cache),
        origins: origins(plan),
        generation: snapshot.generation,
    }
}

fn origins(plan: &Plan) -> Vec<String> {
    plan.listeners.iter().map(origin).collect()
}

/// Bounds and timeouts of connections.
pub(super) fn settings(config: &Config) -> Settings {
    Settings { limits: config.limits.clone(), timeouts: config.timeouts.clone() }
}

/// A listener as a browser on this machine would reach it.
fn origin(bound: &Bound) -> String {
    let scheme = if bound.listener.tls.is_on() { "https" } else { "http" };
    let local = bound.local();
    if local.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", local.port())
    } else {
        format!("{scheme}://{local}")
    }
}
