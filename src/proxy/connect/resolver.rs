//! Names to addresses, process-wide: looked up in the background, remembered, and looked up again after a while.
//! While a new lookup runs, or if it fails, the last good answer stands.

use std::{
    fmt, io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dashmap::DashMap;
use tokio::{runtime::Handle, sync::watch};

use crate::{
    clock::{self, Instant},
    service::BoxFuture,
};

/// Looks names up and remembers the answers. It remembers what the configuration names, so its size is bounded by it.
pub struct Resolver {
    names: DashMap<Box<str>, Arc<Name>>,
    ask: Box<Ask>,
    background: Handle,
}

/// How a name is looked up.
type Ask = dyn Fn(Box<str>) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

/// Addresses, or why there are none.
pub(super) type Answer = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// What is known of a name at once.
pub(super) enum Lookup {
    /// Its addresses.
    Known(Arc<[IpAddr]>),
    /// Nothing yet.
    Pending(Pending),
}

/// A lookup in progress.
pub(super) struct Pending(watch::Receiver<Option<Answer>>);

#[derive(Default)]
struct Name(Mutex<State>);

#[derive(Default)]
struct State {
    known: Option<Arc<[IpAddr]>>,
    asked: Instant,
    asking: Option<watch::Receiver<Option<Answer>>>,
}

impl Resolver {
    /// Asks the operating system, on the runtime `background`.
    pub fn system(background: Handle) -> Self {
        Self::new(background, |name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((&*name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    /// Asks `ask`, on the runtime `background`.
    pub fn new(
        background: Handle,
        ask: impl Fn(Box<str>) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { names: DashMap::new(), ask: Box::new(ask), background }
    }

    /// What is known of `name`; asks, if nothing is, or if it was asked longer than `refresh` ago.
    pub(super) fn lookup(&self, name: &str, refresh: Duration) -> Lookup {
        let entry = match self.names.get(name) {
            Some(entry) => Arc::clone(&entry),
            None => Arc::clone(&self.names.entry(name.into()).or_default()),
        };
        let now = clock::now();
        let mut state = entry.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&state.known, &state.asking) {
            (Some(known), _) if now.since(state.asked) < refresh => Lookup::Known(Arc::clone(known)),
            (Some(known), Some(_)) => Lookup::Known(Arc::clone(known)),
            (None, Some(asking)) => Lookup::Pending(Pending(asking.clone())),
            (known, None) => {
                let known = known.clone();
                let asking = self.ask(name.into(), Arc::clone(&entry));
                state.asked = now;
                state.asking = Some(asking.clone());
                known.map_or(Lookup::Pending(Pending(asking)), Lookup::Known)
            }
        }
    }

    fn ask(&self, name: Box<str>, entry: Arc<Name>) -> watch::Receiver<Option<Answer>> {
        let (tell, asking) = watch::channel(None);
        let asked = (self.ask)(name.clone());
        self.background.spawn(async move {
            let answer: Answer = match asked.await {
                Ok(found) if found.is_empty() => Err(Arc::new(io::Error::from(io::ErrorKind::NotFound))),
                Ok(mut found) => {
                    found.dedup();
                    Ok(found.into())
                }
                Err(error) => Err(Arc::new(error)),
            };
            let mut state = entry.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.asking = None;
            match &answer {
                Ok(found) => state.known = Some(Arc::clone(found)),
                // Whoever knows an older answer keeps it; the next lookup comes after the usual time.
                Err(error) => tracing::warn!(%name, %error, "name lookup failed"),
            }
            drop(state);
            tell.send_replace(Some(answer));
        });
        asking
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("names", &self.names.len()).finish_non_exhaustive()
    }
}

impl Pending {
    /// The answer, once it is there.
    pub(super) async fn answer(mut self) -> Answer {
        match self.0.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Err(Arc::new(io::ErrorKind::NotFound.into()))),
            // The background runtime went away.
            Err(_) => Err(Arc::new(io::ErrorKind::Interrupted.into())),
        }
    }
}

#[cfg(test)]
mod tests;
