//! The one place that is asked for requests: those in the ring that are in no store, and those in the store, as one
//! list, newest first.

use std::{cmp::Reverse, collections::HashSet, sync::Arc};

use opentelemetry::trace::TraceId;

use super::{
    matching::{self, Verdict},
    ring::{KeptIn, Place, Ring},
    row::RequestRow,
};
use crate::trace::{
    live::Patch,
    store::{
        StoreError, TraceStore,
        query::{Cursor, Histogram, Page, RequestQuery},
    },
};

/// Requests, recent and stored.
#[derive(Clone)]
pub struct Requests {
    ring: Arc<Ring>,
    store: Option<Arc<dyn TraceStore>>,
}

impl Requests {
    /// What is in `ring`, and in `store`, if there is one.
    pub fn new(ring: Arc<Ring>, store: Option<Arc<dyn TraceStore>>) -> Self {
        Self { ring, store }
    }

    /// A page of requests, newest first, as [`TraceStore::requests`] gives it.
    ///
    /// # Errors
    /// The store's.
    pub async fn page(&self, query: RequestQuery) -> Result<Page, StoreError> {
        // The ring first: what is stored meanwhile is then found twice, and not never.
        let (mut found, mut excluded) = (Vec::new(), Vec::new());
        let is_first = query.before.is_none();
        for row in self.ring.unstored() {
            match matching::verdict(&query, &row) {
                Verdict::In => found.push(row),
                Verdict::Out(name) => excluded.push((name, 1)),
                Verdict::Elsewhere => {}
            }
        }
        let Page { items, next, excluded_by } = match &self.store {
            Some(store) => store.requests(query.clone()).await?,
            None => Page::default(),
        };
        let seen: HashSet<u128> = found.iter().map(|row| row.id).collect();
        found.extend(items.into_iter().filter(|row| !seen.contains(&row.id)));
        found.sort_by_key(|row| Reverse(place(row)));
        let more = found.len() > query.limit || next.is_some();
        found.truncate(query.limit);
        excluded.extend(excluded_by);
        Ok(Page {
            next: found.last().map(place).filter(|_| more),
            excluded_by: if found.is_empty() && is_first { summed(excluded) } else { Vec::new() },
            items: found,
        })
    }

    /// How many requests fall into each of `bins` equal parts of the query's time, as [`TraceStore::histogram`] says.
    ///
    /// # Errors
    /// The store's.
    pub async fn histogram(&self, query: RequestQuery, bins: usize) -> Result<Histogram, StoreError> {
        let rows: Vec<_> =
            self.ring.unstored().filter(|row| matches!(matching::verdict(&query, row), Verdict::In)).collect();
        let query = matching::with_end(query, &rows);
        let mut histogram = match &self.store {
            Some(store) => store.histogram(query, bins).await?,
            None => matching::empty_histogram(&query, &rows, bins),
        };
        for row in &rows {
            matching::count(&mut histogram, row);
        }
        Ok(histogram)
    }

    /// One request, with its header sets where they are stored.
    ///
    /// # Errors
    /// The store's.
    pub async fn request(&self, id: u128) -> Result<Option<RequestRow>, StoreError> {
        let recent = self.ring.find(id).and_then(|place| self.ring.get(place));
        let stored = match (&recent, &self.store) {
            (Some((_, KeptIn::RingOnly)), _) | (_, None) => None,
            (_, Some(store)) => store.request(id).await?,
        };
        Ok(stored.or_else(|| recent.map(|(row, _)| row)))
    }

    /// All requests of a trace, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn of_trace(&self, trace: TraceId) -> Result<Vec<RequestRow>, StoreError> {
        let mut rows: Vec<_> = self.ring.unstored().filter(|row| row.trace == Some(trace)).collect();
        if let Some(store) = &self.store {
            let seen: HashSet<u128> = rows.iter().map(|row| row.id).collect();
            rows.extend(store.requests_of(trace).await?.into_iter().filter(|row| !seen.contains(&row.id)));
        }
        rows.sort_by_key(place);
        Ok(rows)
    }

    /// Adds what became known of a request, wherever it is; says whether it was found. `place` is where it is in the
    /// ring, or was.
    ///
    /// # Errors
    /// The store's.
    pub async fn patch(&self, place: Option<Place>, patch: &Patch) -> Result<Found, StoreError> {
        let here = place.and_then(|place| Some((place, self.ring.patch(place, patch)?)));
        let Some(store) = &self.store else { return Ok(here.map_or(Found::No, |_| Found::Yes)) };
        if let Some((place, KeptIn::RingOnly)) = here {
            // Its trace outlives the ring, so it must, too. Where it is on its way to the store anyway, as it was, the intake
            // puts that right afterwards.
            let row = patch.trace.as_ref().and_then(|_| self.ring.get(place));
            if let Some((row, _)) = row {
                store.write_requests(vec![row]).await?;
                self.ring.put(place);
            }
            return Ok(Found::Yes);
        }
        let Some(mut row) = store.request(patch.id).await? else { return Ok(Found::No) };
        row.page = patch.page.or(row.page);
        if let Some((trace, trigger)) = &patch.trace {
            row.trace = Some(*trace);
            row.trigger.clone_from(trigger);
        }
        store.write_requests(vec![row]).await?;
        Ok(Found::Yes)
    }

    /// Forgets recent requests that `gone` says; the store is asked by itself.
    pub fn erase_recent(&self, gone: impl Fn(&RequestRow) -> bool) -> u64 {
        self.ring.erase(gone)
    }

    /// The ring.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// The store, if there is one.
    pub fn store(&self) -> Option<&Arc<dyn TraceStore>> {
        self.store.as_ref()
    }
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").field("ring", &self.ring.len()).finish_non_exhaustive()
    }
}

/// Whether a request is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is.
    Yes,
    /// It is not.
    No,
}

fn place(row: &RequestRow) -> Cursor {
    Cursor { start: row.start, id: row.id }
}

/// One number for each name, the greatest first.
fn summed(counts: Vec<(&'static str, u64)>) -> Vec<(&'static str, u64)> {
    let mut sums: Vec<(&'static str, u64)> = Vec::new();
    for (name, count) in counts {
        match sums.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => sums.push((name, count)),
        }
    }
    sums.sort_by_key(|(_, count)| Reverse(*count));
    sums
}

#[cfg(test)]
pub(super) mod tests;
