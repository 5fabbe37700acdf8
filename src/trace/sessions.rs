//! What the process remembers of sessions: spans they have used, what was revoked, which one-time tokens were used, and
//! to which session a trace id belongs. Shared by all workers; no entry is held across an await.
//!
//! Tokens carry their own truth (`rules::session`); here is only what they cannot know. Revocations and used nonces
//! outlive the process through a [`Journal`].

mod links;
mod recent;
mod used;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use dashmap::DashMap;
use opentelemetry::trace::TraceId;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use self::recent::Recent;
pub use self::used::Used;
use super::{counters::Counter, quota::Quota};
use crate::{
    error::BoxError,
    rules::session::{Id, Identity, Session, SessionKind},
};

/// No sign-in lasts longer, in seconds (`access.identity_ttl` is bounded by it): a revocation of a person may be forgotten
/// then.
const IDENTITY_SECONDS_MAX: u64 = 365 * 86_400;

/// So long a name is kept out, in seconds, unless somebody lets it in again: a hundred years.
const BARRED_SECONDS: u64 = 100 * 365 * 86_400;

/// Where revocations and used nonces are written before they count.
pub trait Journal: Send + Sync {
    /// Writes one entry durably.
    ///
    /// # Errors
    /// It could not be written; what it says does not count then.
    fn append(&self, entry: Entry) -> Result<(), BoxError>;
}

/// Something that must not be forgotten before its expiry, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What kind it is.
    pub kind: EntryKind,
    /// The nonce, session, identity or person.
    pub id: Id,
    /// When it may be forgotten.
    pub expiry: u64,
}

/// What kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A one-time token was used.
    Used,
    /// A session or an identity no longer counts.
    Revoked,
    /// Nothing counts that a person was given up to a moment: [`IDENTITY_SECONDS_MAX`] before the expiry.
    Person,
    /// A person stays out, whatever he shows: since [`BARRED_SECONDS`] before the expiry.
    Barred,
    /// He does not any more.
    Lifted,
}

/// A journal that forgets: for tests, and where nothing must be kept.
#[derive(Clone, Copy, Debug)]
pub struct Ephemeral;

impl Journal for Ephemeral {
    fn append(&self, _: Entry) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What the process remembers of sessions.
pub struct Sessions {
    entries_max: usize,
    journal: Box<dyn Journal>,
    entries: DashMap<(EntryKind, Id), u64>,
    /// Whether some of them are about a person.
    tells_of_people: AtomicBool,
    meters: DashMap<Id, Meter>,
    /// What sessions used that this process did not see yet.
    used_before: DashMap<Id, Used>,
    /// Changes with each revocation.
    revoked: watch::Sender<()>,
    owners: Mutex<Recent<TraceId, Id>>,
    /// Whose a session is, or was: a digest of his name.
    people: Mutex<Recent<Id, Id>>,
    pages: Mutex<Recent<(Id, u64), TraceId>>,
    links: links::Links,
    /// Entries that could not be remembered because there were too many.
    pub refused: Counter,
}

#[derive(Debug)]
struct Meter {
    spans: Arc<AtomicU64>,
    requests: AtomicU64,
    session: Session,
    person: String,
    issued: u64,
    since: u64,
}

/// A session that this process knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// Its id.
    pub id: Id,
    /// Whose sign-in started it.
    pub identity: Id,
    /// His name; of a guest, the name of whoever invited him.
    pub person: String,
    /// Where it counts.
    pub host: String,
    /// How it was started.
    pub kind: SessionKind,
    /// When this process first saw it, in seconds since the Unix epoch.
    pub since: u64,
    /// Until when it lasts.
    pub expiry: u64,
    /// Spans it has used.
    pub spans_used: u64,
    /// Spans it may use.
    pub spans_max: u64,
    /// Requests it has used.
    pub requests_used: u64,
    /// Requests it may use.
    pub requests_max: u64,
}

