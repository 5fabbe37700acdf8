//! What all parts of the running process know of each other.

use std::{fmt, sync::Arc};

use tokio::sync::{mpsc, oneshot, watch};

use super::receivers::ReceiverStatus;
use crate::{
    clock::{self, Instant},
    config::model::Config,
    console::{Console, audit::Audit},
    proxy::cache::CacheStore,
    rules::token::Keys,
    trace::{counters::Counters, export::Exporters},
};

/// The running process, as its parts see it.
#[derive(Debug)]
pub struct Instance {
    /// When it started.
    pub started: Instant,
    /// Every set of counters: one for each worker, and one for the background.
    pub counters: Vec<Arc<Counters>>,
    /// How far it is.
    pub phase: watch::Sender<Phase>,
    /// Where it is written down who did what.
    pub audit: Arc<Audit>,
    /// Where spans of apps come in.
    pub receivers: Vec<ReceiverStatus>,
    /// The back ends that spans go to.
    pub exporters: Arc<Exporters>,
    /// What it runs.
    pub running: watch::Sender<Running>,
    /// How the last reload went.
    pub last_reload: watch::Sender<Option<Reloaded>>,
    reloads: mpsc::Sender<Asked>,
}

/// How far the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not all parts run yet.
    Starting,
    /// It answers requests.
    Ready,
    /// It answers requests, and will soon stop to.
    Draining,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        })
    }
}

/// A configuration that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// What is wished.
    pub config: Arc<Config>,
    /// What tokens are signed with.
    pub keys: Arc<Keys>,
    /// Waylight's own pages.
    pub console: Arc<Console>,
    /// Stored responses.
    pub cache: Arc<CacheStore>,
    /// Where clients connect: `https://127.0.0.1:8443`.
    pub origins: Vec<String>,
    /// Counted from 1; each reload that changed something adds one.
    pub generation: u64,
}

/// What a reload did, or why it did nothing.
pub type Reloaded = Result<Applied, Arc<str>>;

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The generation that runs now.
    pub generation: u64,
    /// Settings that changed in the file, and will only count after a restart.
    pub restart: Vec<&'static str>,
}

/// Why a reload is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A file changed.
    File,
    /// SIGHUP.
    Signal,
    /// The admin listener was asked.
    Admin,
}

/// Somebody asks for a reload.
#[derive(Debug)]
pub struct Asked {
    /// Why.
    pub reason: Reason,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Reloaded>,
}

impl Instance {
    /// A process that starts with `running`, and where its wishes to reload arrive.
    pub fn new(
        running: Running,
        counters: Vec<Arc<Counters>>,
        exporters: Arc<Exporters>,
        audit: Arc<Audit>,
        receivers: Vec<ReceiverStatus>,
    ) -> (Arc<Self>, mpsc::Receiver<Asked>) {
        let (reloads, asked) = mpsc::channel(8);
        let instance = Self {
            started: clock::now(),
            counters,
            exporters,
            audit,
            receivers,
            phase: watch::Sender::new(Phase::Starting),
            running: watch::Sender::new(running),
            last_reload: watch::Sender::new(None),
            reloads,
        };
        (Arc::new(instance), asked)
    }

    /// Reloads, and tells how it went. Reloads come one after the other.
    pub async fn reload(&self, reason: Reason) -> Reloaded {
        let (reply, answer) = oneshot::channel();
        let gone = || Err(Arc::from("Waylight is stopping"));
        if self.reloads.send(Asked { reason, reply }).await.is_err() {
            return gone();
        }
        answer.await.unwrap_or_else(|_| gone())
    }
}
