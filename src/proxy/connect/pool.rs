//! One endpoint's idle connections on one worker. The one used last is taken first, so that the others may go.
//!
//! A connection whose upstream closes it, or sends bytes nobody asked for, leaves at once: its task says so.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    net::SocketAddr,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use crate::{
    clock::{self, Instant},
    proxy::wire::{Home, Wire, WireState},
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
    this: Weak<Self>,
}

#[derive(Debug)]
struct Idle<W> {
    wire: W,
    peer: SocketAddr,
    since: Instant,
}

impl<W: Wire> Pool<W> {
    /// Room for `idle_max` connections, each for `timeout_idle`.
    pub(super) fn new(idle_max: usize, timeout_idle: Duration, counters: Arc<Counters>) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            idle: RefCell::default(),
            idle_max,
            timeout_idle,
            counters,
            sweeping: Cell::new(false),
            this: Weak::clone(this),
        })
    }

    /// The connection used last, if it still can be used.
    pub(super) fn take(&self, now: Instant) -> Option<(W, SocketAddr)> {
        let mut idle = self.idle.borrow_mut();
        let mut place = idle.len();
        while place > 0 {
            place -= 1;
            match idle[place].wire.state() {
                // Its codec has not come to rest yet; it is left for later.
                WireState::Busy => continue,
                WireState::Closed => self.counters.upstream_connections_lost.one(),
                WireState::Ready if now.since(idle[place].since) >= self.timeout_idle => {}
                WireState::Ready => {
                    self.counters.upstream_connections_idle.down();
                    return idle.remove(place).map(|idle| (idle.wire, idle.peer));
                }
            }
            self.counters.upstream_connections_idle.down();
            idle.remove(place);
        }
        None
    }

    /// Lets go of connections that ended while they were idle.
    pub(super) fn lose_closed(&self) {
        self.retain(|idle| {
            let lost = idle.wire.state() == WireState::Closed;
            if lost {
                self.counters.upstream_connections_lost.one();
            }
            !lost
        });
    }

    fn retain(&self, keep: impl FnMut(&Idle<W>) -> bool) {
        let mut idle = self.idle.borrow_mut();
        let before = idle.len();
        idle.retain(keep);
        for _ in idle.len()..before {
            self.counters.upstream_connections_idle.down();
        }
    }

    /// Closes what was idle for too long, until nothing is idle.
    fn sweep(self: Rc<Self>) {
        if self.sweeping.replace(true) {
            return;
        }
        let pool = Rc::downgrade(&self);
        let timeout = self.timeout_idle;
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(timeout).await;
                let Some(pool) = pool.upgrade() else { return };
                let now = clock::now();
                pool.retain(|idle| now.since(idle.since) < timeout);
                if pool.idle.borrow().is_empty() {
                    pool.sweeping.set(false);
                    return;
                }
            }
        });
    }
}

impl<W: Wire> Home<W> for Pool<W> {
    fn take_back(&self, wire: W, peer: SocketAddr) {
        if self.idle_max == 0 || wire.state() == WireState::Closed {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() == self.idle_max {
            // The one that was idle longest is the one most likely to be closed next.
            idle.pop_front();
        } else {
            self.counters.upstream_connections_idle.up();
        }
        idle.push_back(Idle { wire, peer, since: clock::now() });
        drop(idle);
        if let Some(pool) = self.this.upgrade() {
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
