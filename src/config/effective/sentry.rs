//! `[sentry]`, as it is meant.

use super::{HIDDEN, Writer};
use crate::config::model::{Sentry, Toggle};

impl Writer {
    pub(super) fn sentry(&mut self, sentry: &Sentry) {
        self.table("[sentry]");
        self.set("dsn", HIDDEN);
        self.optional("environment", sentry.environment.as_deref());
        self.optional("release", sentry.release.as_deref());
        self.optional("org_id", sentry.org_id.as_deref());
        let Some(tunnel) = &sentry.tunnel else { return self.toggle("tunnel", Toggle::Off) };
        self.toggle("tunnel", Toggle::On);
        self.optional("tunnel_path", tunnel.path.as_deref());
        self.list("tunnel_dsns", tunnel.dsns.iter().skip(1).map(|_| HIDDEN.to_owned()));
        self.size("tunnel_bytes_max", tunnel.bytes_max);
        self.size("tunnel_copy_bytes_max", tunnel.copy_bytes_max as u64);
        self.set("tunnel_requests_max", tunnel.requests_max);
        self.set("tunnel_requests_per_minute_max", tunnel.requests_per_minute_max);
        self.duration("tunnel_timeout", tunnel.timeout);
        if let Some(path) = &tunnel.ca_file {
            self.path("tunnel_ca_file", path);
        }
    }
}
