//! A sink for tests: it keeps what it is given.

use std::sync::{Mutex, OnceLock};

use super::{Batch, SinkError, SpanSink};
use crate::{clock::Instant, service::BoxFuture};

#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) batches: Mutex<Vec<Batch>>,
    pub(crate) flushed: OnceLock<()>,
}

impl Kept {
    /// How many spans it was given.
    pub(crate) fn spans(&self) -> usize {
        self.batches.lock().unwrap().iter().map(Batch::spans).sum()
    }
}

impl SpanSink for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        self.batches.lock().unwrap().push(batch);
        Box::pin(async { Ok(()) })
    }

    fn flush(&self, _: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        self.flushed.set(()).unwrap();
        Box::pin(async { Ok(()) })
    }
}
