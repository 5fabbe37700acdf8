//! What the cache decided for a request, and contexts of what is done beside a request, for nobody who waits.

use std::{
    cell::{Cell, OnceCell, RefCell},
    fmt::{self, Write as _},
    rc::Rc,
    sync::Arc,
};

use super::{Conn, Context};
use crate::{
    clock,
    config::model::Inject,
    rules::cache::{Status, Why},
    service::{Outcome, Request},
    trace::{
        phases::{Phase, Phases},
        requests::hints::Hints,
        scope::Scope,
    },
};

/// What the cache did with a request.
#[derive(Clone, Debug)]
pub struct Cached {
    /// In a word.
    pub status: Status,
    /// Why.
    pub why: Why,
    /// Whether the answer was stored, or where it is.
    pub kept: Option<Kept>,
}

/// Whether an answer was stored, or where it is.
#[derive(Clone, Debug)]
pub enum Kept {
    /// It was, for this reason.
    Stored(Why),
    /// It was not, for this reason.
    Not(Why),
    /// It was before, and is in this tier.
    In(&'static str),
}

impl fmt::Display for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)?;
        match &self.kept {
            None => Ok(()),
            Some(Kept::Stored(why)) => write!(f, "; the answer was {why}"),
            Some(Kept::Not(why)) => write!(f, "; the answer was not stored: {why}"),
            Some(Kept::In("disk")) => f.write_str("; it is on disk"),
            Some(Kept::In(tier)) => write!(f, "; it is in {tier}"),
        }
    }
}

impl Context {
    /// Remembers what the cache did.
    pub fn cached(&self, cached: Cached) {
        *self.cache.borrow_mut() = Some(cached);
    }

    /// The cache's decision, in a word and a sentence; empty where no cache was asked.
    pub(super) fn cache_words(&self, sentence: &mut String) -> &'static str {
        let cache = self.cache.borrow();
        let Some(cached) = cache.as_ref() else { return "" };
        // Into a string, which never fails.
        let _infallible = write!(sentence, "{cached}");
        cached.status.word()
    }

    /// The context of something that is done beside this request: nobody waits for it, and it is not listed.
    pub fn beside(&self, request: &Request) -> Self {
        let phases = Phases::default();
        phases.mark(Phase::Received, clock::now());
        let copy = |cell: &OnceCell<_>| cell.get().map_or_else(OnceCell::new, |text| OnceCell::from(Arc::clone(text)));
        Self {
            // One like the client's, to which nothing is said of it.
            conn: Rc::new(Conn::new(self.conn.peer, self.conn.local, self.conn.scheme, self.conn.accepted, None)),
            accept: None,
            number: self.number,
            request_id: super::RequestId::new(),
            method: request.method().clone(),
            uri: self.uri.clone(),
            version: self.version,
            phases,
            counters: Arc::clone(&self.counters),
            client: self.client.clone(),
            scheme: self.scheme.clone(),
            peer_trust: self.peer_trust.clone(),
            redaction: OnceCell::new(),
            forwarded_host: self.forwarded_host.clone(),
            hop: self.hop.clone(),
            host: copy(&self.host),
            route: copy(&self.route),
            inject: Cell::new(Inject::Off),
            params: RefCell::default(),
            upstream: OnceCell::new(),
            error: Cell::new(None),
            status: Cell::new(0),
            is_beside: true,
            client_left: Cell::new(false),
            octets: Cell::new(0),
            keeping: Rc::clone(&self.keeping),
            hints: Hints::read(request.headers()),
            trigger: Cell::new(""),
            headers: RefCell::default(),
            tail: RefCell::default(),
            is_ours: Cell::new(true),
            // It is neither counted nor listed when it ends.
            finished: Cell::new(true),
            tunnels: Cell::new(false),
            permit: RefCell::default(),
            credentials: RefCell::default(),
            outgoing: RefCell::default(),
            parent_there: Cell::new(None),
            root: RefCell::default(),
            scope: RefCell::default(),
            cache: RefCell::default(),
            dress: RefCell::default(),
        }
    }

    /// What was done beside a request ended so.
    pub fn end_beside(&self, outcome: &Outcome) {
        self.scope.replace(Scope::off());
        let mut root = self.root.take();
        if let Some(route) = self.route.get() {
            root.rename(|| ["Refresh ", route].concat());
        }
        root.outcome(outcome);
    }
}
