//! A body on its way into the cache: one task takes it from the upstream, and everybody who waits for it reads it from
//! here, each at his own pace. It is held once, whoever reads it. A large one is written to disk meanwhile, of which no
//! more is held than is not written yet; whoever is behind reads it from there. One that turns out not to be stored is let
//! go of behind its slowest reader, and the task then waits for him.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::{
    disk::{
        blocks::Blocks,
        large::{BATCH_BYTES, BLOCK_BYTES, Opened},
        stream::AHEAD_BYTES,
    },
    object::Chunks,
};
use crate::error::{BoxError, ErrorType, ProxyError};

/// So far ahead of its slowest reader the task may be, in chunks, once the body is not stored any more.
const AHEAD_MAX: usize = 16;
/// Chunks up to this size, in octets, are put together when the body is stored.
const SMALL_BYTES: usize = 32 * 1024;
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
    /// What is held, each piece behind its place in the body.
    chunks: VecDeque<(u64, Bytes)>,
    /// Where in the body that begins.
    start: u64,
    /// The octets so far.
    octets: u64,
    end: Option<End>,
    /// For those who read it while it comes; they are not stored.
    trailers: Option<HeaderMap>,
    keeping: Keeping,
    readers: Vec<Option<Reading>>,
    filler: Option<Waker>,
    stream: Option<Streaming>,
    share: Option<Share>,
}

/// What a body on its way counts among all of them; nothing any more when this is dropped.
#[derive(Debug)]
struct Share {
    all: Arc<AtomicU64>,
    octets: u64,
}

