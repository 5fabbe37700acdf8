//! How many spans a calendar month (UTC) may store. When it is full no new trace begins; one that has begun is finished,
//! and requests are still listed. Asked by every worker: a reading of two atomics.
//!
//! What nobody asked for (ratios, route rules, tail mode, what rules keep) has a share of it at most: an outsider can cause
//! requests, and must not spend the month of those who trace.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::warn;

const DAY_SECONDS: u64 = 86_400;
const THOUSAND: u64 = 1_000;
/// The last second of the year 9999: later months are all that one.
const LAST: u64 = 253_402_300_799;

/// The quota of the current month.
#[derive(Debug)]
pub struct Quota {
    spans_max: AtomicU64,
    used: AtomicU64,
    /// Spans of traces that nobody asked for.
    unasked: AtomicU64,
    /// The share that they may have, in thousandths.
    unasked_thousandths: AtomicU64,
    /// When the month ends, in seconds since the Unix epoch.
    resets_at: AtomicU64,
}

impl QuotaLevel {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Eighty => "80",
            Self::NinetyFive => "95",
            Self::Full => "full",
        }
    }
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
        Self {
            spans_max: spans_per_month_max.into(),
            used: AtomicU64::new(0),
            unasked: AtomicU64::new(0),
            unasked_thousandths: AtomicU64::new(THOUSAND),
            resets_at: AtomicU64::new(0),
        }
    }

    /// No bound.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// From now on, so many spans a month, and such a share of them, from 0 to 1, for traces that nobody asked for.
    pub fn limit(&self, spans_per_month_max: u64, unasked_share: f64) {
        self.spans_max.store(spans_per_month_max, Ordering::Relaxed);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share, held between 0 and 1"
        )]
        let thousandths = (unasked_share.clamp(0.0, 1.0) * THOUSAND as f64).round() as u64;
        self.unasked_thousandths.store(thousandths, Ordering::Relaxed);
    }

    /// Spans that may still be recorded of traces that nobody asked for.
    pub fn unasked_left(&self, now: u64) -> u64 {
        self.turn(now);
        let limit = u128::from(self.spans_max.load(Ordering::Relaxed));
        let share = limit * u128::from(self.unasked_thousandths.load(Ordering::Relaxed)) / u128::from(THOUSAND);
        u64::try_from(share).unwrap_or(u64::MAX).saturating_sub(self.unasked.load(Ordering::Relaxed))
    }

    /// Spans of traces that nobody asked for were recorded. What is stored of them is counted by [`Self::spend`], too.
    pub fn spend_unasked(&self, spans: u64, now: u64) {
        self.turn(now);
        self.unasked.fetch_add(spans, Ordering::Relaxed);
    }

    /// Spans recorded this month of traces that nobody asked for.
    pub fn unasked(&self) -> u64 {
        self.unasked.load(Ordering::Relaxed)
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
            self.unasked.store(0, Ordering::Relaxed);
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
