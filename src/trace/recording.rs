//! One traced request's spans while it runs, on its worker's thread: nothing is locked, and nothing is encoded here.
//!
//! The spans hand themselves over when the last handle drops, so that a request whose client vanished still gives a
//! complete trace. A request that streams for long hands its finished spans over in parts.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use super::{outbox::Outbox, record::SpanRecord};

/// Spans are taken from a budget so many at a time, beforehand, so that requests in progress cannot overdraw it by
/// much; what was not used is given back.
const METER_STEP: u32 = 8;

/// Everything a recording is begun with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The trace to record into.
    pub trace_id: TraceId,
    /// The flags handed on.
    pub flags: TraceFlags,
    /// Where the spans go.
    pub outbox: Outbox,
    /// Whose budget they are taken from.
    pub meter: Option<Arc<AtomicU64>>,
    /// The most spans of this request.
    pub spans_max: u32,
}

/// The spans of one traced request.
#[derive(Debug)]
pub(super) struct Recording {
    begin: Begin,
    opened: Cell<u32>,
    refused: Cell<u32>,
    fate: Cell<Fate>,
    spans: RefCell<Vec<SpanRecord>>,
}

/// What becomes of the spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are handed over.
    Sent,
    /// That is decided when the request ends; until then all of them stay here.
    Undecided,
    /// They are forgotten, and cost the budget nothing.
    Forgotten,
}

impl Recording {
    pub(super) fn new(begin: Begin) -> Rc<Self> {
        // Most requests make three or four spans.
        Rc::new(Self {
            begin,
            opened: Cell::new(0),
            refused: Cell::new(0),
            fate: Cell::new(Fate::Sent),
            spans: RefCell::new(Vec::with_capacity(4)),
        })
    }

    pub(super) fn trace_id(&self) -> TraceId {
        self.begin.trace_id
    }

    pub(super) fn flags(&self) -> TraceFlags {
        self.begin.flags
    }

    /// A new span's id, unless this request has had its share.
    pub(super) fn open(&self) -> Option<SpanId> {
        if self.opened.get() >= self.begin.spans_max {
            self.refused.set(self.refused.get() + 1);
            return None;
        }
        if self.opened.get().is_multiple_of(METER_STEP) {
            self.charge(METER_STEP);
        }
        self.opened.set(self.opened.get() + 1);
        Some(super::ids::span_id())
    }

    pub(super) fn finish(&self, span: SpanRecord) {
        self.spans.borrow_mut().push(span);
    }

    /// Decides what becomes of the spans.
    pub(super) fn decide(&self, fate: Fate) {
        self.fate.set(fate);
    }

    /// Hands over what is finished, unless that is not decided yet.
    pub(super) fn flush(&self) {
        if self.fate.get() != Fate::Sent {
            return;
        }
        let spans = std::mem::take(&mut *self.spans.borrow_mut());
        if spans.is_empty() {
            return;
        }
        self.begin.outbox.send(spans);
    }
}

impl Recording {
    fn charge(&self, spans: u32) {
        if let Some(meter) = &self.begin.meter {
            meter.fetch_add(u64::from(spans), Ordering::Relaxed);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.flush();
        if let Some(meter) = &self.begin.meter {
            let charged = self.opened.get().next_multiple_of(METER_STEP);
            let unused = if self.fate.get() == Fate::Sent { charged - self.opened.get() } else { charged };
            // It may have been emptied meanwhile: a budget begins anew each minute.
            let rest = |spans: u64| Some(spans.saturating_sub(unused.into()));
            meter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).ok();
        }
        self.begin.outbox.count_refused(self.refused.get());
    }
}
