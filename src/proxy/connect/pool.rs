//! One endpoint's idle connections on one worker. The one used last is taken first, so that the others may go.
//!
//! A connection whose upstream closes it, or sends bytes nobody asked for, leaves at once: whatever arrives on an idle
//! one rings the pool's bell. So as long as the bell is still, nobody has to look at a connection before it is used.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    clock::{self, Instant},
    proxy::wire::{Home, Line, Wire},
    trace::counters::Counters,
};

/// Idle connections.
#[derive(Debug)]
pub(super) struct Pool<W = crate::proxy::wire::Http1> {
    idle: RefCell<VecDeque<Idle<W>>>,
    idle_max: usize,
    timeout_idle: Duration,
    counters: Arc<Counters>,
    sweeping: Cell<bool>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
    this: Weak<Self>,
}

/// Rung when something happened to an idle connection.
#[derive(Debug, Default)]
struct Bell {
    notify: Notify,
    /// Whether it rang since all idle connections were looked at.
    has_rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Relaxed);
        self.notify.notify_one();
    }
}

#[derive(Debug)]
struct Idle<W> {
    line: Line<W>,
    since: Instant,
}

impl<W: Wire> Pool<W> {
    /// Room for `idle_max` connections, each for `timeout_idle`.
    pub(super) fn new(idle_max: usize, timeout_idle: Duration, counters: Arc<Counters>) -> Rc<Self> {
        let bell = Arc::new(Bell::default());
        Rc::new_cyclic(|this| Self {
            idle: RefCell::default(),
            idle_max,
            timeout_idle,
            counters,
            sweeping: Cell::new(false),
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            this: Weak::clone(this),
        })
    }

    /// The connection used last, if it still can be used.
    pub(super) fn take(&self, now: Instant) -> Option<Line<W>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { mut line, since }) = idle.pop_back() {
            self.counters.upstream_connections_idle.down();
            let has_rung = self.bell.has_rung.load(Ordering::Relaxed);
            if has_rung && !line.wire.is_at_rest(&mut Context::from_waker(Waker::noop())) {
                self.counters.upstream_connections_lost.one();
            } else if now.since(since) < self.timeout_idle {
                return Some(line);
            }
        }
        None
    }

    /// Lets go of connections to which something happened while they were idle.
    fn lose_closed(&self) {
        self.bell.has_rung.store(false, Ordering::Relaxed);
        let mut cx = Context::from_waker(&self.waker);
        self.retain(|idle| {
            let rests = idle.line.wire.is_at_rest(&mut cx);
            if !rests {
                self.counters.upstream_connections_lost.one();
            }
            rests
        });
    }

    fn retain(&self, keep: impl FnMut(&mut Idle<W>) -> bool) {
        let mut idle = self.idle.borrow_mut();
        let before = idle.len();
        idle.retain_mut(keep);
        for _ in idle.len()..before {
            self.counters.upstream_connections_idle.down();
        }
    }

    /// Closes what the upstream has closed, and what was idle for too long, until nothing is idle.
    fn sweep(self: Rc<Self>) {
        if self.sweeping.replace(true) {
            return;
        }
        let (pool, bell) = (Rc::downgrade(&self), Arc::clone(&self.bell));
        let timeout = self.timeout_idle;
        tokio::task::spawn_local(async move {
            let mut due = tokio::time::Instant::now() + timeout;
            loop {
                // On time, or rung.
                let rung = tokio::time::timeout_at(due, bell.notify.notified()).await.is_ok();
                let Some(pool) = pool.upgrade() else { return };
                if rung {
                    pool.lose_closed();
                } else {
                    due += timeout;
                    let now = clock::now();
                    pool.retain(|idle| now.since(idle.since) < timeout);
                }
                if pool.idle.borrow().is_empty() {
                    pool.sweeping.set(false);
                    return;
                }
            }
        });
    }
}

impl<W: Wire> Home<W> for Pool<W> {
    fn take_back(&self, mut line: Line<W>) {
        if self.idle_max == 0 || !line.wire.is_at_rest(&mut Context::from_waker(&self.waker)) {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() == self.idle_max {
            // The one that was idle longest is the one most likely to be closed next.
            idle.pop_front();
        } else {
            self.counters.upstream_connections_idle.up();
        }
        idle.push_back(Idle { line, since: clock::now() });
        drop(idle);
        if !self.sweeping.get()
            && let Some(pool) = self.this.upgrade()
        {
            pool.sweep();
        }
    }
}

impl<W> Drop for Pool<W> {
    fn drop(&mut self) {
        for _ in self.idle.get_mut() {
            self.counters.upstream_connections_idle.down();
        }
    }
}

#[cfg(test)]
mod tests;
