//! A body on its way into the cache: one task takes it from the upstream, and everybody who waits for it reads it from
//! here, each at his own pace. It is held once, whoever reads it. One that turns out too large to be stored is let go of
//! behind its slowest reader, and the task then waits for him.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::object::Chunks;
use crate::error::{BoxError, ErrorType, ProxyError};

/// So far ahead of its slowest reader the task may be, in chunks, once the body is not stored any more.
const AHEAD_MAX: usize = 16;
/// Chunks up to this size, in octets, are put together when the body is stored.
const SMALL_BYTES: usize = 4 * 1024;
/// So large are the chunks that small ones are put together to, in octets.
const CHUNK_BYTES: usize = 64 * 1024;

/// The body.
#[derive(Debug)]
pub(super) struct Filling {
    /// Its length, where that was announced.
    length: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Which chunk of the body the first one here is.
    first: usize,
    octets: u64,
    /// The octets that are here still.
    held: u64,
    end: Option<End>,
    /// For those who read it while it comes; they are not stored.
    trailers: Option<HeaderMap>,
    keeping: Keeping,
    readers: Vec<Option<Reading>>,
    filler: Option<Waker>,
}

#[derive(Debug, Default)]
struct Reading {
    next: usize,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    Failed(ErrorType),
}

/// Whether what was read by everybody is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Keeping {
    #[default]
    Kept,
    LetGo,
}

/// Nobody reads it, and it is not stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwanted;

impl Filling {
    pub(super) fn new(length: Option<u64>) -> Arc<Self> {
        Arc::new(Self { length, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another reader, from the beginning on; `None` where that is gone already.
    pub(super) fn read(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.lock();
        if state.first > 0 || state.keeping == Keeping::LetGo {
            return None;
        }
        let place = state.readers.iter().position(Option::is_none).unwrap_or_else(|| {
            state.readers.push(None);
            state.readers.len() - 1
        });
        state.readers[place] = Some(Reading::default());
        drop(state);
        Some(Reader { filling: Arc::clone(self), place, taken: 0, trailed: false })
    }

    /// Adds a piece, of which an exact copy is kept: the original may be a small part of a large buffer.
    pub(super) fn push(&self, piece: &[u8]) {
        let mut state = self.lock();
        state.octets += piece.len() as u64;
        state.held += piece.len() as u64;
        state.chunks.push_back(Bytes::copy_from_slice(piece));
        state.wake();
    }

    /// Keeps trailers for those who read it now.
    pub(super) fn trail(&self, trailers: HeaderMap) {
        self.lock().trailers = Some(trailers);
    }

    /// The octets so far.
    pub(super) fn octets(&self) -> u64 {
        self.lock().octets
    }

    /// The octets of it that take memory now.
    pub(super) fn held(&self) -> u64 {
        self.lock().held
    }

    /// From now on nothing is kept that everybody has read.
    pub(super) fn let_go(&self) {
        self.lock().keeping = Keeping::LetGo;
    }

    /// Waits until more may be added.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<(), Unwanted>> {
        let mut state = self.lock();
        if state.keeping == Keeping::Kept {
            return Poll::Ready(Ok(()));
        }
        if state.readers.iter().all(Option::is_none) {
            return Poll::Ready(Err(Unwanted));
        }
        state.forget();
        if state.chunks.len() < AHEAD_MAX {
            return Poll::Ready(Ok(()));
        }
        state.filler = Some(cx.waker().clone());
        Poll::Pending
    }

    /// It is complete: gives back what is to be stored.
    pub(super) fn complete(&self) -> Option<Chunks> {
        let mut state = self.lock();
        state.end = Some(End::Complete);
        state.wake();
        (state.keeping == Keeping::Kept).then(|| Chunks::new(compact(&state.chunks)))
    }

    /// It ended early.
    pub(super) fn fail(&self, error: ErrorType) {
        let mut state = self.lock();
        state.end = state.end.or(Some(End::Failed(error)));
        state.wake();
    }
}

impl State {
    fn wake(&mut self) {
        for reading in self.readers.iter_mut().flatten() {
            if let Some(waker) = reading.waker.take() {
                waker.wake();
            }
        }
    }

    /// Lets go of what everybody has read.
    fn forget(&mut self) {
        if self.keeping == Keeping::Kept {
            return;
        }
        let Some(slowest) = self.readers.iter().flatten().map(|reading| reading.next).min() else { return };
        while self.first < slowest
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.held -= chunk.len() as u64;
            self.first += 1;
        }
        if self.chunks.len() < AHEAD_MAX
            && let Some(filler) = self.filler.take()
        {
            filler.wake();
        }
    }
}

/// Puts runs of small chunks together; large ones stay as they are.
pub(super) fn compact<'a>(chunks: impl IntoIterator<Item = &'a Bytes>) -> Vec<Bytes> {
    let mut compacted = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for chunk in chunks {
        let ends_run = chunk.len() > SMALL_BYTES || run.len() + chunk.len() > CHUNK_BYTES;
        if ends_run && !run.is_empty() {
            compacted.push(Bytes::copy_from_slice(&run));
            run.clear();
        }
        if chunk.len() > SMALL_BYTES { compacted.push(chunk.clone()) } else { run.extend_from_slice(chunk) }
    }
    if !run.is_empty() {
        compacted.push(Bytes::copy_from_slice(&run));
    }
    compacted
}

/// One reader's view of a body on its way.
#[derive(Debug)]
pub(super) struct Reader {
    filling: Arc<Filling>,
    place: usize,
    taken: u64,
    trailed: bool,
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let mut state = this.filling.lock();
        let first = state.first;
        let next = state.readers[this.place].as_ref().map_or(0, |reading| reading.next);
        if let Some(chunk) = state.chunks.get(next - first).cloned() {
            if let Some(reading) = &mut state.readers[this.place] {
                reading.next += 1;
            }
            state.forget();
            drop(state);
            this.taken += chunk.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match state.end {
            Some(End::Complete) => {
                let trailers = state.trailers.clone().filter(|_| !std::mem::replace(&mut this.trailed, true));
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Some(End::Failed(error)) => Poll::Ready(Some(Err(Box::new(ProxyError::upstream(error))))),
            None => {
                if let Some(reading) = &mut state.readers[this.place] {
                    reading.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.filling.length == Some(self.taken)
    }

    fn size_hint(&self) -> SizeHint {
        let left = |length: u64| SizeHint::with_exact(length.saturating_sub(self.taken));
        self.filling.length.map_or_else(SizeHint::default, left)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.filling.lock();
        state.readers[self.place] = None;
        state.forget();
        // The last one may have been waited for.
        if let Some(filler) = state.filler.take() {
            filler.wake();
        }
    }
}
