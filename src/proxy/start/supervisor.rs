//! Processes of upstreams, one for each upstream of the whole of Waylight, shared by all workers and snapshots.
//!
//! An upstream that did not change keeps its process over a reload; the process is stopped when the last snapshot that
//! wants it lets go of it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Handle, time::timeout};

use super::{
    life::{Joined, Life, Outcome},
    process,
};
use crate::{
    config::model::Upstream,
    rules::startup::Process,
    trace::{counters::Counters, receive::SpansTo},
};

/// How much longer than its own bounds a process that is stopped is waited for.
const TIMEOUT_TASK: Duration = Duration::from_secs(2);

/// All processes of upstreams.
pub struct Supervisor {
    background: Handle,
    counters: Arc<Counters>,
    receivers: Mutex<SpansTo>,
    processes: Mutex<HashMap<String, Weak<Supervised>>>,
    lives: Mutex<Vec<Weak<Life>>>,
}

impl Supervisor {
    /// A supervisor whose processes live on the runtime `background`.
    pub fn new(background: Handle, counters: Arc<Counters>) -> Self {
        Self { background, counters, receivers: Mutex::default(), processes: Mutex::default(), lives: Mutex::default() }
    }

    /// Tells processes that start from now on where to send their spans.
    pub fn receive_spans_at(&self, receivers: SpansTo) {
        *lock(&self.receivers) = receivers;
    }

    /// The process of `upstream`, if it is one: the one that runs, if that is started in the same way.
    pub(in crate::proxy) fn process(&self, upstream: &Upstream) -> Option<Arc<Supervised>> {
        let start = upstream.start.as_ref()?;
        let host = upstream.endpoints.first().map_or("127.0.0.1", |endpoint| &endpoint.host);
        let receivers = lock(&self.receivers).clone();
        let mut processes = lock(&self.processes);
        let known = processes.get(&upstream.name).and_then(Weak::upgrade);
        if let Some(same) = known.filter(|known| known.life.is_same(start, host, &receivers)) {
            return Some(same);
        }
        let life = Life::new(&upstream.name, start, host, receivers, Arc::clone(&self.counters));
        let mut lives = lock(&self.lives);
        lives.retain(|life| life.strong_count() > 0);
        lives.push(Arc::downgrade(&life));
        let supervised = Arc::new(Supervised { life, background: self.background.clone() });
        processes.insert(upstream.name.clone(), Arc::downgrade(&supervised));
        Some(supervised)
    }

    /// How the processes are, by their upstreams' names.
    pub fn processes(&self) -> Vec<Process> {
        let known: Vec<_> = lock(&self.processes).values().filter_map(Weak::upgrade).collect();
        let mut processes: Vec<_> = known.iter().map(|known| known.life.show()).collect();
        processes.sort_by(|left, right| left.upstream.cmp(&right.upstream));
        processes
    }

    /// Stops all processes, and returns when they have ended. No request starts one any more.
    pub async fn shutdown(&self) {
        let lives: Vec<_> = lock(&self.lives).iter().filter_map(Weak::upgrade).collect();
        for life in &lives {
            life.close();
        }
        for life in lives {
            let bound = life.start.timeout_stop.saturating_add(TIMEOUT_TASK);
            if timeout(bound, life.ended()).await.is_err() {
                tracing::warn!(upstream = &*life.upstream, "the upstream's process did not end");
            }
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("processes", &lock(&self.processes).len()).finish_non_exhaustive()
    }
}

/// One upstream's process, whether it runs or not.
pub(in crate::proxy) struct Supervised {
    life: Arc<Life>,
    background: Handle,
}

impl Supervised {
    /// The port, if the process is ready.
    pub(super) fn port(&self) -> Option<u16> {
        self.life.port()
    }

    /// The command, as written in spans.
    pub(super) fn command(&self) -> String {
        self.life.start.command.join(" ")
    }

    /// Returns when the process is not ready any more, at the latest after `bound`.
    pub(super) async fn noticed(&self, bound: Duration) {
        timeout(bound, self.life.not_ready()).await.ok();
    }

    /// Waits until the process is ready, and starts it if need be: once, however many wait.
    pub(super) async fn wanted(&self) -> Outcome {
        loop {
            match self.life.want()? {
                Joined::First(start) => {
                    self.background.spawn(process::run(Arc::clone(&self.life)));
                    if let Some(outcome) = self.life.outcome_of(start).await {
                        return outcome;
                    }
                }
                Joined::Others(start) => {
                    if let Some(outcome) = self.life.outcome_of(start).await {
                        return outcome;
                    }
                }
                Joined::Draining => self.life.ended().await,
            }
        }
    }
}

impl fmt::Debug for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised").field("upstream", &self.life.upstream).finish_non_exhaustive()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.life.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
