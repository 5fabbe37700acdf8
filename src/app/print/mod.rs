//! A sink that prints traces at the terminal: it joins the spans of the edge and of applications, waits until a trace
//! is quiet, and draws its tree ([`draw`]). What comes later still is drawn as a supplement.

mod bar;
mod draw;
mod words;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::{resource::v1::Resource, trace::v1::Span};
use tokio::{sync::Notify, task::JoinSet};

pub(in crate::app) use self::words::clean;
use super::terminal;
use crate::{
    clock::{self, Instant},
    rules::reading::Maker,
    service::BoxFuture,
    trace::{
        kept::{self, Kept},
        sink::{Batch, SinkError, Source, SpanSink},
    },
};

/// A trace is drawn when it has been quiet for so long: applications send their spans with some delay.
const QUIET: Duration = Duration::from_millis(1500);
/// The most traces that wait; the eldest is drawn early.
const TRACES_MAX: usize = 256;
/// The most spans kept of one trace.
const SPANS_MAX: usize = 2000;

/// Draws traces at the terminal.
#[derive(Debug)]
pub struct Printer {
    shared: Arc<Shared>,
    task: Mutex<JoinSet<()>>,
}

/// Where a drawing goes.
pub type Paper = Box<dyn Fn(&str) + Send + Sync>;

struct Shared {
    traces: Mutex<Traces>,
    news: Notify,
    paper: Paper,
}

#[derive(Debug, Default)]
struct Traces {
    waiting: HashMap<TraceId, Waiting>,
    /// Traces drawn lately, the eldest first.
    drawn: VecDeque<TraceId>,
}

#[derive(Debug)]
struct Waiting {
    spans: Vec<Seen>,
    last: Instant,
}

/// A span, and who made it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    source: Source,
    service: Arc<str>,
    span: Span,
}

impl Printer {
    /// Draws on standard output; coloured if that is a terminal. Starts a task on the current tokio runtime.
    pub fn start() -> Arc<Self> {
        Self::on(Box::new(|drawing| terminal::say(drawing)))
    }

    /// Draws on `paper`.
    pub fn on(paper: Paper) -> Arc<Self> {
        let shared = Arc::new(Shared { traces: Mutex::default(), news: Notify::new(), paper });
        let mut task = JoinSet::new();
        task.spawn(Arc::clone(&shared).run());
        Arc::new(Self { shared, task: Mutex::new(task) })
    }
}

impl SpanSink for Printer {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let request = batch.decode()?;
            let now = clock::now();
            let mut traces = lock(&self.shared.traces);
            for resource in request.resource_spans {
                let service = service_name(resource.resource.as_ref());
                for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    let seen = Seen { source: batch.source(), service: Arc::clone(&service), span };
                    traces.keep(seen, now);
                }
            }
            drop(traces);
            self.shared.news.notify_one();
            Ok(())
        })
    }

    fn flush(&self, _: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async {
            lock(&self.task).abort_all();
            let far = clock::now().plus(QUIET * 2);
            self.shared.draw(far);
            Ok(())
        })
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("traces", &self.traces).finish_non_exhaustive()
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        loop {
            let now = clock::now();
            match self.draw(now) {
                None => self.news.notified().await,
                // News only ever makes the next drawing later, but for a full table.
                Some(due) => tokio::time::sleep(due.since(now).max(Duration::from_millis(10))).await,
            }
        }
    }

    /// Draws what is quiet at `now`, and says when the next trace may be.
    fn draw(&self, now: Instant) -> Option<Instant> {
        let (quiet, due) = lock(&self.traces).quiet(now);
        for Quiet { trace, spans, supplement } in quiet {
            (self.paper)(&draw::trace(trace, &spans, supplement));
        }
        due
    }
}

/// Draws a whole trace, with the share of its root that each span takes.
pub(super) fn trace(id: TraceId, kept: &Kept) -> String {
    let seen = (0..kept.trace.spans.len()).filter_map(|index| {
        let source = match kept.trace.maker(index) {
            Maker::Edge => Source::Edge,
            Maker::App | Maker::Browser => Source::App,
        };
        let service = clean(kept.trace.service(index)).into();
        Some(Seen { source, service, span: kept.span(index)?.span.clone() })
    });
    draw::trace(id, &seen.collect::<Vec<_>>(), Supplement::Whole)
}

/// A trace to draw.
struct Quiet {
    trace: TraceId,
    spans: Vec<Seen>,
    supplement: Supplement,
}

/// Whether a trace is drawn for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supplement {
    First,
    Later,
    /// It is drawn once, on demand, and with shares.
    Whole,
}

impl Traces {
    fn keep(&mut self, seen: Seen, now: Instant) {
        let Ok(trace) = <[u8; 16]>::try_from(&seen.span.trace_id[..]).map(TraceId::from_bytes) else { return };
        let waiting = self.waiting.entry(trace).or_insert_with(|| Waiting { spans: Vec::new(), last: now });
        waiting.last = now;
        if waiting.spans.len() < SPANS_MAX {
            waiting.spans.push(seen);
        }
    }

    /// The traces to draw at `now`, in order of time, and when the next ones may be due.
    fn quiet(&mut self, now: Instant) -> (Vec<Quiet>, Option<Instant>) {
        let too_many = self.waiting.len() > TRACES_MAX;
        let mut quiet: Vec<(TraceId, Waiting)> =
            self.waiting.extract_if(|_, waiting| too_many || waiting.last.plus(QUIET) <= now).collect();
        quiet.sort_by_key(|(_, waiting)| waiting.spans.iter().map(|seen| seen.span.start_time_unix_nano).min());
        let quiet = quiet
            .into_iter()
            .map(|(trace, waiting)| {
                let supplement = if self.drawn.contains(&trace) { Supplement::Later } else { Supplement::First };
                if supplement == Supplement::First {
                    self.drawn.push_back(trace);
                    if self.drawn.len() > TRACES_MAX {
                        self.drawn.pop_front();
                    }
                }
                Quiet { trace, spans: waiting.spans, supplement }
            })
            .collect();
        (quiet, self.waiting.values().map(|waiting| waiting.last.plus(QUIET)).min())
    }
}

fn service_name(resource: Option<&Resource>) -> Arc<str> {
    clean(&kept::service_name(resource)).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
