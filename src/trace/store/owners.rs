//! Whose traces are that browsers added to: a page may have begun one by itself, and then no request says whose it is. The
//! store remembers it with the spans, so that who asks to be erased is found in them beyond a restart, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::TraceId;

use super::query::Whom;
use crate::{rules::session::Id, trace::bounded::Bounded};

/// The most traces that are remembered; the eldest are forgotten, and remembered again with the next spans of a browser.
const TRACES_MAX: usize = 65_536;

/// Whose a trace is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The session that its page is of.
    pub session: Id,
    /// Who started that.
    pub person: Box<str>,
}

/// Whose traces are that something may come of. The store asks when it writes.
#[derive(Debug)]
pub struct Owners(Mutex<Bounded<TraceId, Arc<Owner>>>);

impl Default for Owners {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(TRACES_MAX)))
    }
}

impl Owners {
    /// From now on what comes of these traces is `owner`'s.
    pub fn remember(&self, traces: &[TraceId], owner: Owner) {
        let owner = Arc::new(owner);
        let mut known = self.known();
        traces.iter().for_each(|trace| known.insert(*trace, Arc::clone(&owner)));
    }

    /// Whose a trace is.
    pub fn find(&self, trace: TraceId) -> Option<Arc<Owner>> {
        self.known().find(&trace).map(Arc::clone)
    }

    /// The traces of somebody.
    pub(super) fn of(&self, whom: &Whom) -> Vec<TraceId> {
        let theirs = |owner: &Owner| match whom {
            Whom::Session(id) => owner.session == *id,
            Whom::Person(name) => *owner.person == **name,
        };
        self.known().iter().filter(|(_, owner)| theirs(owner)).map(|(trace, _)| *trace).collect()
    }

    fn known(&self) -> MutexGuard<'_, Bounded<TraceId, Arc<Owner>>> {
        // Poisoned by a panic elsewhere, it is still whole: it is changed by single inserts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
