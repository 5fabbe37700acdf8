//! How often something happened in the running minute: how often a client's tokens were refused, how often a browser sent
//! spans. Tokens cannot be guessed; this keeps guessers, and pages gone wild, from costing time.

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
pub(super) struct PerMinute<K>(Mutex<Minute<K>>);

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
    /// Counts `count` more, unless that would be more than `max`.
    ///
    /// # Errors
    /// It would: after so many seconds it may not be.
    pub(super) fn take(&self, key: K, (count, max): (u64, u64), now: u64) -> Result<(), u64> {
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
    fn count(&self, key: &K, now: u64) -> u64 {
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

/// Refused tokens, by client.
#[derive(Debug, Default)]
pub(super) struct Attempts(PerMinute<IpAddr>);

impl Attempts {
    /// Whether a client who may fail so often in a minute must wait, and for how many seconds.
    pub(super) fn wait(&self, client: IpAddr, failures_max: u32, now: u64) -> Option<u64> {
        (self.0.count(&network(client), now) >= u64::from(failures_max)).then(|| 60 - now % 60)
    }

    /// One more refused token.
    pub(super) fn fail(&self, client: IpAddr, now: u64) {
        // Without a bound there is nothing that could be refused.
        self.0.take(network(client), (1, u64::MAX), now).ok();
    }
}

/// One person has a whole /64 of IPv6 addresses.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}
