//! The audit log: who did what, when and from where. Written before it is done, so that what cannot be written down
//! is not done; only what takes something away (stop, sign out, revoke) is done all the same, and reported.
//!
//! It never holds a token. Where the lines are kept is for `app` to know.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use tracing::error;

use super::Visit;
use crate::{
    clock,
    config::model::ClientAddress,
    error::BoxError,
    rules::{privacy, session::Identity},
    trace::counters::Counters,
};

/// The longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 200;

/// Where the lines are kept.
pub trait AuditLog: Send + Sync {
    /// Appends one line, without its newline.
    ///
    /// # Errors
    /// It could not be written.
    fn append(&self, line: &str) -> Result<(), BoxError>;

    /// The latest lines, newest first, at most so many.
    ///
    /// # Errors
    /// They could not be read.
    fn recent(&self, max: usize) -> Result<Vec<String>, BoxError>;
}

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Signed in.
    SignIn,
    /// Signed out.
    SignOut,
    /// Made a sign-in link; on the admin listener.
    LinkMade,
    /// Started a tracing session.
    SessionStart,
    /// Stopped one.
    SessionStop,
    /// Had one page traced.
    PageTrace,
    /// Had a recorded request sent again.
    Replay,
    /// Made a trace link.
    TraceLinkMade,
    /// Agreed to be traced by a trace link.
    TraceLinkUsed,
    /// Took a trace out of Waylight.
    Export,
    /// Showed a trace to people without a sign-in.
    Share,
    /// Kept what would have been forgotten, or put something in.
    Keep,
    /// Purged stored responses.
    Purge,
    /// Ended somebody's session or sign-ins.
    Revoke,
    /// Let somebody in again whose name was revoked.
    Lift,
    /// Erased what was kept.
    Erase,
    /// Changed settings, or had them read anew.
    Settings,
}

impl Deed {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SignIn => "signed in",
            Self::SignOut => "signed out",
            Self::LinkMade => "made a sign-in link for",
            Self::SessionStart => "started session",
            Self::SessionStop => "stopped session",
            Self::PageTrace => "had a page traced in session",
            Self::Replay => "had sent again",
            Self::TraceLinkMade => "made a trace link to",
            Self::TraceLinkUsed => "is shown a visitor's session",
            Self::Export => "exported",
            Self::Share => "shared",
            Self::Keep => "kept",
            Self::Purge => "purged",
            Self::Revoke => "revoked",
            Self::Lift => "let in again",
            Self::Erase => "erased",
            Self::Settings => "changed settings:",
        }
    }

    /// Whether it takes something away: that is never refused.
    const fn takes_away(self) -> bool {
        matches!(self, Self::SignOut | Self::SessionStop | Self::Revoke)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When, in seconds since the Unix epoch.
    pub at: u64,
    /// What.
    pub deed: Deed,
    /// Who; of a guest, who invited him. Empty: whoever may reach the admin listener.
    #[serde(default)]
    pub person: String,
    /// His role.
    #[serde(default)]
    pub role: String,
    /// How he proved who he is.
    #[serde(default)]
    pub way: String,
    /// From where, as far as that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The host asked.
    #[serde(default)]
    pub host: String,
    /// What it was done to: a session, a trace, a person, a path.
    #[serde(default)]
    pub subject: String,
}

/// The audit log, as the console writes it.
pub struct Audit {
    log: Box<dyn AuditLog>,
    counters: Arc<Counters>,
}

impl Audit {
    /// An audit log whose lines are kept in `log`.
    pub fn new(log: Box<dyn AuditLog>, counters: Arc<Counters>) -> Self {
        Self { log, counters }
    }

    /// Writes an entry down.
    ///
    /// # Errors
    /// It could not be written, and may not be done then.
    pub fn write(&self, entry: &AuditEntry) -> Result<(), BoxError> {
        let written = serde_json::to_string(entry).map_err(BoxError::from).and_then(|line| self.log.append(&line));
        match written {
            Ok(()) => Ok(()),
            Err(error) => {
                self.counters.audit_failed.one();
                error!(%error, deed = ?entry.deed, "the audit log could not be written");
                if entry.deed.takes_away() { Ok(()) } else { Err(error) }
            }
        }
    }

