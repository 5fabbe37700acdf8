//! How far somebody reaches where he asks. On a site's own origin an app's pages stand beside ours, and whatever script
//! was slipped into them can ask what its visitor can: there a cookie reaches this browser's own sessions, and no more,
//! unless `access.on_site` says otherwise. On the admin listener, and on a host that is the console's own, there is
//! nobody's script but ours.
//!
//! A bearer token is sent by whoever has it, and by no page by itself: it reaches what its role allows, everywhere.

use opentelemetry::trace::TraceId;

use super::{Console, Denied, Door, Visit, ways};
use crate::{
    config::model::{AdminAddress, Config},
    rules::{
        access::{Action, Scope, Way, may},
        session::{Id, Identity},
    },
    trace::requests::row::RequestRow,
};

/// Whose requests, traces and sessions somebody reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everybody's.
    All,
    /// Those of one sign-in, which is one browser.
    Identity(Id),
    /// Those of one session: whom a proxy names is the same in each of his browsers.
    Session(Id),
    /// Nobody's.
    Nothing,
}

impl Reach {
    /// Whether it holds what belongs to this sign-in and session.
    pub(super) fn holds(self, identity: Option<Id>, session: Option<Id>) -> bool {
        match self {
            Self::All => true,
            Self::Identity(id) => identity == Some(id),
            Self::Session(id) => session == Some(id),
            Self::Nothing => false,
        }
    }

    /// Whether it holds a request.
    pub(super) fn holds_row(self, row: &RequestRow) -> bool {
        self.holds(row.identity, row.session)
    }
}

impl Console {
    /// How much somebody is given where he asks.
    pub(super) fn scope(&self, visit: &Visit) -> Scope {
        let bearer =
            |who: &Identity| who.way == Way::Token && ways::is_of_request(who) && visit.credentials.session.is_none();
        match visit.door {
            Door::Site if !visit.credentials.identity.as_ref().is_some_and(bearer) => self.access.on_site,
            Door::Site | Door::Console | Door::Admin => Scope::All,
        }
    }

    /// Whose requests, traces and sessions he reaches.
    pub(super) fn reach(&self, visit: &Visit) -> Reach {
        let credentials = &visit.credentials;
        match (self.scope(visit), &credentials.identity) {
            (Scope::All, _) => Reach::All,
            (Scope::Session, None) => Reach::Nothing,
            (Scope::Session, Some(who)) if ways::is_of_request(who) => {
                credentials.session.as_ref().map_or(Reach::Nothing, |session| Reach::Session(session.id))
            }
            (Scope::Session, Some(who)) => Reach::Identity(who.id),
        }
    }

    /// Whether somebody may do something where he asks; of the rest, with a word on where he may.
    ///
    /// # Errors
    /// [`Denied::Role`] or [`Denied::Scope`].
    pub(super) fn admit(&self, visit: &Visit, who: &Identity, action: Action) -> Result<(), Denied> {
        if !may(who.role, action) {
            return Err(Denied::Role);
        }
        if self.scope(visit).admits(action) { Ok(()) } else { Err(self.beyond()) }
    }

    /// What is said to whoever asks for more than his own.
    pub(super) fn beyond(&self) -> Denied {
        Denied::Scope(self.shelf.whole.borrow().clone())
    }

    /// Whether a trace that is still recorded, and of which no request has ended yet, belongs to somebody.
    pub(super) fn records(&self, reach: Reach, trace: TraceId) -> bool {
        let owner = self.sessions.owner(trace).and_then(|session| self.sessions.live_session(session));
        owner.is_some_and(|live| reach.holds(Some(live.identity), Some(live.id)))
    }
}

/// Where the whole console is, in a sentence.
pub fn whole(config: &Config) -> String {
    let own = config.sites.iter().filter(|site| site.console.is_on()).flat_map(|site| &site.hosts);
    if let Some(host) = own.into_iter().find(|host| host.is_exact()) {
        return format!("here you reach your own sessions only; the whole console is at {host}");
    }
    match config.admin.as_ref().map(|admin| &admin.address) {
        Some(AdminAddress::Tcp(address)) if address.port() != 0 => {
            format!("here you reach your own sessions only; the whole console is at http://{address}/_waylight/")
        }
        Some(_) => "here you reach your own sessions only; the whole console is at the admin listener".to_owned(),
        None => "here you reach your own sessions only; the whole console needs a site with `console = true`, or an \
                 admin listener"
            .to_owned(),
    }
}
