//! Who may do what, as the pages and the API ask it; and ending other people's sessions and sign-ins, at once, on every
//! worker, and beyond a restart.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tracing::info;

use super::{
    Console, PLAIN, Visit,
    audit::{AuditEntry, AuditPage, AuditPlace, Deed},
    endpoints::PEOPLE,
    form,
    pages::{self, People},
    redirect,
};
use crate::{
    clock,
    error::BoxError,
    rules::{
        access::Action,
        session::{Csrf, Id, Identity},
    },
    trace::{
        sessions::LiveSession,
        store::query::{Erased, Whom},
    },
};

/// So many sessions are listed.
const SESSIONS_SHOWN_MAX: usize = 1000;
/// What has ended is in the store after that, as far as the store keeps up: records wait in their worker, and for others.
const ON_THEIR_WAY: Duration = Duration::from_secs(1);
/// So many entries of the audit log are listed on the page.
const ENTRIES_SHOWN_MAX: usize = 50;

/// Why something is not done.
#[derive(Debug)]
pub enum Denied {
    /// It is not known who asks.
    Unknown,
    /// His role does not allow it.
    Role,
    /// It is not done here: what is said about where it is.
    Scope(Arc<str>),
    /// What was asked for makes no sense.
    Unfit(&'static str),
    /// It could not be written down.
    Unavailable(BoxError),
}

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// One tracing session.
    Session(Id),
    /// One sign-in, and the sessions it started.
    Identity(Id),
    /// All sign-ins, links and guests of a person so far.
    Person(String),
}

