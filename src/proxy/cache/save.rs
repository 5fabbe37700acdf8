//! Putting a response away: at once, or by a task that takes its body from the upstream while others read it.

use std::{future::poll_fn, rc::Rc, sync::Arc};

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
    /// How many purges there had been when it was asked for.
    pub(super) since: u64,
}

impl Saving {
    /// `None` if its length is not what it says, or what it is was purged meanwhile.
    pub(super) fn put(&self, key: &str, way: &OnItsWay, body: Chunks) -> Option<Arc<Object>> {
        let expected = self.storable.part.map(|part| part.span.octets()).or(length(&way.headers));
        if expected.is_some_and(|expected| expected != body.octets()) {
            self.route.store.refuse(key, Why::Interrupted);
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
        let object = Object::new(&parts, body);
        if self.route.store.is_outdated(&object, self.since) {
            self.route.store.refuse(key, Why::PurgedMeanwhile);
            return None;
        }
        self.route.store.accept(key);
        Some(self.route.store.put(object))
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
}

impl Filler {
    pub(super) async fn fill(mut self, mut body: Body) {
        let filling = Arc::clone(&self.way.filling);
        let mut is_kept = true;
        loop {
            if poll_fn(|cx| filling.poll_room(cx)).await.is_err() {
                return;
            }
            let data = match body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    let kind =
                        error.downcast::<ProxyError>().map_or(ErrorType::HttpResponseIncomplete, |error| error.kind);
                    filling.fail(kind);
                    self.saving.route.store.refuse(&self.key, Why::Interrupted);
                    return report::reason(&mut self.span, &Why::Interrupted);
                }
                None => break,
            };
            if !data.is_empty() {
                filling.push(&data);
            }
            if is_kept && filling.octets() > self.saving.bytes_max {
                is_kept = false;
                drop(self.leader.take());
                let why = Why::TooLarge { bytes_max: self.saving.bytes_max };
                report::reason(&mut self.span, &why);
                self.saving.route.store.refuse(&self.key, why);
                filling.let_go();
            }
        }
        if let Some(chunks) = filling.complete() {
            self.saving.put(&self.key, &self.way, chunks);
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
    }
}