impl Sessions {
    /// Remembers at most `entries_max` used tokens, and as many revocations; begins with what `entries` tells of an earlier process.
    pub fn new(entries_max: usize, journal: Box<dyn Journal>, entries: impl IntoIterator<Item = Entry>) -> Self {
        let entries: DashMap<_, _> = entries.into_iter().map(|entry| ((entry.kind, entry.id), entry.expiry)).collect();
        let is_of_person = |kind| matches!(kind, EntryKind::Person | EntryKind::Barred);
        let tells_of_people = entries.iter().any(|entry| is_of_person(entry.key().0)).into();
        Self {
            entries_max,
            journal,
            entries,
            tells_of_people,
            meters: DashMap::new(),
            used_before: DashMap::new(),
            revoked: watch::Sender::new(()),
            owners: Mutex::new(Recent::new(entries_max)),
            people: Mutex::new(Recent::new(entries_max)),
            pages: Mutex::new(Recent::new(entries_max)),
            links: links::Links::default(),
            refused: Counter::default(),
        }
    }

    /// Uses a one-time token: true for the first who asks, false for everybody after.
    ///
    /// # Errors
    /// It could not be written down, or too many are remembered: then it does not count as used by anybody.
    pub fn use_once(&self, nonce: Id, expiry: u64, now: u64) -> Result<bool, BoxError> {
        self.remember(Entry { kind: EntryKind::Used, id: nonce, expiry }, now)
    }

    /// From now on a session or an identity does not count.
    ///
    /// # Errors
    /// It could not be written down, or too many are remembered.
    pub fn revoke(&self, id: Id, expiry: u64, now: u64) -> Result<(), BoxError> {
        self.remember(Entry { kind: EntryKind::Revoked, id, expiry }, now)?;
        self.meters.remove(&id);
        self.revoked.send_replace(());
        Ok(())
    }

    /// As [`Self::revoke`], of a session or an identity whose expiry is not known.
    ///
    /// # Errors
    /// It could not be written down, or too many are remembered.
    pub fn revoke_id(&self, id: Id, now: u64) -> Result<(), BoxError> {
        let known = self.meters.get(&id).map(|meter| meter.session.expiry);
        self.revoke(id, known.unwrap_or_else(|| now.saturating_add(IDENTITY_SECONDS_MAX)), now)
    }

    /// From now on nothing counts that a person of this name was given so far: sign-ins, links, and his guests' sessions.
    /// Nor does what he is given later, or shows by himself, like a token of the configuration, until that is lifted.
    ///
    /// # Errors
    /// It could not be written down, or too many are remembered.
    pub fn revoke_person(&self, name: &str, now: u64) -> Result<(), BoxError> {
        let entry = Entry { kind: EntryKind::Barred, id: person(name), expiry: now.saturating_add(BARRED_SECONDS) };
        self.make_room(entry.kind, now)?;
        self.journal.append(entry)?;
        self.tells_of_people.store(true, Ordering::Release);
        self.entries.insert((entry.kind, entry.id), entry.expiry);
        self.meters.retain(|_, meter| meter.person != name || meter.issued > now);
        self.revoked.send_replace(());
        Ok(())
    }

    /// Tells of each revocation from now on: whoever is answered for long asks again whether he still counts.
    pub fn revocations(&self) -> watch::Receiver<()> {
        self.revoked.subscribe()
    }

    /// Lets a person of this name in again: by what he shows by himself, or is given from now on. What he was given before
    /// stays revoked. False where he was not kept out.
    ///
    /// # Errors
    /// It could not be written down.
    pub fn lift_person(&self, name: &str, now: u64) -> Result<bool, BoxError> {
        let id = person(name);
        let Some(expiry) = self.entries.get(&(EntryKind::Barred, id)).map(|expiry| *expiry) else { return Ok(false) };
        let cut = expiry.saturating_sub(BARRED_SECONDS);
        let before = Entry { kind: EntryKind::Person, id, expiry: cut.saturating_add(IDENTITY_SECONDS_MAX) };
        self.journal.append(before)?;
        self.journal.append(Entry { kind: EntryKind::Lifted, id, expiry: now.saturating_add(BARRED_SECONDS) })?;
        self.entries.insert((before.kind, id), before.expiry);
        Ok(self.entries.remove(&(EntryKind::Barred, id)).is_some())
    }

    /// Whether a person of this name stays out, whatever he shows.
    pub fn is_person_barred(&self, name: &str) -> bool {
        self.entries.contains_key(&(EntryKind::Barred, person(name)))
    }

