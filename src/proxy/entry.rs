//! How connections come in: where `listener`, `tls` and `conn` meet, on one worker.

use std::{cell::RefCell, io, rc::Rc, sync::Arc};

use tokio::sync::watch;

use super::{
    conn::{self, Holding, Place, Protocols, Settings, Terms},
    context::{Conn, Handshake},
    drain::{Drain, Drainer, drain},
    handler::Serve,
    listener::{Accepted, Acceptor, Bound, Listeners},
    permits::Permits,
    tasks::Tasks,
    tls::{Alpn, Tls},
};
use crate::{
    config::model::{Listener, Scheme, Toggle},
    trace::counters::Counters,
};

/// Where and how connections come in; a reload sends another one.
#[derive(Debug)]
pub struct Plan {
    /// Where.
    pub listeners: Listeners,
    /// What TLS listeners speak with.
    pub tls: Option<Tls>,
    /// Bounds and timeouts of connections, of those that are open too.
    pub settings: Settings,
}

/// What a worker's way in is made of.
#[derive(Debug)]
pub struct Entry {
    /// The worker's number, from 0.
    pub worker: usize,
    /// Where and how connections come in.
    pub plan: watch::Receiver<Arc<Plan>>,
    /// The places for connections of this process.
    pub permits: Arc<Permits>,
    /// What this worker counts.
    pub counters: Arc<Counters>,
    /// The signal to stop.
    pub drain: Drain,
}

/// Accepts and serves connections on this thread until the signal to stop; then takes nothing new, and waits for what
/// is in progress, but not longer than `timeouts.drain`. Must run within a `LocalSet`; connections that are still open
/// when this returns end with it.
pub async fn run<S: Serve>(entry: Entry, serve: S) {
    let Entry { worker, mut plan, permits, counters, drain } = entry;
    let first = Arc::clone(&plan.borrow_and_update());
    let worker = Rc::new(Worker {
        index: worker,
        permits,
        counters,
        drain: drain.clone(),
        serve,
        settings: Holding::new(first.settings.clone()),
        plan: RefCell::new(first),
        tasks: Tasks::default(),
    });
    let mut doors = Vec::new();
    Worker::open(&worker, &mut doors);
    let mut stop = std::pin::pin!(drain.begun());
    loop {
        tokio::select! {
            () = &mut stop => break,
            changed = plan.changed() => {
                if changed.is_err() {
                    // Nobody is left to send another plan; this one holds.
                    stop.await;
                    break;
                }
                let plan = Arc::clone(&plan.borrow_and_update());
                worker.settings.replace(plan.settings.clone());
                *worker.plan.borrow_mut() = plan;
                Worker::open(&worker, &mut doors);
            }
        }
    }
    for door in doors {
        door.stop.start();
    }
    let deadline = worker.plan.borrow().settings.timeouts.drain;
    if tokio::time::timeout(deadline, worker.tasks.ended()).await.is_err() {
        tracing::warn!(worker = worker.index, connections = worker.tasks.running(), "connections were cut off");
    }
}

/// One worker.
struct Worker<S> {
    index: usize,
    permits: Arc<Permits>,
    counters: Arc<Counters>,
    drain: Drain,
    serve: S,
    plan: RefCell<Arc<Plan>>,
    settings: Holding,
    tasks: Tasks,
}

/// One address at which this worker accepts.
struct Door {
    bound: Bound,
    /// As the plan that holds has it; the socket stays when it changes.
    listener: Rc<RefCell<Listener>>,
    stop: Drainer,
}

impl<S: Serve> Worker<S> {
    /// Opens what the plan has and `doors` have not, and shuts what it has no more.
    fn open(worker: &Rc<Self>, doors: &mut Vec<Door>) {
        let plan = Arc::clone(&worker.plan.borrow());
        doors.retain(|door| {
            let bound = plan.listeners.iter().find(|bound| bound.is_same(&door.bound));
            match bound {
                Some(bound) => *door.listener.borrow_mut() = bound.listener.clone(),
                None => door.stop.start(),
            }
            bound.is_some()
        });
        for bound in plan.listeners.iter() {
            if doors.iter().any(|door| door.bound.is_same(bound)) {
                continue;
            }
            match Self::door(worker, bound) {
                Ok(door) => doors.push(door),
                Err(error) => tracing::error!(%error, address = %bound.local(), "cannot accept connections"),
            }
        }
    }

