//! How often something happened in the running minute, by whose it was: how often a client's tokens were refused, a browser
//! sent spans, or a client sent envelopes. It keeps guessers, and pages gone wild, from costing time.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So many of them are remembered.
const KEYS_MAX: usize = 10_000;

/// What happened in the running minute, by whose it was.
#[derive(Debug)]
pub struct PerMinute<K>(Mutex<Minute<K>>);

#[derive(Debug)]
struct Minute<K> {
    number: u64,
    counts: HashMap<K, u64>,
}

impl<K> Default for PerMinute<K> {
    fn default() -> Self {
        Self(Mutex::new(Minute { number: 0, counts: HashMap::new() }))
    }
}

impl<K: Eq + Hash> PerMinute<K> {
    /// Counts `count` more, unless that would be more than `max`; `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// It would: after so many seconds it may not be.
    pub fn take(&self, key: K, (count, max): (u64, u64), now: u64) -> Result<(), u64> {
        let mut minute = self.at(now);
        let known = minute.counts.get(&key).copied().unwrap_or_default();
        if known.saturating_add(count) > max {
            return Err(60 - now % 60);
        }
        if minute.counts.len() < KEYS_MAX || known > 0 {
            minute.counts.insert(key, known + count);
        }
        Ok(())
    }

    /// How often it happened.
    pub fn count(&self, key: &K, now: u64) -> u64 {
        self.at(now).counts.get(key).copied().unwrap_or_default()
    }

    fn at(&self, now: u64) -> MutexGuard<'_, Minute<K>> {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != now / 60 {
            *minute = Minute { number: now / 60, counts: HashMap::new() };
        }
        minute
    }
}

/// Whose an address is: one person has a whole /64 of IPv6 addresses.
pub fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}
