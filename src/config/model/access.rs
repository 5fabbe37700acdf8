//! Who may trace, how he proves who he is, and what is kept of people.

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::Secret;
use crate::rules::route::HostPattern;
pub use crate::rules::{
    access::{Mapping, Proof, Role, Scope},
    privacy::ClientAddress,
};

/// Who may trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// The secrets that keys are derived from, newest first; empty: made at first run, in the state directory.
    pub secrets: Vec<Secret>,
    /// Proxies whose `Forwarded` and `X-Forwarded-*` are believed, and their word on who a user is.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the sign-in page is shown to people who have no link.
    pub sign_in: SignIn,
    /// What a sign-in reaches on a site's own origin.
    pub on_site: Scope,
    /// How long a sign-in link or a trace link lives; at most 10 minutes.
    pub link_ttl: Duration,
    /// How long a sign-in lasts.
    pub identity_ttl: Duration,
    /// How long a tracing session lasts.
    pub session_ttl: Duration,
    /// The most spans of one tracing session.
    pub session_spans_max: u64,
    /// How long a force header lives.
    pub force_ttl: Duration,
    /// The longest time that a visitor is traced by a trace link.
    pub guest_ttl: Duration,
    /// The most requests of a visitor that are traced by a trace link.
    pub guest_requests_max: u64,
    /// The audit log's file is put aside when it has grown to so many octets.
    pub audit_bytes_max: u64,
    /// Files of the audit log that are kept, the one that is written included.
    pub audit_files_max: u32,
    /// Where the console's files are read from each time, instead of those in the binary: for work on them.
    pub console_dir: Option<PathBuf>,
    /// Tokens of scripts and people.
    pub tokens: Vec<NamedToken>,
    /// A proxy in front that signs people in.
    pub forward_auth: Option<Proof>,
    /// An OpenID provider that does.
    pub oidc: Option<Oidc>,
}

/// Where the sign-in page is shown to people who have no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// On the admin listener only.
    Admin,
    /// On every site with a toolbar.
    Public,
}

/// A token of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedToken {
    /// Whose it is, in the audit log.
    pub name: String,
    /// What it is good for.
    pub role: Role,
    /// The token.
    pub token: Secret,
    /// The hosts it counts at; empty: all.
    pub hosts: Vec<HostPattern>,
}

impl NamedToken {
    /// Whether it counts at `host`.
    pub fn counts_at(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(host))
    }
}

/// An OpenID provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Oidc {
    /// Its issuer identifier: `https://id.example`.
    pub issuer: String,
    /// What it knows Waylight as.
    pub client_id: String,
    /// What proves that to it; public clients have none.
    pub client_secret: Option<Secret>,
    /// What it is asked for, beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that a person's name here is, if it is one of its own; `None`: his verified e-mail address, else `sub`.
    pub name_claim: Option<String>,
    /// The claim that lists his groups.
    pub groups_claim: String,
    /// What groups and verified e-mail addresses are worth.
    pub mapping: Mapping,
    /// Own authorities instead of the system's: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Bound on one request to it.
    pub timeout: Duration,
}

/// What is kept of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy {
    /// How much of client addresses is kept in spans, rows and the audit log.
    pub client_address: ClientAddress,
    /// How much of them stands in the access log.
    pub client_address_log: ClientAddress,
}
