//! A life from start to end: start, answer, reload, drain, stop.

use std::{fmt, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{error, info, warn};

use super::{
    instance::{Phase, Reason, Running},
    process::{Manner, Process},
    signals::{Signals, Wish},
    source::{LoadError, Source},
    telemetry::{Lines, Telemetry},
    watch,
};
use crate::{config::model::Toggle, error::BoxError};

/// Beyond the workers' own deadline, before they are given up.
const GRACE: Duration = Duration::from_secs(1);

/// What is run, and how.
pub struct Run {
    /// Where the configuration comes from.
    pub source: Source,
    /// Whether traces are printed at the terminal.
    pub print: Toggle,
    /// Whether nothing is kept on disk, whatever the configuration says.
    pub ephemeral: Toggle,
    /// Told once when everything runs.
    pub started: Box<dyn FnOnce(&Running) + Send>,
}

/// Why it does not run. Not an `Error` itself, so that every `Error` becomes one with `?`.
#[derive(Debug)]
pub enum RunError {
    /// There is no configuration.
    Faulty(LoadError),
    /// It could not start, or not go on.
    Failed(BoxError),
}

impl<E: Into<BoxError>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("source", &self.source).finish_non_exhaustive()
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Everything was finished or cut in order.
    Orderly,
    /// A second signal asked to stop at once.
    AtOnce,
}

/// Runs until a signal asks to stop.
///
/// # Errors
/// A faulty configuration, or what could not be started.
pub fn run(run: Run) -> Result<(), RunError> {
    let loaded = run.source.load().map_err(RunError::Faulty)?.kept_in_memory(run.ephemeral);
    let telemetry = Telemetry::install(Lines::new(&loaded.config.log)?)?;
    // Collector, back ends, admin listener and console: never on a worker.
    let background = Builder::new_multi_thread().worker_threads(2).thread_name("background").enable_all().build()?;
    let lived = background.block_on(async {
        // Before anything else runs: a signal from now on is not lost.
        let signals = Signals::listen()?;
        let process =
            Process::start(run.source, loaded, telemetry, Manner { print: run.print, ephemeral: run.ephemeral })
                .await?;
        process.instance.phase.send_replace(Phase::Ready);
        info!(version = env!("CARGO_PKG_VERSION"), workers = process.life.workers.len(), "ready");
        let running = process.instance.running.borrow().clone();
        (run.started)(&running);
        drop(running);
        live(process, signals).await
    });
    end(background);
    lived
}

/// Nothing that still runs is waited for.
fn end(background: Runtime) {
    background.shutdown_background();
}

async fn live(mut process: Process, mut signals: Signals) -> Result<(), RunError> {
    let failed = answer(&mut process, &mut signals).await;
    info!("stopping");
    let drained = drain(&mut process, &mut signals).await;
    if drained == End::AtOnce {
        warn!("stopped at once");
        return Ok(());
    }
    process.close_admin();
    let Process { life, workers, snapshots, .. } = process;
    // The console ends when no snapshot leads to it any more.
    drop(snapshots);
    if !workers.join() {
        warn!("a worker did not end in time");
    }
    tokio::select! {
        () = life.end() => {}
        () = signals.stop() => return Ok(()),
    }
    info!("stopped");
    failed.map_or(Ok(()), |worker| Err(RunError::Failed(format!("worker {worker} ended by itself").into())))
}

/// Answers until it is to stop. Gives the worker that ended by itself, if that is why.
async fn answer(process: &mut Process, signals: &mut Signals) -> Option<usize> {
    let mut look = interval(watch::EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::Stop => return None,
                Wish::Reload => drop(process.reload(Reason::Signal)),
            },
            Some(asked) = process.asked.recv() => {
                let reloaded = process.reload(asked.reason);
                // Whoever asked may have gone.
                asked.reply.send(reloaded).ok();
            }
            worker = process.workers.ended() => {
                error!(?worker, "a worker ended by itself");
                return worker;
            }
            _ = look.tick() => {
                if process.files_changed().await {
                    drop(process.reload(Reason::File));
                }
            }
        }
    }
}

/// Finishes what clients have begun.
async fn drain(process: &mut Process, signals: &mut Signals) -> End {
    process.instance.phase.send_replace(Phase::Draining);
    // Whoever asks for a reload now hears that there will be none.
    process.asked.close();
    while process.asked.try_recv().is_ok() {}
    let timeouts = process.config().timeouts.clone();
    if !timeouts.drain_delay.is_zero() {
        info!(delay = ?timeouts.drain_delay, "not ready any more; still taking connections");
    }
    tokio::select! {
        () = sleep(timeouts.drain_delay) => {}
        () = signals.stop() => return End::AtOnce,
    }
    process.life.stop.send_replace(true);
    process.drainer.start();
    let ended = async { while process.workers.ended().await.is_some() {} };
    tokio::select! {
        // Workers cut what is left at `timeouts.drain` by themselves.
        _ = timeout(timeouts.drain + GRACE, ended) => End::Orderly,
        () = signals.stop() => End::AtOnce,
    }
}

impl Process {
    /// Whether a file changed, and has settled.
    async fn files_changed(&mut self) -> bool {
        let mut seen = self.files.again();
        if !self.files.differs(&seen) {
            // Stamps may have changed, and need not be looked at again.
            self.files = seen;
            return false;
        }
        loop {
            sleep(watch::SETTLE).await;
            let again = seen.again();
            if !seen.differs(&again) {
                return self.files.differs(&again);
            }
            seen = again;
        }
    }
}
