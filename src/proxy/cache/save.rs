//! Putting a response away: at once, or by a task that takes its body from the upstream while others read it.

use std::{future::poll_fn, rc::Rc, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;

use super::{
    RouteCache,
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

/// How a response is stored.
pub(super) struct Saving {
    pub(super) route: Rc<RouteCache>,
    pub(super) storable: Storable,
    pub(super) answered: u64,
    pub(super) bytes_max: u64,
}

impl Saving {
    /// `None` if its length is not what it says, or what it is was purged meanwhile.
    pub(super) fn put(&self, key: &str, way: &OnItsWay, body: &Chunks) -> Option<Arc<Object>> {
        let expected = self.storable.part.map(|part| part.span.octets()).or(length(&way.headers));
        if expected.is_some_and(|expected| expected != body.octets()) {
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
        match store.put(Object::new(&parts, body), way.since) {
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
    /// What it takes of the room for bodies on their way, in octets.
    pub(super) taken: u64,
}

impl Filler {
    pub(super) async fn fill(mut self, mut body: Body) {
        let filling = Arc::clone(&self.way.filling);
        let mut is_kept = true;
        loop {
            if poll_fn(|cx| filling.poll_room(cx)).await.is_err() {
                return;
            }
            let room = self.takes(filling.held());
            let bytes_max = self.saving.bytes_max;
            let is_too_large = filling.octets() > bytes_max;
            if is_kept && (is_too_large || room == 0) {
                is_kept = false;
                let why = if is_too_large { Why::TooLarge { bytes_max } } else { Why::NoRoom };
                drop(self.leader.take());
                report::reason(&mut self.span, &why);
                self.saving.route.store.give_up(&self.key, why);
                filling.let_go();
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
        if let Some(chunks) = filling.complete() {
            self.saving.put(&self.key, &self.way, &chunks);
        }
    }

    /// It takes so many octets now; gives back how many more all bodies on their way may take.
    fn takes(&mut self, octets: u64) -> u64 {
        let before = std::mem::replace(&mut self.taken, octets);
        self.saving.route.store.comes(before, octets)
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
        self.takes(0);
    }
}
