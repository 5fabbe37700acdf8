//! Reading: a few threads with a connection each, so that a question waits for no writing, and blocks no runtime.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{Shared, schema};
use crate::trace::store::StoreError;

/// Threads that read.
const THREADS: usize = 2;
/// Questions that may wait; more make whoever asks wait.
const QUESTIONS_MAX: usize = 64;

type Question = Box<dyn FnOnce(&mut Reader) + Send>;

/// The way to the threads.
#[derive(Clone, Debug)]
pub(super) struct Readers(mpsc::Sender<Question>);

/// What a reading thread has.
pub(super) struct Reader {
    path: PathBuf,
    shared: Arc<Shared>,
    /// Opened when first needed; the number says of which file.
    open: Option<(u64, Connection)>,
}

impl Readers {
    /// Starts the threads; they end when the last `Readers` is gone.
    pub(super) fn start(path: &Path, shared: &Arc<Shared>) -> std::io::Result<Self> {
        let (questions, asked) = mpsc::channel::<Question>(QUESTIONS_MAX);
        let asked = Arc::new(Mutex::new(asked));
        for _ in 0..THREADS {
            let mut reader = Reader { path: path.into(), shared: Arc::clone(shared), open: None };
            let asked = Arc::clone(&asked);
            thread::Builder::new().name("store-read".into()).spawn(move || {
                loop {
                    // Whoever waits for a question holds the lock; the others wait for the lock.
                    let question = asked.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    let Some(question) = question else { return };
                    question(&mut reader);
                }
            })?;
        }
        Ok(Self(questions))
    }

    /// Asks a thread.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may have gone.
        let question: Question = Box::new(move |reader| drop(reply.send(question(reader))));
        self.0.send(question).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Reader {
    /// A connection to the file that is written now.
    pub(super) fn db(&mut self) -> Result<&Connection, StoreError> {
        let file = self.shared.file.load(std::sync::atomic::Ordering::Acquire);
        if self.open.as_ref().is_none_or(|(of, _)| *of != file) {
            self.open = None;
            self.open = Some((file, schema::open_to_read(&self.path)?));
        }
        self.open.as_ref().map(|(_, db)| db).ok_or(StoreError::Closed)
    }
}