    /// Whether what a person of this name was given at `issued` does not count.
    pub fn is_person_revoked(&self, name: &str, issued: u64) -> bool {
        // Each request asks, and almost nowhere is there anything to be found with the name's digest.
        if !self.tells_of_people.load(Ordering::Acquire) {
            return false;
        }
        let id = person(name);
        let cut = self.entries.get(&(EntryKind::Person, id)).map(|expiry| *expiry - IDENTITY_SECONDS_MAX);
        cut.is_some_and(|cut| issued <= cut) || self.entries.contains_key(&(EntryKind::Barred, id))
    }

    /// Whether somebody is still who he was when he signed in.
    pub fn counts(&self, identity: &Identity) -> bool {
        !self.is_revoked(identity.id) && !self.is_person_revoked(&identity.name, identity.issued)
    }

    /// Whether a session or an identity was revoked.
    pub fn is_revoked(&self, id: Id) -> bool {
        self.entries.contains_key(&(EntryKind::Revoked, id))
    }

    /// Whether a one-time token was used.
    pub fn is_used(&self, nonce: Id) -> bool {
        self.entries.contains_key(&(EntryKind::Used, nonce))
    }

    /// The spans that a session of this person has used: its meter, which recordings advance.
    pub fn meter(&self, session: &Session, whose: &Identity, now: u64) -> Option<Arc<AtomicU64>> {
        if let Some(meter) = self.meters.get(&session.id) {
            return Some(Arc::clone(&meter.spans));
        }
        if self.meters.len() >= self.entries_max {
            self.meters.retain(|_, meter| meter.session.expiry > now);
            if self.meters.len() >= self.entries_max {
                self.refused.one();
                return None;
            }
        }
        self.people.lock().unwrap_or_else(PoisonError::into_inner).insert(session.id, person(&whose.name));
        let meter = self.meters.entry(session.id).or_insert_with(|| {
            let (spans, requests) = self.take_before(session.id);
            Meter {
                spans: Arc::new(spans.into()),
                requests: requests.into(),
                session: session.clone(),
                person: whose.name.clone(),
                issued: whose.issued,
                since: now,
            }
        });
        Some(Arc::clone(&meter.spans))
    }

    /// Takes one of a session's requests; false where they are used up. Workers share the count.
    pub fn take_request(&self, session: Id) -> bool {
        let Some(meter) = self.meters.get(&session) else { return false };
        let max = meter.session.requests_max;
        let next = |used: u64| (used < max).then(|| used + 1);
        meter.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// The sessions that live at `now`, at most so many, the latest first.
    pub fn live(&self, now: u64, max: usize) -> Vec<LiveSession> {
        let mut live: Vec<_> = self
            .meters
            .iter()
            .filter(|meter| meter.session.expiry > now)
            .filter(|meter| !self.is_revoked(meter.session.identity))
            .map(|meter| meter.show())
            .collect();
        live.sort_by(|left, right| right.since.cmp(&left.since).then(left.id.cmp(&right.id)));
        live.truncate(max);
        live
    }

    /// The session of this id, if it lives.
    pub fn live_session(&self, id: Id) -> Option<LiveSession> {
        self.meters.get(&id).map(|meter| meter.show())
    }

    /// The spans that a session has used so far.
    pub fn spans_used(&self, session: Id) -> u64 {
        let here = self.meters.get(&session).map(|meter| meter.spans.load(Ordering::Relaxed));
        here.or_else(|| Some(self.used_before.get(&session)?.spans)).unwrap_or_default()
    }

    /// Whether a trace id belongs to `session`: the first to use it owns it.
    pub fn owns(&self, session: Id, trace_id: TraceId) -> bool {
        // Poisoned by a panic elsewhere, the map is still whole: it is changed by single inserts only.
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        *owners.get_or_insert(trace_id, session) == session
    }

    /// The session that a trace id belongs to, if one of these days one used it.
    pub fn owner(&self, trace_id: TraceId) -> Option<Id> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner).find(&trace_id)
    }

    /// The traces that belong to a session, as far as they are remembered. One that its page began by itself may have no
    /// request at all.
    pub fn traces_of(&self, session: Id) -> Vec<TraceId> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.iter().filter(|(_, owner)| **owner == session).map(|(trace, _)| *trace).collect()
    }

    /// The sessions of a person that this process knows of, those that have ended included: whoever is erased was often
    /// revoked before.
    pub fn of_person(&self, name: &str) -> Vec<Id> {
        let live = self.meters.iter().filter(|meter| meter.person == name).map(|meter| meter.session.id);
        let mut sessions: HashSet<Id> = live.collect();
        let whose = person(name);
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.extend(people.iter().filter(|(_, person)| **person == whose).map(|(session, _)| *session));
        sessions.into_iter().collect()
    }

    /// From now on what refers to the address with this hash, within `session`, belongs to a page's trace.
    pub fn shows(&self, session: Id, url: u64, trace_id: TraceId) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert((session, url), trace_id);
    }

    /// The trace of the page that this address belongs to, within `session`.
    pub fn page(&self, session: Id, url: u64) -> Option<TraceId> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).find(&(session, url))
    }

    /// Used tokens have half of the room: whoever makes many of them keeps nobody from revoking.
    fn make_room(&self, kind: EntryKind, now: u64) -> Result<(), BoxError> {
        let max = match kind {
            EntryKind::Used => self.entries_max,
            _ => self.entries_max.saturating_mul(2),
        };
        if self.entries.len() >= max {
            self.entries.retain(|_, expiry| *expiry > now);
            if self.entries.len() >= max {
                self.refused.one();
                return Err("limits.sessions_max entries are remembered".into());
            }
        }
        Ok(())
    }

    fn remember(&self, entry: Entry, now: u64) -> Result<bool, BoxError> {
        self.make_room(entry.kind, now)?;
        // The entry is held while it is written, so that of two who ask at once one is the first.
        match self.entries.entry((entry.kind, entry.id)) {
            dashmap::Entry::Occupied(_) => Ok(false),
            dashmap::Entry::Vacant(vacant) => {
                self.journal.append(entry)?;
                drop(vacant.insert(entry.expiry));
                Ok(true)
            }
        }
    }
}

