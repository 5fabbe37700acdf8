//! Putting a response away: at once, or by a task that takes its body from the upstream while others read it. A large body
//! goes to disk meanwhile. Whoever reads it waits for the disk for a while at most: what it cannot take is not stored.

use std::{future::poll_fn, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout};

use super::{
    RouteCache,
    disk::{large::Large, stream::Stream},
    filling::{Filling, Unwanted},
    flight::{Leader, OnItsWay},
    object::{Chunks, Object, Parts},
    report,
};
use crate::{
    body::Body,
    error::{ErrorType, ProxyError},
    rules::cache::{Storable, Why},
    trace::scope::Span,
};

/// So long a body on its way waits for the disk, in all.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a response is stored.
pub(super) struct Saving {
    pub(super) route: Rc<RouteCache>,
    pub(super) storable: Storable,
    pub(super) answered: u64,
    pub(super) limits: Limits,
}

/// How large bodies may be, in octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// To be stored at all.
    pub(super) stored: u64,
    /// To be stored in memory: larger ones go to disk while they come.
    pub(super) held: u64,
}

/// A body as it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept<'a> {
    Here(&'a Chunks),
    OnDisk(&'a Arc<Large>),
}

impl Saving {
    /// `None` if its length is not what it says, or what it is was purged meanwhile.
    pub(super) fn put(&self, key: &str, way: &OnItsWay, body: Kept<'_>) -> Option<Arc<Object>> {
        let expected = self.storable.part.map(|part| part.span.octets()).or(length(&way.headers));
        let octets = match body {
            Kept::Here(chunks) => chunks.octets(),
            Kept::OnDisk(large) => large.octets(),
        };
        if expected.is_some_and(|expected| expected != octets) {
            self.route.store.give_up(key, Why::Interrupted);
            return None;
        }
        let parts = Parts {
            key,
            vary: &way.vary,
            status: way.status,
            headers: &way.headers,
            terms: way.terms,
            answered: self.answered,
            part: self.storable.part,
            filled_by: way.filled_by,
        };
        let store = &self.route.store;
        let object = match body {
            Kept::Here(chunks) => Object::new(&parts, chunks),
            Kept::OnDisk(large) => Object::on_disk(&parts, large),
        };
        match store.put(object, way.since) {
            Ok(object) => {
                store.accept(key);
                Some(object)
            }
            Err(_) => {
                store.give_up(key, Why::PurgedMeanwhile);
                None
            }
        }
    }
}

/// Takes a body from the upstream.
pub(super) struct Filler {
    pub(super) saving: Saving,
    pub(super) way: Arc<OnItsWay>,
    pub(super) key: String,
    /// Until the body is stored, others may join.
    pub(super) leader: Option<Leader>,
    pub(super) span: Span,
    place: Place,
    patience: Duration,
}

/// Where a body on its way is kept.
enum Place {
    Memory,
    Disk(Arc<Large>),
    Nowhere,
}

impl Filler {
    pub(super) fn new(saving: Saving, way: Arc<OnItsWay>, (key, leader, span): (String, Option<Leader>, Span)) -> Self {
        Self { saving, way, key, leader, span, place: Place::Memory, patience: PATIENCE }
    }

    pub(super) async fn fill(mut self, mut body: Body) {
        let filling = Arc::clone(&self.way.filling);
        loop {
            if self.room(&filling).await.is_err() {
                return;
            }
            if let Some(why) = self.excess(&filling).await {
                self.let_go(&filling, why);
                continue;
            }
            let data = match body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_else(|frame| {
                    frame.into_trailers().into_iter().for_each(|trailers| filling.trail(trailers));
                    Bytes::new()
                }),
                Some(Err(error)) => {
                    let kind =
                        error.downcast::<ProxyError>().map_or(ErrorType::HttpResponseIncomplete, |error| error.kind);
                    filling.fail(kind);
                    self.saving.route.store.give_up(&self.key, Why::Interrupted);
                    return report::reason(&mut self.span, &Why::Interrupted);
                }
                None => break,
            };
            if !data.is_empty() {
                filling.push(&data);
            }
        }
        self.finish(&filling).await;
    }

    /// Waits until more may come.
    async fn room(&mut self, filling: &Filling) -> Result<(), Unwanted> {
        let room = poll_fn(|cx| filling.poll_room(cx));
        if !matches!(self.place, Place::Disk(_)) {
            return room.await;
        }
        let begun = Instant::now();
        let waited = timeout(self.patience, room).await;
        self.patience = self.patience.saturating_sub(begun.elapsed());
        waited.unwrap_or(Ok(()))
    }

    /// Why it cannot be stored after all, if it cannot. What is too large to be held begins to go to disk.
    async fn excess(&mut self, filling: &Arc<Filling>) -> Option<Why> {
        let limits = self.saving.limits;
        match self.place {
            Place::Nowhere => return None,
            _ if filling.octets() > limits.stored => return Some(Why::TooLarge { bytes_max: limits.stored }),
            _ if !self.saving.route.store.has_room() => return Some(Why::NoRoom),
            Place::Disk(_) => {
                let is_slow = self.patience.is_zero();
                return (is_slow || filling.is_unwritable()).then_some(Why::DiskBusy);
            }
            Place::Memory if filling.expected() <= limits.held => return None,
            Place::Memory => {}
        }
        let store = Arc::clone(&self.saving.route.store);
        let stream = store.stream((&self.key, &self.way.vary), filling.expected()).await;
        let Some(stream) = stream else { return Some(Why::DiskBusy) };
        self.span.set("cache.tier", || "disk");
        filling.stream_to(stream.opened());
        self.place = Place::Disk(Arc::clone(&stream.opened().large));
        tokio::task::spawn_local(write(stream, Arc::clone(filling)));
        None
    }

    fn let_go(&mut self, filling: &Filling, why: Why) {
        self.place = Place::Nowhere;
        drop(self.leader.take());
        self.give_up(why);
        filling.let_go();
    }

    fn give_up(&mut self, why: Why) {
        report::reason(&mut self.span, &why);
        self.saving.route.store.give_up(&self.key, why);
    }

    /// All of it came.
    async fn finish(&mut self, filling: &Filling) {
        let chunks = filling.complete();
        match (&self.place, chunks) {
            (Place::Memory, Some(chunks)) => drop(self.saving.put(&self.key, &self.way, Kept::Here(&chunks))),
            (Place::Disk(large), _) => {
                let large = Arc::clone(large);
                // Whoever reads it has all of it by now.
                if timeout(PATIENCE, poll_fn(|cx| filling.poll_written(cx))).await == Ok(true) {
                    self.saving.put(&self.key, &self.way, Kept::OnDisk(&large));
                } else {
                    self.give_up(Why::DiskBusy);
                }
            }
            _ => {}
        }
    }
}

/// Writes a body to disk while it comes.
async fn write(stream: Stream, filling: Arc<Filling>) {
    while let Some(pieces) = poll_fn(|cx| filling.poll_unwritten(cx)).await {
        let octets = pieces.iter().map(|piece| piece.len() as u64).sum();
        let is_written = stream.write(pieces).await;
        filling.wrote(is_written.then_some(octets));
        if !is_written {
            return;
        }
    }
}

/// The length that a response says its body has.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Drop for Filler {
    fn drop(&mut self) {
        // Whatever ended it, nobody waits for ever.
        self.way.filling.fail(ErrorType::HttpResponseIncomplete);
        self.way.filling.leave();
    }
}
