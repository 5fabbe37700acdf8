//! The life of a process that is started on demand: Idle, Starting, Ready, Draining, and back to Idle.
//!
//! Knows nothing of processes: it is told what happened and says what to do, so that every order of events can be
//! tried. There is at most one process at any time.

/// Where the process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// There is none.
    #[default]
    Idle,
    /// It runs, and does not accept connections yet.
    Starting,
    /// It accepts connections.
    Ready,
    /// It was told to stop, and has not ended yet.
    Draining,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request needs the process.
    Wanted,
    /// It accepts connections.
    Accepting,
    /// It did not accept connections in time.
    TimedOut,
    /// Nobody needs it any more: Waylight stops, or its configuration changed.
    Unwanted,
    /// It ended, or could not be spawned at all.
    Ended,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Spawn the process.
    Spawn,
    /// Tell those who wait that it is ready.
    Announce,
    /// Tell those who wait that it is not going to be ready; the process has ended.
    Refuse,
    /// The same, and stop the process.
    RefuseAndStop,
    /// Stop the process.
    Stop,
    /// Note that it ended by itself; the next request starts it again.
    NoteCrash,
}

/// What can be said of an upstream's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The upstream's name.
    pub upstream: String,
    /// Where it is in its life.
    pub state: State,
    /// How often it was started.
    pub starts: u64,
    /// Whether the last start came to nothing.
    pub failed: bool,
    /// Its id, while it is ready.
    pub pid: Option<u32>,
    /// Where it listens, while it is ready.
    pub port: Option<u16>,
    /// Since when it is ready, in seconds since the Unix epoch.
    pub since: Option<u64>,
}

impl State {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }

    /// The state after `event`, and what to do.
    #[must_use]
    pub fn after(self, event: Event) -> (Self, Action) {
        match (self, event) {
            (Self::Idle, Event::Wanted) => (Self::Starting, Action::Spawn),
            (Self::Starting, Event::Accepting) => (Self::Ready, Action::Announce),
            (Self::Starting, Event::TimedOut | Event::Unwanted) => (Self::Draining, Action::RefuseAndStop),
            (Self::Starting, Event::Ended) => (Self::Idle, Action::Refuse),
            (Self::Ready, Event::Unwanted) => (Self::Draining, Action::Stop),
            (Self::Ready, Event::Ended) => (Self::Idle, Action::NoteCrash),
            (Self::Draining, Event::Ended) => (Self::Idle, Action::None),
            // What comes too late, or twice, changes nothing.
            (state, _) => (state, Action::None),
        }
    }
}

#[cfg(test)]
mod tests;
