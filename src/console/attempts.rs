//! How often a client's tokens were refused lately. Tokens cannot be guessed; this keeps guessers from costing time.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A client may fail so often in a minute.
const FAILURES_MAX: u32 = 10;
/// So many clients are remembered.
const CLIENTS_MAX: usize = 10_000;

/// Refused tokens of the running minute, by client.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    failures: HashMap<IpAddr, u32>,
}

impl Attempts {
    /// Whether a client must wait, and for how many seconds.
    pub(super) fn wait(&self, client: IpAddr, now: u64) -> Option<u64> {
        let failures = self.at(now).failures.get(&network(client)).copied().unwrap_or_default();
        (failures >= FAILURES_MAX).then(|| 60 - now % 60)
    }

    /// One more refused token.
    pub(super) fn fail(&self, client: IpAddr, now: u64) {
        let mut minute = self.at(now);
        let client = network(client);
        if minute.failures.len() < CLIENTS_MAX || minute.failures.contains_key(&client) {
            *minute.failures.entry(client).or_default() += 1;
        }
    }

    fn at(&self, now: u64) -> MutexGuard<'_, Minute> {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != now / 60 {
            *minute = Minute { number: now / 60, failures: HashMap::new() };
        }
        minute
    }
}

/// One person has a whole /64 of IPv6 addresses.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}
