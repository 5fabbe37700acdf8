//! Places for requests in progress, shared by all workers, so that a bound means the same with 1 and with 16.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many places are taken.
#[derive(Debug, Default)]
pub struct Permits {
    taken: AtomicUsize,
}

impl Permits {
    /// Takes a permit, unless `max` are taken.
    pub fn take(self: &Arc<Self>, max: usize) -> Option<Permit> {
        if self.taken.fetch_add(1, Ordering::Relaxed) >= max {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Arc::clone(self)))
    }
}

/// One request's place; given back when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Permits>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
