//! Trace links that this process made and that can still be used, so that their makers see and end them. A link counts by
//! itself (`rules::session`); here is only that it exists. Those made by a command beside the process are not known.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::Sessions;
use crate::{
    error::BoxError,
    rules::session::{Id, TraceLink},
};

/// Links, the latest first.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<VecDeque<TraceLink>>);

impl Sessions {
    /// Remembers a link until it has expired; beyond `entries_max` the eldest is not listed any more.
    pub fn note_link(&self, link: TraceLink, now: u64) {
        let mut links = self.links.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| link.expiry > now);
        if links.len() >= self.entries_max.max(1) {
            links.pop_back();
            self.refused.one();
        }
        links.push_front(link);
    }

    /// The links that can be used at `now`, the latest first.
    pub fn open_links(&self, now: u64) -> Vec<TraceLink> {
        let links = self.links.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |link: &&TraceLink| {
            link.expiry > now && !self.is_used(link.nonce) && !self.is_person_revoked(&link.name, link.issued)
        };
        links.iter().filter(is_open).cloned().collect()
    }

    /// Ends a link: from now on it counts as used. Gives whether it could still be used.
    ///
    /// # Errors
    /// It could not be written down, or too many are remembered.
    pub fn end_link(&self, nonce: Id, now: u64) -> Result<bool, BoxError> {
        match self.open_links(now).into_iter().find(|link| link.nonce == nonce) {
            Some(link) => self.use_once(nonce, link.expiry, now),
            None => Ok(false),
        }
    }
}
