//! What waits to be written, bounded by jobs and octets.

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::TraceId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::Instant,
};

use crate::trace::{
    requests::row::RequestRow,
    sink::Batch,
    store::{
        StoreError,
        query::{Erased, Whom},
    },
};

/// Jobs that may wait, whatever their size.
const JOBS_MAX: usize = 1_024;
/// Spans and requests of one transaction: more are not waited for.
const GROUP_MAX: usize = 8_192;

/// What is written.
pub(super) enum Job {
    Spans(Batch, Waiting),
    Rows(Vec<RequestRow>, Reply<()>),
    /// Whom, and the traces that are theirs though no request says so.
    Erase(Whom, Vec<TraceId>, Reply<Erased>),
    Flush(Reply<()>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Whether somebody waits until spans are on the disk.
pub(super) enum Waiting {
    For(Reply<()>),
    Nobody,
}

/// The way to the writer, bounded by jobs and octets.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Queued>,
    kib: Arc<Semaphore>,
    kib_max: usize,
}

/// A job, and its share of the queue.
pub(super) struct Queued {
    job: Job,
    share: OwnedSemaphorePermit,
}

impl Queued {
    /// Takes the job out; its share of the queue is free.
    fn into_job(self) -> Job {
        drop(self.share);
        self.job
    }
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> (Self, mpsc::Receiver<Queued>) {
        let (jobs, queued) = mpsc::channel(JOBS_MAX);
        let kib_max = (bytes_max / 1_024).clamp(1, u32::MAX as usize);
        (Self { jobs, kib: Arc::new(Semaphore::new(kib_max)), kib_max }, queued)
    }

    /// Waits for room.
    pub(super) async fn send(&self, job: Job, bytes: usize) -> Result<(), StoreError> {
        // What is larger than the whole queue waits until it is alone.
        let kib = u32::try_from((bytes / 1_024 + 1).min(self.kib_max)).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.kib).acquire_many_owned(kib).await.map_err(|_| StoreError::Closed)?;
        self.jobs.send(Queued { job, share }).await.map_err(|_| StoreError::Closed)
    }
}

impl Waiting {
    pub(super) fn tell(self, outcome: Result<(), StoreError>) {
        match self {
            // Whoever waited may have gone.
            Self::For(reply) => drop(reply.send(outcome)),
            Self::Nobody => {}
        }
    }
}

/// What becomes one transaction: what comes within the flush interval of the first job, up to a whole group, and to a job
/// that needs everything before it written.
#[derive(Default)]
pub(super) struct Group {
    jobs: Vec<Queued>,
    weight: usize,
    due: Option<Instant>,
}

impl Group {
    /// Takes a job in.
    pub(super) fn add(&mut self, queued: Queued, interval: Duration) {
        self.weight += match &queued.job {
            Job::Spans(batch, _) => batch.spans(),
            Job::Rows(rows, _) => rows.len(),
            Job::Erase(..) | Job::Flush(_) => GROUP_MAX,
        };
        let now = Instant::now();
        let due = if self.weight >= GROUP_MAX { now } else { now + interval };
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
        self.jobs.push(queued);
    }

    /// When it is to be written; `None` while there is nothing.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Its jobs. Their shares of the queue are free.
    pub(super) fn take(&mut self) -> Vec<Job> {
        std::mem::take(self).jobs.into_iter().map(Queued::into_job).collect()
    }
}
