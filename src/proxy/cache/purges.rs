//! The latest purges: what was asked for before one of them, and is meant by it, must not be stored after it. Purges of
//! single URLs come with every successful POST and are many: of them only the URL is remembered, and when. What is not
//! remembered any more may have meant everything.

use std::collections::{HashMap, VecDeque};

use super::memory::hash;
use crate::rules::cache::Purge;

/// So many purges of more than a URL are remembered.
const OTHERS_MAX: usize = 64;
/// So many URLs at least, twice as many at most.
const URLS_MAX: usize = 16_384;

/// The latest purges, counted from 1.
#[derive(Debug, Default)]
pub(super) struct Purges {
    count: u64,
    /// When each URL was purged last, in two generations.
    urls: HashMap<u64, u64>,
    urls_before: HashMap<u64, u64>,
    /// How many purges there had been when the younger generation began.
    young_since: u64,
    others: VecDeque<(u64, Purge)>,
    /// Of the purges up to this one some are forgotten.
    forgotten: u64,
}

impl Purges {
    /// How many there have been.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Remembers one.
    pub(super) fn note(&mut self, purge: &Purge) {
        self.count += 1;
        if let Purge::Url(url) = purge {
            self.urls.insert(hash(url), self.count);
            if self.urls.len() >= URLS_MAX {
                // Whatever the elder generation knew was purged before the younger began.
                if !self.urls_before.is_empty() {
                    self.forgotten = self.forgotten.max(self.young_since);
                }
                self.urls_before = std::mem::take(&mut self.urls);
                self.young_since = self.count;
            }
            return;
        }
        self.others.push_back((self.count, purge.clone()));
        if self.others.len() > OTHERS_MAX
            && let Some((forgotten, _)) = self.others.pop_front()
        {
            self.forgotten = self.forgotten.max(forgotten);
        }
    }

    /// Whether one of those after the first `since` means a response at this URL.
    pub(super) fn mean(&self, since: u64, url: &str, means: impl Fn(&Purge) -> bool) -> bool {
        if self.count == since {
            return false;
        }
        let url = hash(url);
        let last = self.urls.get(&url).or_else(|| self.urls_before.get(&url));
        since < self.forgotten
            || last.is_some_and(|at| *at > since)
            || self.others.iter().rev().take_while(|(at, _)| *at > since).any(|(_, purge)| means(purge))
    }
}

#[cfg(test)]
mod tests;
