//! How many spans a calendar month (UTC) may store. When it is full no new trace begins; one that has begun is finished,
//! and requests are still listed. Asked by every worker: a reading of two atomics.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::warn;

const DAY_SECONDS: u64 = 86_400;
/// The last second of the year 9999: later months are all that one.
const LAST: u64 = 253_402_300_799;

/// The quota of the current month.
#[derive(Debug)]
pub struct Quota {
    spans_max: AtomicU64,
    used: AtomicU64,
    /// When the month ends, in seconds since the Unix epoch.
    resets_at: AtomicU64,
}

/// How far it is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaLevel {
    /// Less than 80 %.
    Fine,
    /// At least 80 %.
    Eighty,
    /// At least 95 %.
    NinetyFive,
    /// All of it.
    Full,
}

/// What can be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaState {
    /// Spans stored this month.
    pub used: u64,
    /// Spans that may be.
    pub limit: u64,
    /// How far it is spent.
    pub level: QuotaLevel,
    /// When the next month begins, in seconds since the Unix epoch.
    pub resets_at: u64,
}

/// Times here are seconds since the Unix epoch.
impl Quota {
    /// So many spans a month, none of them used.
    pub fn new(spans_per_month_max: u64) -> Self {
        Self { spans_max: spans_per_month_max.into(), used: AtomicU64::new(0), resets_at: AtomicU64::new(0) }
    }

    /// No bound.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// From now on, so many spans a month.
    pub fn limit(&self, spans_per_month_max: u64) {
        self.spans_max.store(spans_per_month_max, Ordering::Relaxed);
    }

    /// Whether a new trace may begin.
    pub fn admits(&self, now: u64) -> bool {
        self.used.load(Ordering::Relaxed) < self.spans_max.load(Ordering::Relaxed)
            || now >= self.resets_at.load(Ordering::Relaxed)
    }

    /// Spans were stored. Warns when that was the 80th or 95th part in a hundred, or the last.
    pub fn spend(&self, spans: u64, now: u64) {
        self.turn(now);
        let before = self.used.fetch_add(spans, Ordering::Relaxed);
        let limit = self.spans_max.load(Ordering::Relaxed);
        let (was, is) = (level(before, limit), level(before.saturating_add(spans), limit));
        if is > was {
            let percent = match is {
                QuotaLevel::Full => 100,
                QuotaLevel::NinetyFive => 95,
                QuotaLevel::Eighty | QuotaLevel::Fine => 80,
            };
            warn!(percent, limit, setting = "store.spans_per_month_max", "this month's quota of spans is spent so far");
        }
    }

    /// What can be said of it.
    pub fn state(&self, now: u64) -> QuotaState {
        self.turn(now);
        let (used, limit) = (self.used.load(Ordering::Relaxed), self.spans_max.load(Ordering::Relaxed));
        let resets_at = self.resets_at.load(Ordering::Relaxed);
        QuotaState { used, limit, level: level(used, limit), resets_at }
    }

    /// Begins a new month, if `now` lies in one.
    fn turn(&self, now: u64) {
        let ends = self.resets_at.load(Ordering::Relaxed);
        if now < ends {
            return;
        }
        let next = month(now).end;
        // Whoever is first empties it; another's spans of this very moment may be lost to the count.
        if self.resets_at.compare_exchange(ends, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.used.store(0, Ordering::Relaxed);
        }
    }
}

fn level(used: u64, limit: u64) -> QuotaLevel {
    let reached = |percent: u128| u128::from(used) * 100 >= u128::from(limit) * percent;
    match () {
        () if reached(100) => QuotaLevel::Full,
        () if reached(95) => QuotaLevel::NinetyFive,
        () if reached(80) => QuotaLevel::Eighty,
        () => QuotaLevel::Fine,
    }
}

/// The calendar month of `now` in UTC, in seconds since the Unix epoch.
pub fn month(now: u64) -> Range<u64> {
    let today = now.min(LAST) / DAY_SECONDS;
    let months = (1970..=9999_u64).flat_map(|year| (1..=12).map(move |month| days(year, month)));
    let mut first = 0;
    for days in months {
        if today < first + days {
            return first * DAY_SECONDS..(first + days) * DAY_SECONDS;
        }
        first += days;
    }
    first * DAY_SECONDS..u64::MAX
}

fn days(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
