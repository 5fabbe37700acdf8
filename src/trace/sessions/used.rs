//! What sessions have used, told to a process that comes after this one: a restart gives nobody his requests and spans again.

use std::sync::atomic::Ordering;

use super::Sessions;
use crate::rules::session::Id;

/// What a session has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Which.
    pub session: Id,
    /// Until when it lasts, in seconds since the Unix epoch.
    pub expiry: u64,
    /// Spans.
    pub spans: u64,
    /// Requests.
    pub requests: u64,
}

impl Sessions {
    /// What sessions that live at `now` have used, those of an earlier process included; in the order of their ids.
    pub fn used(&self, now: u64) -> Vec<Used> {
        let here = self.meters.iter().map(|meter| Used {
            session: meter.session.id,
            expiry: meter.session.expiry,
            spans: meter.spans.load(Ordering::Relaxed),
            requests: meter.requests.load(Ordering::Relaxed),
        });
        let before = self.used_before.iter().map(|used| *used.value());
        let mut used: Vec<_> = here.chain(before).filter(|used| used.expiry > now).collect();
        used.sort_by_key(|used| used.session);
        used
    }

    /// An earlier process told this; at most `limits.sessions_max` sessions are remembered.
    pub fn resume(&self, used: impl IntoIterator<Item = Used>) {
        used.into_iter().take(self.entries_max).for_each(|used| {
            self.used_before.insert(used.session, used);
        });
    }

    /// What a session has used that this process did not see yet.
    pub(super) fn take_before(&self, session: Id) -> (u64, u64) {
        self.used_before.remove(&session).map_or((0, 0), |(_, used)| (used.spans, used.requests))
    }
}
