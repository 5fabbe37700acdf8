//! The workers: one thread each, with a current-thread runtime of its own. They follow the snapshots, and end when
//! they are drained.

use std::{io, sync::Arc, thread};

use tokio::{
    runtime::LocalOptions,
    sync::{
        mpsc::{self, error::TryRecvError},
        watch,
    },
};
use tracing::error;

use crate::proxy::{
    drain::Drain,
    entry::{self, Entry, Plan},
    permits::Permits,
    snapshot::Snapshot,
    stack::{Edge, Worker},
};

/// All workers.
#[derive(Debug)]
pub(super) struct Workers {
    threads: Vec<thread::JoinHandle<()>>,
    ended: mpsc::Receiver<usize>,
}

/// What every worker follows.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    /// What is done with requests.
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// How connections come in.
    pub(super) plan: watch::Receiver<Arc<Plan>>,
    /// The places for connections of this process.
    pub(super) permits: Arc<Permits>,
    /// The signal to stop.
    pub(super) drain: Drain,
}

impl Workers {
    /// Starts a thread for each of `workers`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(workers: &[Worker], orders: &Orders) -> io::Result<Self> {
        let (ending, ended) = mpsc::channel(workers.len().max(1));
        let mut threads = Vec::with_capacity(workers.len());
        for (index, worker) in workers.iter().enumerate() {
            let (worker, orders) = (worker.clone(), orders.clone());
            let ending = Ending { index, tell: ending.clone() };
            let thread = thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
                if let Err(error) = work(index, worker, orders) {
                    error!(worker = index, %error, "a worker failed");
                }
                drop(ending);
            })?;
            threads.push(thread);
        }
        Ok(Self { threads, ended })
    }

    /// The next worker that ended; `None` when all have.
    pub(super) async fn ended(&mut self) -> Option<usize> {
        self.ended.recv().await
    }

    /// Joins the threads, if all workers have ended; says whether they have.
    pub(super) fn join(mut self) -> bool {
        loop {
            match self.ended.try_recv() {
                Ok(_) => {}
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        for thread in self.threads {
            // A worker that panicked has said so already.
            thread.join().ok();
        }
        true
    }
}

/// Tells that a worker ended, in whichever way.
struct Ending {
    index: usize,
    tell: mpsc::Sender<usize>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        // There is room for every worker.
        self.tell.try_send(self.index).ok();
    }
}

fn work(index: usize, worker: Worker, orders: Orders) -> Result<(), Box<dyn std::error::Error>> {
    // A runtime whose tasks need not be `Send`: a `LocalSet` on top of one would be a second scheduler.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let Orders { mut snapshots, plan, permits, drain } = orders;
        let counters = Arc::clone(&worker.counters);
        let edge = Edge::new(&snapshots.borrow_and_update().clone(), worker)?;
        let requests = edge.requests();
        let entry = Entry { worker: index, plan, permits, counters, drain };
        let served = entry::run(entry, edge.clone());
        tokio::select! {
            () = served => Ok(()),
            () = follow(&edge, snapshots) => Ok(()),
            () = requests.keep_handing_over() => Ok(()),
        }
    })
}

/// Puts each new snapshot in place; never ends.
async fn follow(edge: &Edge, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    while snapshots.changed().await.is_ok() {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        // It was built once before it was sent: so only a file that vanished since can fail here.
        if let Err(error) = edge.replace(&snapshot) {
            error!(%error, generation = snapshot.generation, "a worker could not follow a reload");
        }
    }
    std::future::pending().await
}
