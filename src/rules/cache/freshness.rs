//! How long a response is fresh, and how old it is: RFC 9111 sections 4.2.1 to 4.2.3. Knows nothing of storage.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AGE, DATE, EXPIRES, LAST_MODIFIED},
};

use super::{
    date,
    directives::{ResponseDirectives, SECONDS_MAX, delta_seconds},
    policy::Policy,
    targeted::Said,
    why::Source,
};

/// A response as it came.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub asked: u64,
    /// When its head came, in milliseconds since the Unix epoch.
    pub answered: u64,
}

impl Answer<'_> {
    /// When its age was zero, in milliseconds since the Unix epoch: "now" less this is its age (section 4.2.3).
    pub fn born(&self) -> u64 {
        let apparent = self.date().map_or(0, |date| (self.answered / 1_000).saturating_sub(date));
        let delay = self.answered.saturating_sub(self.asked);
        let told = age(self.headers).saturating_mul(1_000).saturating_add(delay);
        self.answered.saturating_sub(told.max(apparent.saturating_mul(1_000)))
    }

    /// `Date`, in seconds since the Unix epoch.
    pub fn date(&self) -> Option<u64> {
        self.moment(&DATE)
    }

    /// A field that holds one date.
    pub fn moment(&self, name: &http::HeaderName) -> Option<u64> {
        date::parse(self.headers.get(name)?.as_bytes(), self.answered / 1_000)
    }

    /// How long it is fresh, in seconds, and why.
    pub fn lifetime(&self, said: &ResponseDirectives, place: Said, policy: &Policy) -> (u32, Source) {
        let explicit = self.explicit(said, place);
        let lasts = explicit.is_some_and(|(lifetime, _)| lifetime > 0);
        let may_be_stored = is_cacheable(self.status) || said.public || lasts;
        // What a stranger can cause, or an upstream that is down, must not stand for what is meant to last.
        if let Some(ttl) = policy.ttl.filter(|_| may_be_stored && !is_error(self.status)) {
            return (seconds(ttl), Source::Route);
        }
        if let Some(lifetime) = explicit {
            return lifetime;
        }
        if is_negative(self.status) && !policy.ttl_negative.is_zero() {
            return (seconds(policy.ttl_negative), Source::RouteNegative);
        }
        if !is_cacheable(self.status) && !said.public {
            return (0, Source::Nothing);
        }
        match policy.ttl_default {
            Some(ttl) if !is_error(self.status) => (seconds(ttl), Source::RouteDefault),
            _ => self.heuristic(policy),
        }
    }

    /// The lifetime that the response itself gives, section 4.2.1.
    pub fn explicit(&self, said: &ResponseDirectives, place: Said) -> Option<(u32, Source)> {
        if let Some(seconds) = said.s_maxage {
            return Some((seconds, Source::SharedMaxAge));
        }
        if let Some(seconds) = said.max_age {
            return Some((seconds, Source::MaxAge));
        }
        if place == Said::Targeted {
            return None;
        }
        let mut values = self.headers.get_all(EXPIRES).iter();
        let expires = values.next()?;
        // Several that differ, and what is no date, "0" above all, mean that it has expired (section 5.3).
        let expires = if values.all(|more| more == expires) {
            date::parse(expires.as_bytes(), self.answered / 1_000)
        } else {
            None
        };
        let from = self.date().unwrap_or(self.answered / 1_000);
        let lifetime = expires.map_or(0, |expires| expires.saturating_sub(from));
        Some((u32::try_from(lifetime).unwrap_or(SECONDS_MAX).min(SECONDS_MAX), Source::Expires))
    }

    /// A tenth of the time that the content has not changed for, section 4.2.2.
    fn heuristic(&self, policy: &Policy) -> (u32, Source) {
        let date = self.date().unwrap_or(self.answered / 1_000);
        match self.moment(&LAST_MODIFIED) {
            Some(modified) if modified < date && !policy.heuristic_max.is_zero() => {
                let guess = ((date - modified) / 10).min(u64::from(seconds(policy.heuristic_max)));
                (u32::try_from(guess).unwrap_or(SECONDS_MAX), Source::Heuristic)
            }
            _ => (0, Source::Nothing),
        }
    }
}

/// The age that a response came with, in seconds: the first of several, and nothing if that is no number (section 5.1).
fn age(headers: &HeaderMap) -> u64 {
    let first = headers.get(AGE).map(HeaderValue::as_bytes).unwrap_or_default();
    let first = first.split(|&octet| octet == b',').next().unwrap_or_default().trim_ascii();
    u64::from(delta_seconds(first).unwrap_or(0))
}

/// Statuses that may be stored though nothing says how long they are fresh, RFC 9110 section 15.1.
pub fn is_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Statuses that say of a request that it failed.
fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Statuses of negative caching.
pub fn is_negative(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 410 | 500..=599)
}

/// Whole seconds, as many as a lifetime can have.
pub fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(SECONDS_MAX).min(SECONDS_MAX)
}
