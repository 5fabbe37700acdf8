//! What is told of the cache's decisions: to the client in `Cache-Status`, to the Logs, to counters, and in spans.

use std::{rc::Rc, sync::Arc};

use http::{HeaderMap, StatusCode};

use super::{memory::Found, object::Object, store::now};
use crate::{
    error::ProxyError,
    proxy::context::{Cached, Context, Kept},
    rules::cache::{
        Fwd, Status, Use, Why,
        status::{self, CACHE_STATUS, Handling},
    },
    trace::scope::Span,
};

/// A decision about a whole request.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) status: Status,
    pub(super) why: Why,
    pub(super) handling: Handling,
    /// Whether the answer was stored, and why or why not; or where it is.
    pub(super) kept: Option<Kept>,
}

impl Told {
    pub(super) fn hit(status: Status, why: Why, ttl: i64, tier: &'static str) -> Self {
        Self { status, why, handling: Handling::Hit { ttl }, kept: Some(Kept::In(tier)) }
    }

    pub(super) fn forwarded(status: Status, why: Why, fwd: Fwd) -> Self {
        let handling = Handling::Forwarded { fwd, status: None, collapsed: status == Status::Collapsed, stored: None };
        Self { status, why, handling, kept: None }
    }

    pub(super) fn refused(why: Why) -> Self {
        Self { status: Status::Miss, why, handling: Handling::Refused, kept: None }
    }

    /// What the upstream answered.
    #[must_use]
    pub(super) fn with_status(mut self, code: StatusCode) -> Self {
        if let Handling::Forwarded { status, .. } = &mut self.handling {
            *status = Some(code);
        }
        self
    }

    /// The answer is stored, and fresh for so many seconds.
    #[must_use]
    pub(super) fn with_stored(mut self, ttl: i64) -> Self {
        if let Handling::Forwarded { stored, .. } = &mut self.handling {
            *stored = Some(ttl);
        }
        self
    }

    /// The answer was not stored.
    #[must_use]
    pub(super) fn not_stored(mut self, why: Why) -> Self {
        self.kept = Some(Kept::Not(why));
        self
    }

    /// The answer was stored.
    #[must_use]
    pub(super) fn saved(mut self, why: Why) -> Self {
        self.kept = Some(Kept::Stored(why));
        self
    }

    /// Tells everybody, the client in these header fields.
    pub(super) fn tell(self, headers: &mut HeaderMap, cx: &Rc<Context>) {
        status::append(headers, &self.handling, &self.why);
        self.remember(cx);
    }

    /// Tells everybody, the client beside an error.
    pub(super) fn with_error(self, error: ProxyError, cx: &Rc<Context>) -> ProxyError {
        let mut headers = HeaderMap::new();
        status::append(&mut headers, &self.handling, &self.why);
        self.remember(cx);
        match headers.remove(CACHE_STATUS) {
            Some(value) => error.with_header(CACHE_STATUS, value),
            None => error,
        }
    }

    fn remember(self, cx: &Rc<Context>) {
        let counters = &cx.counters;
        match &self.kept {
            Some(Kept::Stored(_)) => counters.cache_stored.one(),
            Some(Kept::Not(_)) => counters.cache_not_stored.one(),
            Some(Kept::In(_)) | None => {}
        }
        // What is done in the background is no request.
        if !cx.is_beside {
            match self.status {
                Status::Hit => counters.cache_hits.one(),
                Status::Stale => counters.cache_stale.one(),
                Status::Revalidated => counters.cache_revalidated.one(),
                Status::Miss => counters.cache_misses.one(),
                Status::Collapsed => counters.cache_collapsed.one(),
                Status::Bypass => counters.cache_bypassed.one(),
            }
        }
        cx.cached(Cached { status: self.status, why: self.why, kept: self.kept });
    }
}

/// Tells the lookup's span what was found.
pub(super) fn found(span: &mut Span, found: &Found, decided: Option<&Use>) {
    if !span.is_on() {
        return;
    }
    span.set("cache.hit", || matches!(decided, Some(Use::Fresh(_) | Use::Stale(..))));
    let why = match (found, decided) {
        (_, Some(Use::Fresh(why) | Use::Stale(why, _) | Use::Ask(why))) | (Found::None(why, _), None) => why,
        (Found::Variant(_), None) => &Why::PartStored,
    };
    reason(span, why);
    if let Found::Variant(object) = found {
        stored(span, object);
    }
}

/// Tells a span why.
pub(super) fn reason(span: &mut Span, why: &Why) {
    span.set("cache.reason", || why.word());
    span.set("cache.explanation", || why.to_string());
}

/// Tells a span which stored response it is about, and links the trace that filled it.
pub(super) fn stored(span: &mut Span, object: &Arc<Object>) {
    let (terms, now) = (object.terms(), now());
    span.set("cache.age", || i64::try_from(terms.age(now)).unwrap_or(i64::MAX));
    span.set("cache.ttl", || terms.left(now));
    span.set("cache.tier", || object.tier());
    span.set("cache.item_size", || i64::try_from(object.octets()).unwrap_or(i64::MAX));
    if let Some((trace_id, span_id)) = object.filled_by() {
        span.link(trace_id, span_id, "filled by");
    }
}
