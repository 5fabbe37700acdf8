//! The life of one upstream's process, as its own task and all waiting requests see it: the state of `rules::startup`,
//! what became of the last start, and the port while there is one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

use super::output::Line;
use crate::{
    clock::{self, Instant},
    config::model::Start,
    rules::startup::{Action, Event, Process, State},
    trace::{counters::Counters, receive::SpansTo},
};

/// A start that failed is not tried again before this time is over: whoever comes meanwhile hears of the same failure.
const PAUSE: Duration = Duration::from_secs(1);

/// One upstream's process.
pub(super) struct Life {
    /// The upstream's name.
    pub(super) upstream: Arc<str>,
    /// How it is started.
    pub(super) start: Start,
    /// Where it listens.
    pub(super) host: Box<str>,
    /// Where it sends its spans.
    pub(super) receivers: SpansTo,
    /// What is counted.
    pub(super) counters: Arc<Counters>,
    /// Wakes the process's task when the process is to stop.
    pub(super) stop: Notify,
    /// The port while it is ready, else 0: nearly every request reads this, and nothing else.
    port: AtomicU16,
    view: watch::Sender<View>,
}

#[derive(Debug, Default)]
struct View {
    state: State,
    /// How often it was started.
    starts: u64,
    /// What became of the last start, once that is known.
    outcome: Option<Outcome>,
    /// How the process before ended.
    stop: Option<Stop>,
    closed: bool,
}

/// What became of a start.
pub(super) type Outcome = Result<Started, Refusal>;

/// A start that succeeded.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) port: u16,
    pub(super) facts: Arc<Facts>,
}

/// A start that failed.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) why: Why,
    pub(super) facts: Arc<Facts>,
}

/// Why a process is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It could not be spawned, or ended.
    Failed,
    /// It accepted no connection in time.
    TimedOut,
    /// It was told to stop meanwhile.
    Stopping,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) at: Instant,
    /// In words: its status, and whose wish it was.
    pub(super) how: Arc<str>,
}

/// How a start went, for the spans of those who waited.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) began: Instant,
    pub(super) spawned: Option<Instant>,
    pub(super) ended: Instant,
    pub(super) pid: Option<u32>,
    pub(super) output: Vec<Line>,
    /// How the process before ended, if there was one.
    pub(super) stop: Option<Stop>,
}

/// What a request that wants the process has joined; starts are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// A new start, which is this request's to set off.
    First(u64),
    /// A start that others set off.
    Others(u64),
    /// None: the process is being stopped, and can be started again when it has ended.
    Draining,
}

impl Life {
    /// A process that was never started.
    pub(super) fn new(
        upstream: &str,
        start: &Start,
        host: &str,
        receivers: SpansTo,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        Arc::new(Self {
            upstream: upstream.into(),
            start: start.clone(),
            host: host.into(),
            receivers,
            counters,
            stop: Notify::new(),
            port: AtomicU16::new(0),
            view: watch::Sender::default(),
        })
    }

    /// Whether it is started in just this way.
    pub(super) fn is_same(&self, start: &Start, host: &str, receivers: &SpansTo) -> bool {
        self.start == *start && *self.host == *host && self.receivers == *receivers
    }

    /// The port, if it is ready.
    pub(super) fn port(&self) -> Option<u16> {
        Some(self.port.load(Ordering::Acquire)).filter(|port| *port != 0)
    }

    /// What can be said of it now.
    pub(super) fn show(&self) -> Process {
        let view = self.view.borrow();
        let started = match &view.outcome {
            Some(Ok(started)) if view.state == State::Ready => Some(started),
            _ => None,
        };
        Process {
            upstream: self.upstream.to_string(),
            state: view.state,
            starts: view.starts,
            failed: matches!(view.outcome, Some(Err(_))),
            pid: started.and_then(|started| started.facts.pid),
            port: started.map(|started| started.port),
            since: started.map(|started| started.facts.ended.unix_nanos() / 1_000_000_000),
        }
    }

    /// A request wants the process.
    pub(super) fn want(&self) -> Result<Joined, Refusal> {
        let now = clock::now();
        let mut joined = Err(Refusal { why: Why::Stopping, facts: Arc::default() });
        self.view.send_if_modified(|view| {
            if view.closed {
                return false;
            }
            match &view.outcome {
                Some(Err(refusal)) if view.state == State::Idle && now.since(refusal.facts.ended) < PAUSE => {
                    joined = Err(refusal.clone());
                    return false;
                }
                _ => {}
            }
            let (state, action) = view.state.after(Event::Wanted);
            view.state = state;
            if action == Action::Spawn {
                view.starts += 1;
                view.outcome = None;
                joined = Ok(Joined::First(view.starts));
            } else if state == State::Draining {
                joined = Ok(Joined::Draining);
            } else {
                joined = Ok(Joined::Others(view.starts));
            }
            action == Action::Spawn
        });
        joined
    }

    /// What became of a start, once that is known; `None` if another one began since.
    pub(super) async fn outcome_of(&self, start: u64) -> Option<Outcome> {
        let mut view = self.view.subscribe();
        // The sender is here, so the channel is open.
        let view = view.wait_for(|view| view.starts != start || view.outcome.is_some()).await.ok()?;
        if view.starts == start { view.outcome.clone() } else { None }
    }

    /// Returns when it is not ready.
    pub(super) async fn not_ready(&self) {
        // The sender is here, so the channel is open.
        self.view.subscribe().wait_for(|view| view.state != State::Ready).await.ok();
    }

    /// Returns when there is no process.
    pub(super) async fn ended(&self) {
        // The sender is here, so the channel is open.
        self.view.subscribe().wait_for(|view| view.state == State::Idle).await.ok();
    }

    /// Nobody wants the process any more, and nobody will.
    pub(super) fn close(&self) {
        self.view.send_modify(|view| view.closed = true);
        let refusal = || Refusal { why: Why::Stopping, facts: Arc::default() };
        if let Action::Stop | Action::RefuseAndStop = self.tell(Event::Unwanted, refusal) {
            self.stop.notify_one();
        }
    }

    /// How the process before ended, if there was one.
    pub(super) fn last_stop(&self) -> Option<Stop> {
        self.view.borrow().stop.clone()
    }

    /// The process has ended, and this is how.
    pub(super) fn note_stop(&self, how: &str) {
        self.view.send_modify(|view| view.stop = Some(Stop { at: clock::now(), how: how.into() }));
    }

    /// It accepts connections.
    pub(super) fn accepting(&self, started: Started) -> Action {
        let mut done = Action::None;
        self.view.send_modify(|view| {
            let (state, action) = view.state.after(Event::Accepting);
            view.state = state;
            if action == Action::Announce {
                self.port.store(started.port, Ordering::Release);
                view.outcome = Some(Ok(started));
            }
            done = action;
        });
        done
    }

    /// Something else happened to it; `refusal` is what those who wait are told, if they are to be refused.
    pub(super) fn tell(&self, event: Event, refusal: impl FnOnce() -> Refusal) -> Action {
        let mut done = Action::None;
        self.view.send_modify(|view| {
            let (state, action) = view.state.after(event);
            view.state = state;
            if state != State::Ready {
                self.port.store(0, Ordering::Release);
            }
            if let Action::Refuse | Action::RefuseAndStop = action {
                view.outcome = Some(Err(refusal()));
            }
            done = action;
        });
        done
    }
}
