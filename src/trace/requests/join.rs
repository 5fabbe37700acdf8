//! Which page view a request belongs to. A page is known by browser and URL; what refers to that URL belongs to it, and
//! so does what refers to its frames, scripts and styles. `now` comes with the requests; everything is bounded.
//!
//! A page ends after much of what it loads: what refers to a page that is not known yet is remembered, and joined when
//! the page turns up. Where the page is opened again, what it loads seems to belong to the time before, until then.

use std::collections::VecDeque;

use super::{
    entry::Brief,
    hints::{Destination, Hints},
    ring::Place,
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
    lately: VecDeque<(Place, Brief)>,
}

/// A request that waits for its page, and the URL that others may refer to.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    member: Member,
    url: u64,
}

/// A request of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The request.
    pub id: u128,
    /// Where it is.
    pub place: Place,
}

/// What was found out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The page of the request asked for.
    pub page: Option<u128>,
    /// Earlier requests that belong to the page, which was not known before, whatever they were joined to.
    pub late: Vec<Member>,
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
    /// Joins the request that is in this place.
    pub fn join(&mut self, place: Place, request: Brief) -> Joined {
        let Hints { browser, url, referer, destination } = request.hints;
        if destination == Destination::DOCUMENT {
            self.last.insert(browser, (request.id, request.start));
            let mut late = self.known(browser, url, request.id);
            self.overtaken(request, &mut late);
            return Joined { page: Some(request.id), late };
        }
        if referer == 0 {
            // Nothing says that a request without a destination is a browser's.
            let is_a_browsers = destination != Destination::default();
            let page = is_a_browsers.then(|| self.last_page(request)).flatten();
            if page.is_some() {
                self.remember(place, request);
            }
            return Joined { page, late: Vec::new() };
        }
        if let Some(page) = self.urls.find(&(browser, referer)).copied() {
            let late = if url == 0 { Vec::new() } else { self.known(browser, url, page) };
            self.remember(place, request);
            return Joined { page: Some(page), late };
        }
        let waiting = self.waiting.entry((browser, referer));
        if waiting.len() < WAITING_MAX {
            waiting.push(Waiting { member: Member { id: request.id, place }, url });
        }
        Joined::default()
    }

    /// The last page of a request's browser, if it is recent.
    fn last_page(&self, request: Brief) -> Option<u128> {
        let (page, since) = *self.last.find(&request.hints.browser)?;
        (request.start.saturating_sub(since) < LAST_PAGE_NANOS).then_some(page)
    }

    fn remember(&mut self, place: Place, request: Brief) {
        if self.lately.len() == OVERTAKEN_MAX {
            self.lately.pop_front();
        }
        self.lately.push_back((place, request));
    }

    /// What `page` loaded that ended before it, and was joined to the browser's page before: it began after this one.
    fn overtaken(&mut self, page: Brief, late: &mut Vec<Member>) {
        let browser = page.hints.browser;
        let is_later = |(_, request): &&(Place, Brief)| request.hints.browser == browser && request.start >= page.start;
        let mut candidates: Vec<(Place, Brief)> = self.lately.iter().filter(is_later).copied().collect();
        // Nothing refers to 0, which stands for a referer that is hidden.
        let mut urls = vec![page.hints.url, 0];
        while let Some(url) = urls.pop() {
            candidates.retain(|(place, request)| {
                let refers = request.hints.referer == url;
                if refers {
                    late.push(Member { id: request.id, place: *place });
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
    fn known(&mut self, browser: u64, url: u64, page: u128) -> Vec<Member> {
        let mut late = Vec::new();
        let mut urls = vec![url];
        while let Some(url) = urls.pop() {
            self.urls.insert((browser, url), page);
            for waiting in self.waiting.remove(&(browser, url)).unwrap_or_default() {
                late.push(waiting.member);
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
