//! The ways out to OTLP back ends, any number at once. One sender takes our own spans and forwarded ones alike.
//!
//! Each back end has a queue, connections, headers, and four senders of its own, and shares nothing with another: one
//! that refuses, hangs or is slow loses its own spans, and only those. A full queue drops its oldest spans, since
//! whoever looks at a back end that has come back wants to see what happens now.

mod backend;
mod connector;
mod grpc;
mod http;
mod parts;
mod queue;
mod status;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::info;

pub use self::connector::ExportError;
pub use self::status::{ExportStatus, LastError};
use self::{backend::BackEnd, connector::Files};
use super::sink::{Batch, SinkError, SpanSink};
use crate::{
    clock::{self, Instant},
    config::model::Export,
    service::BoxFuture,
};

/// How long a back end that a reload removed may take to send what it holds.
const RETIRE_WITHIN: Duration = Duration::from_secs(10);

/// Every configured back end. It is one sink: handing a batch to it never waits.
#[derive(Debug)]
pub struct Exporters {
    back_ends: Mutex<Vec<Arc<BackEnd>>>,
    retiring: Mutex<JoinSet<()>>,
}

/// Whether a back end can be set up: what [`Exporters::new`] finds, for `waylight check`.
///
/// # Errors
/// If a certificate or key file, or a header, cannot be used.
pub fn verify(export: &Export) -> Result<(), ExportError> {
    let files = Files::read(export)?;
    connector::headers(export)?;
    connector::client(export, &files, connector::Speaks::Http1).map(drop)
}

impl Exporters {
    /// Starts senders for `exports` on the current tokio runtime. Nothing is connected before the first span.
    ///
    /// # Errors
    /// If a certificate or key file cannot be used; nothing is started then.
    pub fn new(exports: &[Export]) -> Result<Arc<Self>, ExportError> {
        let exporters = Self { back_ends: Mutex::default(), retiring: Mutex::default() };
        exporters.reload(exports)?;
        Ok(Arc::new(exporters))
    }

    /// Makes `exports` the back ends. One that is configured as before, with unchanged files, keeps its queue and its
    /// connections; one that is gone or changed first sends what it holds, in the background.
    ///
    /// # Errors
    /// If a certificate or key file cannot be used; nothing is changed then.
    pub fn reload(&self, exports: &[Export]) -> Result<(), ExportError> {
        let mut back_ends = lock(&self.back_ends);
        let mut next = Vec::with_capacity(exports.len());
        for export in exports {
            let files = Files::read(export)?;
            let kept = back_ends.iter().find(|back_end| back_end.is_as(export, &files));
            next.push(match kept {
                Some(back_end) => Arc::clone(back_end),
                None => Arc::new(BackEnd::new(export.clone(), files)?),
            });
        }
        let before = std::mem::replace(&mut *back_ends, next);
        let mut retiring = lock(&self.retiring);
        for gone in before.into_iter().filter(|old| !back_ends.iter().any(|kept| Arc::ptr_eq(old, kept))) {
            info!(back_end = gone.name(), "back end is retired");
            retiring.spawn(async move { gone.flush(clock::now().plus(RETIRE_WITHIN)).await });
        }
        while retiring.try_join_next().is_some() {}
        Ok(())
    }

    /// How each back end fares, in the order of the configuration.
    pub fn status(&self) -> Vec<ExportStatus> {
        lock(&self.back_ends).iter().map(|back_end| back_end.status()).collect()
    }
}

impl SpanSink for Exporters {
    fn name(&self) -> &'static str {
        "export"
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        for back_end in lock(&self.back_ends).iter() {
            back_end.push(&batch);
        }
        Box::pin(async { Ok(()) })
    }

    fn flush(&self, deadline: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        let mut flushing = std::mem::take(&mut *lock(&self.retiring));
        for back_end in lock(&self.back_ends).iter() {
            let back_end = Arc::clone(back_end);
            flushing.spawn(async move { back_end.flush(deadline).await });
        }
        Box::pin(async move {
            while flushing.join_next().await.is_some() {}
            Ok(())
        })
    }
}

/// A panic elsewhere leaves these values whole: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
