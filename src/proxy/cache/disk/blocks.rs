//! A large body's content on its way out of its file: read a batch ahead of whoever takes it, and no further.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::large::{Large, Opened, room};
use crate::error::{BoxError, ErrorType, ProxyError};

/// What is being read: the file, and what was read of it.
type Reading = JoinHandle<io::Result<(Arc<Opened>, Vec<Bytes>)>>;

/// What is read ahead, and the file where it was opened.
#[derive(Debug)]
pub(in super::super) struct Blocks {
    large: Arc<Large>,
    opened: Option<Arc<Opened>>,
    there: VecDeque<Bytes>,
    reading: Option<Reading>,
}

impl Blocks {
    pub(in super::super) fn new(large: &Arc<Large>) -> Self {
        Self { large: Arc::clone(large), opened: large.opened(), there: VecDeque::new(), reading: None }
    }

    /// As somebody has it open.
    pub(in super::super) fn of(opened: &Arc<Opened>) -> Self {
        let opened = Arc::clone(opened);
        Self { large: Arc::clone(&opened.large), opened: Some(opened), there: VecDeque::new(), reading: None }
    }

    /// The next piece of the content from octet `first` on, of those before `end`. Whoever asks goes on where the last
    /// piece ended, until its `end`.
    pub(in super::super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        (first, end): (u64, u64),
    ) -> Poll<Result<Bytes, BoxError>> {
        loop {
            if let Some(piece) = self.there.pop_front() {
                let next = first + piece.len() as u64;
                if self.there.is_empty() && next < end {
                    self.reading = Some(self.read(next, end));
                }
                return Poll::Ready(Ok(piece));
            }
            let reading = match &mut self.reading {
                Some(reading) => reading,
                None => {
                    let reading = self.read(first, end);
                    self.reading.insert(reading)
                }
            };
            let read = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            let (opened, pieces) = match read.map_err(io::Error::other).flatten() {
                Ok(read) => read,
                Err(error) => {
                    let error = ProxyError::proxy(ErrorType::ProxyInternalError).with_source(error);
                    return Poll::Ready(Err(error.with_detail("the cache's disk could not be read").into()));
                }
            };
            self.opened = Some(opened);
            self.there = pieces.into();
        }
    }

    fn read(&self, first: u64, end: u64) -> Reading {
        let (large, opened) = (Arc::clone(&self.large), self.opened.clone());
        let room = room(first, end);
        spawn_blocking(move || {
            let read = opened.map_or_else(|| large.open(), Ok).and_then(|opened| {
                let pieces = opened.read((first, end), room)?;
                Ok((opened, pieces))
            });
            read.inspect_err(|error| large.lost(error))
        })
    }
}