    /// The latest entries, newest first, at most so many. Lines that cannot be read are left out.
    ///
    /// # Errors
    /// The log could not be read.
    pub fn recent(&self, max: usize) -> Result<Vec<AuditEntry>, BoxError> {
        let lines = self.log.recent(max)?;
        Ok(parsed(&lines))
    }

    /// The entries behind a place, newest first, at most so many.
    ///
    /// # Errors
    /// The log could not be read.
    pub fn page(&self, before: Option<AuditPlace>, max: usize) -> Result<AuditPage, BoxError> {
        // Most look at the beginning: more is read only where that does not reach.
        let mut reach = max.saturating_add(1);
        loop {
            let lines = self.log.recent(reach)?;
            let whole = if lines.len() < reach { Whole::Yes } else { Whole::No };
            if let Some(page) = AuditPage::of(&parsed(&lines), before, max, whole) {
                return Ok(page);
            }
            reach = reach.saturating_mul(4);
        }
    }
}

/// A place in the log: behind so many entries of this second. Entries that come later do not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    /// The second, since the Unix epoch.
    pub at: u64,
    /// Entries of this second that are before it.
    pub passed: usize,
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.passed)
    }
}

impl FromStr for AuditPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, passed) = text.split_once('.').ok_or(())?;
        Ok(Self { at: at.parse().map_err(drop)?, passed: passed.parse().map_err(drop)? })
    }
}

/// Some entries, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<AuditPlace>,
}

impl AuditPage {
    /// The entries behind `place`, at most `max`, of `known`, newest first; `None` if `known` does not reach as far and is
    /// not all there is.
    fn of(known: &[AuditEntry], place: Option<AuditPlace>, max: usize, whole: Whole) -> Option<Self> {
        let begin = place.map_or(0, |AuditPlace { at, passed }| {
            let newer = known.iter().take_while(|entry| entry.at > at).count();
            newer + known[newer..].iter().take(passed).take_while(|entry| entry.at == at).count()
        });
        let rest = &known[begin..];
        if whole == Whole::No && rest.len() <= max {
            return None;
        }
        let entries = rest[..max.min(rest.len())].to_vec();
        let next = entries.last().filter(|_| rest.len() > max).map(|last| {
            let passed = known[..begin + entries.len()].iter().rev().take_while(|entry| entry.at == last.at).count();
            AuditPlace { at: last.at, passed }
        });
        Some(Self { entries, next })
    }
}

/// Whether what was read is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

impl AuditEntry {
    /// What somebody does, who may be read from the visit, or just became somebody.
    pub(super) fn of(deed: Deed, visit: &Visit, who: &Identity, keep: ClientAddress) -> Self {
        Self {
            at: clock::unix_seconds(),
            deed,
            person: who.name.clone(),
            role: who.role.word().to_owned(),
            way: who.way.word().to_owned(),
            client: privacy::client_address(visit.client, keep),
            host: visit.host.clone(),
            subject: String::new(),
        }
    }

    /// What whoever may reach the admin listener, or the machine, did.
    pub fn of_operator(deed: Deed, subject: impl Into<String>) -> Self {
        Self {
            at: clock::unix_seconds(),
            deed,
            person: String::new(),
            role: String::new(),
            way: "admin-listener".to_owned(),
            client: None,
            host: String::new(),
            subject: String::new(),
        }
        .about(subject)
    }

    /// The same, done to this.
    #[must_use]
    pub fn about(self, subject: impl Into<String>) -> Self {
        let subject: String = subject.into().chars().take(SUBJECT_CHARS_MAX).collect();
        Self { subject, ..self }
    }
}

fn parsed(lines: &[String]) -> Vec<AuditEntry> {
    lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Lines kept in memory, the latest few: where nothing must outlive the process.
#[derive(Debug, Default)]
pub struct Ephemeral(std::sync::Mutex<std::collections::VecDeque<String>>);

/// So many lines are kept in memory.
const LINES_MAX: usize = 1000;

impl AuditLog for Ephemeral {
    fn append(&self, line: &str) -> Result<(), BoxError> {
        let mut lines = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        lines.truncate(LINES_MAX - 1);
        lines.push_front(line.to_owned());
        Ok(())
    }

    fn recent(&self, max: usize) -> Result<Vec<String>, BoxError> {
        let lines = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(lines.iter().take(max).cloned().collect())
    }
}

#[cfg(test)]
mod tests;