impl Share {
    fn is(&mut self, octets: u64) {
        let before = std::mem::replace(&mut self.octets, octets);
        self.all.fetch_add(octets.wrapping_sub(before), Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.is(0);
    }
}

/// A body that is written to disk while it comes.
#[derive(Debug)]
struct Streaming {
    opened: Arc<Opened>,
    /// The octets that are there.
    written: u64,
    failed: bool,
    writer: Option<Waker>,
}

#[derive(Debug, Default)]
struct Reading {
    at: u64,
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
    /// One that has so many octets, if that was announced; what is held of it counts in `all`.
    pub(super) fn new(length: Option<u64>, all: &Arc<AtomicU64>) -> Arc<Self> {
        let share = Some(Share { all: Arc::clone(all), octets: 0 });
        Arc::new(Self { length, state: Mutex::new(State { share, ..State::default() }) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another reader, from the beginning on; `None` where that is gone already.
    pub(super) fn read(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.lock();
        if state.start > 0 && state.stream.is_none() || state.keeping == Keeping::LetGo {
            return None;
        }
        let place = state.readers.iter().position(Option::is_none).unwrap_or_else(|| {
            state.readers.push(None);
            state.readers.len() - 1
        });
        state.readers[place] = Some(Reading::default());
        drop(state);
        Some(Reader { filling: Arc::clone(self), place, taken: 0, trailed: false, blocks: None })
    }

    /// Adds a piece, of which an exact copy is kept: the original may be a small part of a large buffer.
    pub(super) fn push(&self, piece: &[u8]) {
        let mut state = self.lock();
        let at = state.octets;
        state.octets += piece.len() as u64;
        state.chunks.push_back((at, Bytes::copy_from_slice(piece)));
        state.count();
        state.wake();
        state.wake_writer();
    }

    /// Keeps trailers for those who read it now.
    pub(super) fn trail(&self, trailers: HeaderMap) {
        self.lock().trailers = Some(trailers);
    }

    /// The octets so far.
    pub(super) fn octets(&self) -> u64 {
        self.lock().octets
    }

    /// The octets that there will be, as far as is known.
    pub(super) fn expected(&self) -> u64 {
        self.octets().max(self.length.unwrap_or(0))
    }

    /// From now on nothing is kept that everybody has read.
    pub(super) fn let_go(&self) {
        let mut state = self.lock();
        state.keeping = Keeping::LetGo;
        state.wake_writer();
    }

    /// Waits until more may be added.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<(), Unwanted>> {
        let mut state = self.lock();
        let is_ready = match state.keeping {
            Keeping::Kept => {
                state.stream.as_ref().is_none_or(|stream| stream.failed || state.octets - stream.written < AHEAD_BYTES)
            }
            Keeping::LetGo if state.readers.iter().all(Option::is_none) => return Poll::Ready(Err(Unwanted)),
            Keeping::LetGo => {
                state.forget();
                state.chunks.len() < AHEAD_MAX
            }
        };
        if is_ready {
            return Poll::Ready(Ok(()));
        }
        state.filler = Some(cx.waker().clone());
        Poll::Pending
    }

    /// It is complete: gives back what is to be stored, unless that is on disk.
    pub(super) fn complete(&self) -> Option<Chunks> {
        let mut state = self.lock();
        state.end = Some(End::Complete);
        state.wake();
        state.wake_writer();
        let is_here = state.keeping == Keeping::Kept && state.stream.is_none();
        is_here.then(|| Chunks::new(compact(state.chunks.iter().map(|(_, chunk)| chunk))))
    }

    /// From now on it is written to this file, and not held where that is done.
    pub(super) fn stream_to(&self, opened: &Arc<Opened>) {
        let streaming = Streaming { opened: Arc::clone(opened), written: 0, failed: false, writer: None };
        self.lock().stream = Some(streaming);
    }

    /// Waits for what is to be written next: whole blocks, but at the very end. `None`: there is no more.
    pub(super) fn poll_unwritten(&self, cx: &Context<'_>) -> Poll<Option<Vec<Bytes>>> {
        let mut state = self.lock();
        let (is_over, is_failed) = (state.end.is_some(), matches!(state.end, Some(End::Failed(_))));
        let is_gone = is_failed || state.keeping == Keeping::LetGo;
        let octets = state.octets;
        let Some(stream) = state.stream.as_mut().filter(|_| !is_gone) else { return Poll::Ready(None) };
        let written = stream.written;
        let whole = if is_over { octets } else { octets - octets % BLOCK_BYTES };
        let until = whole.min(written + BATCH_BYTES);
        if until > written {
            return Poll::Ready(Some(state.pieces(written, until)));
        }
        if is_over {
            return Poll::Ready(None);
        }
        stream.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// So many more octets were written; `None`: they could not be.
    pub(super) fn wrote(&self, octets: Option<u64>) {
        let mut state = self.lock();
        if let Some(stream) = &mut state.stream {
            stream.written += octets.unwrap_or(0);
            stream.failed |= octets.is_none();
        }
        state.forget_written();
        if let Some(filler) = state.filler.take() {
            filler.wake();
        }
    }

    /// Whether it could not be written.
    pub(super) fn is_unwritable(&self) -> bool {
        self.lock().stream.as_ref().is_some_and(|stream| stream.failed)
    }

    /// Waits until all of it is written; whether it could be.
    pub(super) fn poll_written(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        let octets = state.octets;
        match &state.stream {
            Some(stream) if !stream.failed && stream.written < octets => {}
            stream => return Poll::Ready(stream.as_ref().is_some_and(|stream| !stream.failed)),
        }
        state.filler = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Nobody takes it from the upstream any more: what is held is stored, or for those who read it still.
    pub(super) fn leave(&self) {
        self.lock().share = None;
    }

    /// It ended early.
    pub(super) fn fail(&self, error: ErrorType) {
        let mut state = self.lock();
        state.end = state.end.or(Some(End::Failed(error)));
        state.wake();
        state.wake_writer();
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

    fn wake_writer(&mut self) {
        if let Some(writer) = self.stream.as_mut().and_then(|stream| stream.writer.take()) {
            writer.wake();
        }
    }

    /// Lets go of what everybody has read.
    fn forget(&mut self) {
        if self.keeping == Keeping::Kept {
            return;
        }
        let Some(slowest) = self.readers.iter().flatten().map(|reading| reading.at).min() else { return };
        self.drop_before(|end, _| end <= slowest);
        if self.chunks.len() < AHEAD_MAX
            && let Some(filler) = self.filler.take()
        {
            filler.wake();
        }
    }

    /// Lets go of what is on disk, but for the last of it, which most are about to read.
    fn forget_written(&mut self) {
        let (Keeping::Kept, Some(written)) = (self.keeping, self.stream.as_ref().map(|stream| stream.written)) else {
            return;
        };
        self.drop_before(|end, held| end <= written && held > BATCH_BYTES);
    }

    /// Lets go of pieces from the first one on, for as long as their ends, and what is held still, are as `goes` has it.
    fn drop_before(&mut self, goes: impl Fn(u64, u64) -> bool) {
        while let Some((at, chunk)) = self.chunks.front()
            && goes(at + chunk.len() as u64, self.octets - self.start)
        {
            self.start = at + chunk.len() as u64;
            self.chunks.pop_front();
        }
        self.count();
    }

    /// What takes memory now counts.
    fn count(&mut self) {
        let held = self.octets - self.start;
        if let Some(share) = &mut self.share {
            share.is(held);
        }
    }

    /// The piece of what is held that has octet `at`, from there on.
    fn piece(&self, at: u64) -> Option<Bytes> {
        let (start, chunk) = self.chunks.get(self.chunks.partition_point(|(start, _)| *start <= at).checked_sub(1)?)?;
        let skipped = usize::try_from(at - start).ok().filter(|skipped| *skipped < chunk.len())?;
        Some(chunk.slice(skipped..))
    }

    /// What is held, from one octet up to another.
    fn pieces(&self, mut from: u64, until: u64) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        while let Some(mut piece) = self.piece(from).filter(|_| from < until) {
            piece.truncate(usize::try_from(until - from).unwrap_or(usize::MAX));
            from += piece.len() as u64;
            pieces.push(piece);
        }
        pieces
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
    /// Where it is behind what is held.
    blocks: Option<Blocks>,
}

impl Reader {
    fn take(&mut self, piece: Bytes) -> Frame<Bytes> {
        self.taken += piece.len() as u64;
        let mut state = self.filling.lock();
        if let Some(reading) = &mut state.readers[self.place] {
            reading.at = self.taken;
        }
        state.forget();
        Frame::data(piece)
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let mut state = this.filling.lock();
        if this.taken < state.start
            && let Some(stream) = &state.stream
        {
            let (blocks, written) = (this.blocks.get_or_insert_with(|| Blocks::of(&stream.opened)), stream.written);
            drop(state);
            let polled = ready!(blocks.poll_next(cx, (this.taken, written)));
            return Poll::Ready(Some(polled.map(|piece| this.take(piece))));
        }
        this.blocks = None;
        if let Some(piece) = state.piece(this.taken) {
            drop(state);
            return Poll::Ready(Some(Ok(this.take(piece))));
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
