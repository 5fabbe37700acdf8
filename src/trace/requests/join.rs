//! Which page view a request belongs to. A page is known by browser and URL; what refers to that URL belongs to it, and
//! so does what refers to its frames, scripts and styles. `now` comes with the requests; everything is bounded.
//!
//! A page ends after much of what it loads: what refers to a page that is not known yet is remembered, and joined when
//! the page turns up. Where the page is opened again, what it loads seems to belong to the time before, until then.

use std::collections::VecDeque;

use super::{
    entry::Brief,
    hints::{Destination, Hints},
};
use crate::trace::bounded::Bounded;

/// URLs remembered, and requests that wait for their page.
const REMEMBERED_MAX: usize = 16_384;
/// A request without a referer belongs to the browser's last page, if that is no older, in nanoseconds.
const LAST_PAGE_NANOS: u64 = 30_000_000_000;

/// Joined requests that may turn out to belong to a later page.
const OVERTAKEN_MAX: usize = 512;

/// Joins requests to page views.
#[derive(Debug)]
pub struct Joiner {
    /// The page that a browser's URL belongs to.
    urls: Bounded<(u64, u64), u128>,
    /// The last page of each browser, and when it began.
    last: Bounded<u64, (u128, u64)>,
    /// What refers to a browser's URL that is not known yet.
    waiting: Bounded<(u64, u64), Vec<Waiting>>,
    /// What was joined lately, the latest last.
    lately: VecDeque<Brief>,
}

/// A request that waits for its page, and the URL that others may refer to.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: u128,
    url: u64,
}

/// What was found out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The page of the request asked for.
    pub page: Option<u128>,
    /// Earlier requests that belong to the page, which was not known before, whatever they were joined to.
    pub late: Vec<u128>,
}

/// The most requests that wait for one URL.
const WAITING_MAX: usize = 256;

impl Default for Joiner {
    fn default() -> Self {
        Self {
            urls: Bounded::new(REMEMBERED_MAX),
            last: Bounded::new(REMEMBERED_MAX),
            waiting: Bounded::new(REMEMBERED_MAX / 16),
            lately: VecDeque::new(),
        }
    }
}

impl Joiner {
    /// Joins one request.
    pub fn join(&mut self, request: Brief) -> Joined {
        let Hints { browser, url, referer, destination } = request.hints;
        if destination == Destination::DOCUMENT {
            self.last.insert(browser, (request.id, request.start));
            let mut late = self.known(browser, url, request.id);
            self.overtaken(request, &mut late);
            return Joined { page: Some(request.id), late };
        }
        if let Some(page) = self.urls.find(&(browser, referer)).copied() {
            let late = if url == 0 { Vec::new() } else { self.known(browser, url, page) };
            self.remember(request);
            return Joined { page: Some(page), late };
        }
        if referer != 0 {
            let waiting = self.waiting.entry((browser, referer));
            if waiting.len() < WAITING_MAX {
                waiting.push(Waiting { id: request.id, url });
            }
            return Joined::default();
        }
        let recent = |(_, since): &&(u128, u64)| request.start.saturating_sub(*since) < LAST_PAGE_NANOS;
        // Nothing says that a request without a destination is a browser's.
        let last = self.last.find(&browser).filter(|_| destination != Destination::default()).filter(recent);
        let page = last.map(|(page, _)| *page);
        if page.is_some() {
            self.remember(request);
        }
        Joined { page, late: Vec::new() }
    }

    fn remember(&mut self, request: Brief) {
        if self.lately.len() == OVERTAKEN_MAX {
            self.lately.pop_front();
        }
        self.lately.push_back(request);
    }

    /// What `page` loaded that ended before it, and was joined to the browser's page before: it began after this one.
    fn overtaken(&mut self, page: Brief, late: &mut Vec<u128>) {
        let browser = page.hints.browser;
        let is_later = |request: &&Brief| request.hints.browser == browser && request.start >= page.start;
        let mut candidates: Vec<Brief> = self.lately.iter().filter(is_later).copied().collect();
        // Nothing refers to 0, which stands for a referer that is hidden.
        let mut urls = vec![page.hints.url, 0];
        while let Some(url) = urls.pop() {
            candidates.retain(|request| {
                let refers = request.hints.referer == url;
                if refers {
                    late.push(request.id);
                    if request.hints.url != 0 {
                        self.urls.insert((browser, request.hints.url), page.id);
                        urls.push(request.hints.url);
                    }
                }
                !refers
            });
        }
    }

    /// From now on `url` belongs to `page`; gives back what waited for it.
    fn known(&mut self, browser: u64, url: u64, page: u128) -> Vec<u128> {
        let mut late = Vec::new();
        let mut urls = vec![url];
        while let Some(url) = urls.pop() {
            self.urls.insert((browser, url), page);
            for waiting in self.waiting.remove(&(browser, url)).unwrap_or_default() {
                late.push(waiting.id);
                if waiting.url != 0 && waiting.url != url {
                    urls.push(waiting.url);
                }
            }
        }
        late
    }
}

#[cfg(test)]
mod tests;
