//! How often a client's tokens were refused in the running minute. Tokens cannot be guessed; this keeps guessers from
//! costing time.

use std::net::IpAddr;

use crate::trace::per_minute::{PerMinute, network};

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