impl Meter {
    fn show(&self) -> LiveSession {
        LiveSession {
            id: self.session.id,
            identity: self.session.identity,
            person: self.person.clone(),
            host: self.session.host.clone(),
            kind: self.session.kind,
            since: self.since,
            expiry: self.session.expiry,
            spans_used: self.spans.load(Ordering::Relaxed),
            spans_max: self.session.spans_max,
            requests_used: self.requests.load(Ordering::Relaxed),
            requests_max: self.session.requests_max,
        }
    }
}

/// A person in the journal: names can be long and hold anything, so a digest stands for one.
fn person(name: &str) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(name)[..16]);
    Id::from_bytes(id)
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("entries_max", &self.entries_max).finish_non_exhaustive()
    }
}

/// Spans that a ratio or a rule may record in a minute, within its share of the month; shared by all workers.
#[derive(Debug)]
pub struct Budget {
    quota: Arc<Quota>,
    spans_per_minute_max: u64,
    minute: AtomicU64,
    spans: Arc<AtomicU64>,
}

impl Budget {
    /// A budget of so many spans a minute. What was recorded counts for the month when its minute is over.
    pub fn new(spans_per_minute_max: u64, quota: Arc<Quota>) -> Self {
        Self { quota, spans_per_minute_max, minute: AtomicU64::new(0), spans: Arc::default() }
    }

    /// Spans left in the minute of `now`, in seconds since the Unix epoch.
    pub fn spans_left(&self, now: u64) -> u64 {
        let minute = now / 60;
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.quota.spend_unasked(self.spans.swap(0, Ordering::Relaxed), now);
        }
        let left = self.spans_per_minute_max.min(self.quota.unasked_left(now));
        left.saturating_sub(self.spans.load(Ordering::Relaxed))
    }

    /// Whether a new trace may begin at all, by the month's quota.
    pub fn admits(&self, now: u64) -> bool {
        self.quota.admits(now)
    }

    /// Spans were recorded.
    pub fn spend(&self, spans: u64) {
        self.spans.fetch_add(spans, Ordering::Relaxed);
    }

    /// The most spans of a minute.
    pub fn spans_per_minute_max(&self) -> u64 {
        self.spans_per_minute_max
    }

    /// What recordings advance.
    pub fn meter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.spans)
    }
}

#[cfg(test)]
mod tests;