impl Console {
    /// Who asks, if he may do that.
    ///
    /// # Errors
    /// [`Denied::Unknown`], [`Denied::Role`] or [`Denied::Scope`].
    pub fn authorise<'v>(&self, visit: &'v Visit, action: Action) -> Result<&'v Identity, Denied> {
        let identity = visit.credentials.identity.as_ref().ok_or(Denied::Unknown)?;
        self.admit(visit, identity, action).map(|()| identity)
    }

    /// As [`Self::authorise`], and writes down what he does.
    ///
    /// # Errors
    /// As above, or it could not be written down, and may not be done then.
    pub fn audited<'v>(
        &self,
        visit: &'v Visit,
        action: Action,
        deed: Deed,
        subject: &str,
    ) -> Result<&'v Identity, Denied> {
        let who = self.authorise(visit, action)?;
        self.record(deed, visit, who, subject).map_err(Denied::Unavailable)?;
        Ok(who)
    }

    /// The sessions that live, the latest first, at most a thousand; of guests, the person is who invited them.
    ///
    /// # Errors
    /// Who asks may not read.
    pub fn live_sessions(&self, visit: &Visit) -> Result<Vec<LiveSession>, Denied> {
        self.authorise(visit, Action::Read)?;
        let reach = self.reach(visit);
        let mut live = self.sessions.live(clock::unix_seconds(), usize::MAX);
        live.retain(|live| reach.holds(Some(live.identity), Some(live.id)));
        live.truncate(SESSIONS_SHOWN_MAX);
        Ok(live)
    }

    /// The latest entries of the audit log, newest first.
    ///
    /// # Errors
    /// Who asks may not read them, or they could not be read.
    pub fn audit_entries(&self, visit: &Visit, max: usize) -> Result<Vec<AuditEntry>, Denied> {
        self.authorise(visit, Action::Audit)?;
        self.audit.recent(max.min(SESSIONS_SHOWN_MAX)).map_err(Denied::Unavailable)
    }

    /// Entries of the audit log behind a place, newest first, at most so many.
    ///
    /// # Errors
    /// Who asks may not read them, or they could not be read.
    pub fn audit_page(&self, visit: &Visit, before: Option<AuditPlace>, max: usize) -> Result<AuditPage, Denied> {
        self.authorise(visit, Action::Audit)?;
        self.audit.page(before, max).map_err(Denied::Unavailable)
    }

    /// Revokes, at once. Everybody who may trace may end his own sessions, and those of guests he invited.
    ///
    /// # Errors
    /// Who asks may not, or it could not be written down.
    pub fn revoke(&self, visit: &Visit, what: &Revoked) -> Result<(), Denied> {
        let who = visit.credentials.identity.as_ref().ok_or(Denied::Unknown)?;
        let reach = self.reach(visit);
        let own = match what {
            Revoked::Session(id) => self
                .sessions
                .live_session(*id)
                .is_some_and(|live| live.person == who.name && reach.holds(Some(live.identity), Some(live.id))),
            Revoked::Identity(id) => *id == who.id,
            Revoked::Person(_) => false,
        };
        let action = if own { Action::Trace } else { Action::Revoke };
        let subject = match what {
            Revoked::Session(id) => format!("session {id}"),
            Revoked::Identity(id) => format!("sign-in {id}"),
            Revoked::Person(name) => format!("person {name}"),
        };
        self.audited(visit, action, Deed::Revoke, &subject)?;
        let now = clock::unix_seconds();
        let done = match what {
            Revoked::Session(id) | Revoked::Identity(id) => self.sessions.revoke_id(*id, now),
            Revoked::Person(name) => self.sessions.revoke_person(name, now),
        };
        done.map_err(Denied::Unavailable)?;
        info!(by = who.name, subject, "revoked");
        Ok(())
    }

    /// Lets a person in again whose name was revoked; false where it was not.
    ///
    /// # Errors
    /// Who asks may not, or it could not be written down.
    pub fn lift(&self, visit: &Visit, name: &str) -> Result<bool, Denied> {
        let who = self.audited(visit, Action::Revoke, Deed::Lift, &format!("person {name}"))?;
        let lifted = self.sessions.lift_person(name, clock::unix_seconds()).map_err(Denied::Unavailable)?;
        info!(by = who.name, person = name, lifted, "let in again");
        Ok(lifted)
    }

    /// Whether a name was revoked, and nobody let it in again.
    pub fn is_out(&self, name: &str) -> bool {
        self.sessions.is_person_barred(name)
    }

    /// Lets a person in again for whoever may reach the admin listener.
    ///
    /// # Errors
    /// It could not be written down.
    pub fn lift_by_operator(&self, name: &str) -> Result<bool, BoxError> {
        self.audit.write(&AuditEntry::of_operator(Deed::Lift, format!("person {name}")))?;
        self.sessions.lift_person(name, clock::unix_seconds())
    }

    /// Erases what is kept of a person, or of a session: in memory, and in the store when what had ended before is there,
    /// too.
    ///
    /// # Errors
    /// Who asks may not, it could not be written down, or the store could not.
    pub async fn erase(&self, visit: &Visit, whom: Whom) -> Result<(u64, Erased), Denied> {
        let subject = match &whom {
            Whom::Session(id) => format!("session {id}"),
            Whom::Person(name) => format!("person {name}"),
        };
        self.audited(visit, Action::Erase, Deed::Erase, &subject)?;
        let forget = || {
            self.shelf.requests.erase_recent(|row| match &whom {
                Whom::Session(id) => row.session == Some(*id),
                Whom::Person(name) => *row.person == **name,
            })
        };
        let before = forget();
        // In the store spans are found by their requests: they go when all of them are there.
        tokio::time::sleep(ON_THEIR_WAY).await;
        let recent = before + forget();
        let sessions = match &whom {
            Whom::Session(id) => vec![*id],
            Whom::Person(name) => self.sessions.of_person(name),
        };
        let owned = sessions.into_iter().flat_map(|session| self.sessions.traces_of(session)).collect();
        let erased = match self.shelf.requests.store() {
            Some(store) => store.erase(whom, owned).await.map_err(|error| Denied::Unavailable(error.into()))?,
            None => Erased::default(),
        };
        info!(subject, recent, requests = erased.requests, traces = erased.traces, spans = erased.spans, "erased");
        Ok((recent, erased))
    }

    /// The page of sessions, people and what they did.
    pub(super) fn people(&self, visit: &Visit) -> Response<Bytes> {
        let read = || {
            let who = self.authorise(visit, Action::Revoke)?;
            Ok((who, self.live_sessions(visit)?, self.audit_entries(visit, ENTRIES_SHOWN_MAX)?))
        };
        let (who, sessions, entries) = match read() {
            Ok(read) => read,
            Err(denied) => return Denied::page(denied),
        };
        let csrf = Csrf { identity: who.id, expiry: who.expiry }.seal(&self.keys);
        People { host: &visit.host, sessions: &sessions, entries: &entries, csrf: &csrf, now: clock::unix_seconds() }
            .render()
    }

    /// The form that erases.
    pub(super) async fn erase_form(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        if let Err(refused) = self.admit_form(request, visit) {
            return *refused;
        }
        let field = |name: &str| form::value(request.body(), name).filter(|text| !text.trim().is_empty());
        let session = field("session").map(|text| Id::parse(text.trim()));
        let whom = match (session, field("person")) {
            (Some(Some(id)), None) => Whom::Session(id),
            (None, Some(name)) => Whom::Person(name.trim().to_owned()),
            _ => return Denied::Unfit("Say which session or person.").page(),
        };
        match self.erase(visit, whom).await {
            Ok((recent, Erased { requests, traces, spans })) => {
                let text = format!(
                    "{requests} stored requests, {traces} traces and {spans} spans are gone, and {recent} requests in memory."
                );
                pages::message(StatusCode::OK, "Erased", &text, &[("Back", PEOPLE)])
            }
            Err(denied) => denied.page(),
        }
    }

    /// The form that revokes.
    pub(super) fn revoke_form(&self, request: &Request<Bytes>, visit: &Visit) -> Response<Bytes> {
        let field = |name: &str| form::value(request.body(), name).filter(|text| !text.trim().is_empty());
        let id = |name: &str| field(name).map(|text| Id::parse(text.trim()));
        let what = match (id("session"), id("identity"), field("person")) {
            (Some(Some(id)), None, None) => Revoked::Session(id),
            (None, Some(Some(id)), None) => Revoked::Identity(id),
            (None, None, Some(name)) => Revoked::Person(name.trim().to_owned()),
            _ => return Denied::Unfit("Say which session, sign-in or person.").page(),
        };
        match self.revoke(visit, &what) {
            Ok(()) => {
                // Who stops a guest of his own may not see the people's page.
                let is_admin = self.authorise(visit, Action::Revoke).is_ok();
                redirect(StatusCode::SEE_OTHER, if is_admin { PEOPLE } else { PLAIN })
            }
            Err(denied) => denied.page(),
        }
    }
}
