//! Who may do what: roles, the actions there are, and the one table of both. How somebody came by a role is told in
//! `ways`; who he is, in `session`.

mod ways;

pub use ways::{Fingerprint, Mapping, Proof, bearer};

use std::fmt;

/// What somebody may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Came by a trace link: his requests are traced, and he may stop that. He sees nothing.
    Guest,
    /// Reads what is kept.
    Viewer,
    /// May also trace: his own browser, single pages, and visitors who agree.
    Tracer,
    /// May also revoke, erase, keep, purge, and change settings.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Guest, Self::Viewer, Self::Tracer, Self::Admin];
    /// The roles that people are given; nobody is made a guest but by a trace link.
    pub const GIVEN: [Self; 3] = [Self::Viewer, Self::Tracer, Self::Admin];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Viewer => "viewer",
            Self::Tracer => "tracer",
            Self::Admin => "admin",
        }
    }

    /// The role of this word, if people can be given it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::GIVEN.into_iter().find(|role| role.word() == word)
    }

    /// As an octet of a token. Must never change.
    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::Guest => 0,
            Self::Viewer => 1,
            Self::Tracer => 2,
            Self::Admin => 3,
        }
    }

    pub(super) fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.octet() == octet)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What somebody may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// End his own session, or his sign-in.
    Stop,
    /// Read requests, traces, sessions and budgets, and follow them live.
    Read,
    /// Take a trace out of Waylight: an export, or one shown to others.
    Export,
    /// Have his own browser's requests traced.
    Trace,
    /// Have a recorded request sent again, and traced.
    Replay,
    /// Make a link that has a visitor's requests traced.
    Invite,
    /// Keep what would be forgotten, or put in what comes from elsewhere.
    Keep,
    /// End other people's sessions and sign-ins.
    Revoke,
    /// Erase what is kept.
    Erase,
    /// Have stored responses forgotten.
    Purge,
    /// Read and change how Waylight works.
    Settings,
    /// Read who did what.
    Audit,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 12] = [
        Self::Stop,
        Self::Read,
        Self::Export,
        Self::Trace,
        Self::Replay,
        Self::Invite,
        Self::Keep,
        Self::Revoke,
        Self::Erase,
        Self::Purge,
        Self::Settings,
        Self::Audit,
    ];

    /// The least role that may do it.
    const fn least(self) -> Role {
        match self {
            Self::Stop => Role::Guest,
            Self::Read | Self::Export => Role::Viewer,
            Self::Trace | Self::Replay | Self::Invite => Role::Tracer,
            Self::Keep | Self::Revoke | Self::Erase | Self::Purge | Self::Settings | Self::Audit => Role::Admin,
        }
    }
}

/// Whether a role may do something.
pub fn may(role: Role, action: Action) -> bool {
    role >= action.least()
}

/// How much of what a role allows somebody is given at the place where he asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// His own browser's sessions. An app's pages have this origin, too, and so has a script that was slipped into them.
    Session,
    /// All that his role allows.
    All,
}

impl Scope {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::All => "all",
        }
    }

    /// Whether something may be done at all; of what is done to somebody's own, only to that.
    pub const fn admits(self, action: Action) -> bool {
        match self {
            Self::All => true,
            Self::Session => matches!(action, Action::Stop | Action::Read | Action::Export | Action::Trace),
        }
    }
}

/// How somebody proved who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// By a one-time link.
    Link,
    /// By a named token of the configuration.
    Token,
    /// By the word of a proxy in front.
    Proxy,
    /// By an OpenID provider.
    Oidc,
    /// By a trace link.
    TraceLink,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Link, Self::Token, Self::Proxy, Self::Oidc, Self::TraceLink];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Token => "token",
            Self::Proxy => "proxy",
            Self::Oidc => "oidc",
            Self::TraceLink => "trace-link",
        }
    }

    /// As an octet of a token. Must never change.
    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::Link => 0,
            Self::Token => 1,
            Self::Proxy => 2,
            Self::Oidc => 3,
            Self::TraceLink => 4,
        }
    }

    pub(super) fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.octet() == octet)
    }
}

#[cfg(test)]
mod tests;
