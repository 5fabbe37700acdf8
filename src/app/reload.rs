//! A new configuration in place of the one that runs: all of it, or nothing.

use std::sync::Arc;

use tracing::{error, info, warn};

use super::{
    admin::socket::Socket,
    instance::{Applied, Reason, Reloaded},
    process::{Process, bind_admin, running, settings, tls},
    restart,
    source::{LoadError, Loaded},
    telemetry::Lines,
    terminal::causes,
    watch::Files,
};
use crate::{
    config::model::{AdminAddress, Config, Toggle},
    console::{
        Console,
        audit::{AuditEntry, Deed},
    },
    error::BoxError,
    proxy::{entry::Plan, listener::Listeners, snapshot::Snapshot},
};

/// Everything that could fail has been done, and nothing has changed yet.
struct Prepared {
    lines: Lines,
    plan: Plan,
    admin: Option<Socket>,
    console: Arc<Console>,
    snapshot: Snapshot,
}

impl Process {
    /// Reloads, and says how it went.
    pub(super) fn reload(&mut self, reason: Reason) -> Reloaded {
        let reloaded = self.try_reload();
        // Before the log: whoever reads there that it failed may ask the admin listener why.
        self.instance.last_reload.send_replace(Some(reloaded.clone()));
        match &reloaded {
            Ok(applied) => {
                info!(?reason, generation = applied.generation, "reloaded");
                let subject = format!("reloaded ({reason:?}), generation {}", applied.generation);
                // It is done, whoever asked: a failure to write it down is counted and reported.
                self.life.audit.write(&AuditEntry::of_operator(Deed::Settings, subject)).ok();
                if !applied.restart.is_empty() {
                    warn!(settings = applied.restart.join(", "), "these settings count after a restart");
                }
            }
            Err(why) => error!(?reason, "nothing was reloaded: {why}"),
        }
        reloaded
    }

    fn try_reload(&mut self) -> Reloaded {
        let loaded = match self.source.load() {
            Ok(loaded) => loaded,
            Err(error) => {
                // What was named before, or what is named now, may be what has to change.
                self.files = self.files.with(error.files());
                return Err(why(&error));
            }
        };
        let Loaded { mut config, warnings, files } = loaded.kept_in_memory(self.manner.ephemeral);
        self.files = Files::look(files);
        let restart = restart::keep(&self.config(), &mut config);
        let prepared = self.prepare(config).map_err(|error| Arc::from(causes(&*error)))?;
        for warning in &warnings {
            warn!("{warning}");
        }
        let generation = self.apply(prepared);
        Ok(Applied { generation, restart })
    }

    fn prepare(&mut self, config: Config) -> Result<Prepared, BoxError> {
        let lines = Lines::new(&config.log)?;
        let keys = Arc::new(self.life.state.keys(&config.access.secrets)?);
        let plan = {
            let running = self.plan.borrow();
            let listeners = Listeners::open(&config.listeners, self.life.workers.len(), Some(&running.listeners))?;
            Plan { listeners, tls: tls(&config, running.tls.as_ref())?, settings: settings(&config) }
        };
        let wished: Option<&AdminAddress> = config.admin.as_ref().map(|admin| &admin.address);
        let admin = match wished {
            Some(wished) if self.admin.as_ref().is_none_or(|admin| admin.wished != *wished) => {
                Some(bind_admin(wished)?)
            }
            _ => None,
        };
        let running = Arc::clone(&self.snapshots.borrow());
        let mut services = self.life.services.clone();
        // Equal rules mean equal keys: the console goes on, and remembers failed attempts.
        let mut console = Arc::clone(&self.life.console);
        if running.config.access != config.access || running.config.privacy != config.privacy {
            (console, services.door) = self.life.other_console(&config, &keys);
        }
        let snapshot = Snapshot::build(config, Some(&running), keys, services)?;
        // The last that can fail: it takes effect at once.
        self.life.exporters.reload(&snapshot.config.exports)?;
        Ok(Prepared { lines, plan, admin, console, snapshot })
    }

    fn apply(&mut self, prepared: Prepared) -> u64 {
        let Prepared { lines, plan, admin, console, snapshot } = prepared;
        let (config, generation) = (Arc::clone(&snapshot.config), snapshot.generation);
        self.telemetry.apply(lines);
        self.life.services = snapshot.services.clone();
        self.life.console = console;
        self.life.describe(&snapshot);
        let before = self.origins();
        self.instance.running.send_replace(running(&snapshot, &plan, &self.life.console));
        self.snapshots.send_replace(Arc::new(snapshot));
        self.plan.send_replace(Arc::new(plan));
        let had_admin = self.admin.as_ref().map(|admin| admin.address.clone());
        match admin {
            Some(socket) => self.open_admin(socket),
            None if config.admin.is_none() => self.close_admin(),
            None => {}
        }
        let moved = had_admin != self.admin.as_ref().map(|admin| admin.address.clone());
        if (moved || before != self.origins())
            && let Err(error) = self.tell()
        {
            warn!(%error, "the state directory could not be written: waylight link will not find this instance");
        }
        generation
    }
}

fn why(error: &LoadError) -> Arc<str> {
    Arc::from(error.render(Toggle::Off).trim_end())
}