    fn door(worker: &Rc<Self>, bound: &Bound) -> io::Result<Door> {
        let acceptor = Acceptor::new(bound, worker.index, Arc::clone(&worker.permits), Arc::clone(&worker.counters))?;
        let (stop, stopped) = drain();
        let listener = Rc::new(RefCell::new(bound.listener.clone()));
        worker.tasks.spawn(Self::accept(Rc::clone(worker), acceptor, Rc::clone(&listener), stopped));
        Ok(Door { bound: bound.clone(), listener, stop })
    }

    async fn accept(worker: Rc<Self>, mut acceptor: Acceptor, listener: Rc<RefCell<Listener>>, stopped: Drain) {
        let connections_max = || worker.plan.borrow().settings.limits.connections_max;
        let mut stopped = std::pin::pin!(stopped.begun());
        loop {
            tokio::select! {
                accepted = acceptor.next(connections_max()) => Self::take(&worker, accepted, &listener.borrow()),
                () = &mut stopped => break,
            }
        }
        for accepted in acceptor.stop(connections_max()) {
            Self::take(&worker, accepted, &listener.borrow());
        }
    }

    fn take(worker: &Rc<Self>, accepted: Accepted, listener: &Listener) {
        let served = Rc::clone(worker);
        // Two kinds of tasks, so that plain connections need not be as large as encrypted ones.
        if listener.tls.is_on() {
            worker.tasks.spawn(served.encrypted(accepted, listener.http2));
        } else {
            worker.tasks.spawn(served.plain(accepted, listener.http2));
        }
    }

    async fn plain(self: Rc<Self>, accepted: Accepted, http2: Toggle) {
        let protocols = if http2.is_on() { Protocols::Either } else { Protocols::Http1 };
        let conn = conn(&accepted, None);
        let (stream, terms) = self.terms(accepted, protocols);
        conn::serve_connection(stream, conn, self.serve.clone(), terms).await;
    }

    async fn encrypted(self: Rc<Self>, accepted: Accepted, http2: Toggle) {
        let plan = Arc::clone(&self.plan.borrow());
        let Some(tls) = &plan.tls else {
            tracing::error!(address = %accepted.local, "a TLS listener without a certificate");
            return;
        };
        let timeout = plan.settings.timeouts.header;
        let Accepted { stream, peer, local, at, permit } = accepted;
        let agreed = match tokio::time::timeout(timeout, tls.accept(stream, http2)).await {
            Ok(Ok(agreed)) => agreed,
            Ok(Err(error)) => {
                self.counters.tls_handshakes_failed.one();
                tracing::debug!(%error, %peer, "TLS handshake failed");
                return;
            }
            Err(_) => {
                self.counters.tls_handshakes_failed.one();
                tracing::debug!(%peer, "TLS handshake took too long");
                return;
            }
        };
        drop(plan);
        self.counters.tls_handshakes.one();
        let protocols = match (agreed.protocol, http2) {
            (Some(Alpn::Http2), _) => Protocols::Http2,
            (None, Toggle::On) => Protocols::Either,
            _ => Protocols::Http1,
        };
        let accepted = Accepted { stream: agreed.stream, peer, local, at, permit };
        let conn = conn(&accepted, Some(agreed.handshake));
        let (stream, terms) = self.terms(accepted, protocols);
        conn::serve_connection(stream, conn, self.serve.clone(), terms).await;
    }

    fn terms<I>(&self, accepted: Accepted<I>, protocols: Protocols) -> (I, Terms) {
        let terms = Terms {
            settings: self.settings.clone(),
            protocols,
            drain: self.drain.clone(),
            place: Some(Place::new(accepted.permit, Arc::clone(&self.counters), self.tasks.begin())),
            counters: Arc::clone(&self.counters),
        };
        (accepted.stream, terms)
    }
}

fn conn<I>(accepted: &Accepted<I>, tls: Option<Handshake>) -> Rc<Conn> {
    let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
    Rc::new(Conn::new(accepted.peer, accepted.local, scheme, accepted.at, tls))
}
