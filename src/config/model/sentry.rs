//! Sentry: the project that browser SDKs report to, and the tunnel to it.

use std::{path::PathBuf, time::Duration};

use crate::rules::sentry::Dsn;

/// The Sentry project that browser SDKs report to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentry {
    /// Where the project takes envelopes.
    pub dsn: Dsn,
    /// `sentry-environment`.
    pub environment: Option<String>,
    /// `sentry-release`.
    pub release: Option<String>,
    /// `sentry-org_id`: as configured, else read from the DSN's host.
    pub org_id: Option<String>,
    /// How envelopes of browsers get there by way of the sites; `None`: they do not.
    pub tunnel: Option<SentryTunnel>,
}

/// How envelopes of browsers reach Sentry by way of the sites.
#[derive(Clone, Debug, PartialEq)]
pub struct SentryTunnel {
    /// Where envelopes are taken, beside the paths that SDKs make of DSNs.
    pub path: Option<String>,
    /// Whom they may be meant for; the first is the project's own.
    pub dsns: Vec<Dsn>,
    /// The largest envelope, in octets, as it is sent.
    pub bytes_max: u64,
    /// The largest envelope of a traced session whose spans are read, in octets, decoded.
    pub copy_bytes_max: usize,
    /// The most envelopes on their way, over all workers.
    pub requests_max: usize,
    /// The most envelopes of one client in a minute.
    pub requests_per_minute_max: u64,
    /// Bound on Sentry's silence: while it takes an envelope, until it answers, and within its answer.
    pub timeout: Duration,
    /// Own authorities instead of the system's: a PEM file.
    pub ca_file: Option<PathBuf>,
}
