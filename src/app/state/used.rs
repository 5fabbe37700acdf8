//! What live sessions have used, in a file that is replaced as a whole, every other second where something changed, and at
//! the end. So a session, or a guest, has after a restart what was left of its requests and spans; after a crash, too, but
//! for what it used in the last moments.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::oneshot, task::JoinSet};
use tracing::warn;

use crate::{
    clock,
    rules::session::Id,
    trace::sessions::{Sessions, Used},
};

/// Between two looks at what changed.
const EVERY: Duration = Duration::from_secs(2);

/// What keeps the file true; ends when it is dropped, or with [`Self::end`].
#[derive(Debug)]
pub struct UsedKeeper {
    task: JoinSet<()>,
    stop: oneshot::Sender<()>,
}

/// The file, and what is in it.
#[derive(Debug)]
struct UsedFile {
    path: PathBuf,
    written: Vec<Used>,
    /// Whether it is known that it cannot be written.
    fails: bool,
}

/// What the file tells of sessions that live at `now`; a line that cannot be read is reported and skipped.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(path: &Path, now: u64) -> io::Result<Vec<Used>> {
    let text = super::contents(path)?;
    let mut all = Vec::new();
    for (index, line) in text.split_inclusive(|&octet| octet == b'\n').enumerate() {
        match parse(line) {
            Some(used) if used.expiry > now => all.push(used),
            Some(_) => {}
            None => warn!(path = %path.display(), line = index + 1, "what a session used cannot be read; skipped"),
        }
    }
    Ok(all)
}

impl UsedKeeper {
    /// Begins, on the current tokio runtime.
    pub(super) fn begin(path: PathBuf, sessions: Arc<Sessions>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(UsedFile { path, written: Vec::new(), fails: false }.keep(sessions, stopped));
        Self { task, stop }
    }

    /// Writes down what was used up to now, and ends. Nothing writes the file afterwards.
    pub async fn end(self) {
        let Self { mut task, stop } = self;
        drop(stop);
        while task.join_next().await.is_some() {}
    }
}

impl UsedFile {
    async fn keep(mut self, sessions: Arc<Sessions>, mut stopped: oneshot::Receiver<()>) {
        let mut due = tokio::time::interval(EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_last = tokio::select! {
                _ = &mut stopped => true,
                _ = due.tick() => false,
            };
            self.look(&sessions).await;
            if is_last {
                return;
            }
        }
    }

    /// Writes the file, if something changed.
    async fn look(&mut self, sessions: &Sessions) {
        let used = sessions.used(clock::unix_seconds());
        if used == self.written {
            return;
        }
        let path = self.path.clone();
        let writing = tokio::task::spawn_blocking(move || write(&path, &used).map(|()| used));
        match writing.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(used) => (self.written, self.fails) = (used, false),
            Err(error) if !self.fails => {
                warn!(%error, path = %self.path.display(), "what sessions used cannot be written: a restart forgets it");
                self.fails = true;
            }
            Err(_) => {}
        }
    }
}

/// Puts a file with just this in place.
fn write(path: &Path, used: &[Used]) -> io::Result<()> {
    super::replace(path, &used.iter().map(line).collect::<String>())
}

/// The dot shows that the line is whole, as in the journal.
fn line(used: &Used) -> String {
    format!("{} {} {} {} .\n", used.session, used.expiry, used.spans, used.requests)
}

fn parse(line: &[u8]) -> Option<Used> {
    let mut words = std::str::from_utf8(line).ok()?.strip_suffix(" .\n")?.split(' ');
    let session = Id::parse(words.next()?)?;
    let mut number = || words.next()?.parse().ok();
    let used = Used { session, expiry: number()?, spans: number()?, requests: number()? };
    words.next().is_none().then_some(used)
}
