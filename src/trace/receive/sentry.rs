//! Spans in envelopes of Sentry's SDKs, which pages of traced sessions send through Waylight. The envelope goes on to Sentry
//! as it came (`proxy::sentry`); here a copy is read in the background, and its spans join their trace as those of our own
//! browser half do: cleaned, claimed by the session, and paid from its share.

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::KeyValue,
    trace::v1::{self as otlp, ResourceSpans, ScopeSpans, span, status::StatusCode},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::{debug, warn};

use super::{browser::Cleaned, claims::Claims};
use crate::{
    rules::{
        sentry::{
            envelope::Envelope,
            spans::{SdkSpan, spans},
        },
        session::{Identity, Session},
    },
    trace::{
        collector::{Intake, IntakeFull},
        counters::Counters,
        requests::recent::Requests,
        sessions::Sessions,
    },
};

/// Copies that may wait to be read; each has a bound, `sentry.tunnel_copy_bytes_max`.
const COPIES_MAX: usize = 32;

/// A copy of an envelope.
#[derive(Debug)]
pub struct Copied {
    /// Its octets, without their coding.
    pub envelope: Vec<u8>,
    /// The session that sent it.
    pub session: Session,
    /// Whose that is.
    pub identity: Identity,
}

/// Where copies are handed in.
#[derive(Clone, Debug)]
pub struct Copies(mpsc::Sender<Copied>);

/// Where they come out.
pub type CopiesInbox = mpsc::Receiver<Copied>;

impl Copies {
    /// A queue with a bound.
    pub fn new() -> (Self, CopiesInbox) {
        let (queue, inbox) = mpsc::channel(COPIES_MAX);
        (Self(queue), inbox)
    }

    /// Hands a copy in.
    ///
    /// # Errors
    /// Too many wait, or nobody reads any more.
    pub fn offer(&self, copied: Copied) -> Result<(), IntakeFull> {
        self.0.try_send(copied).map_err(|_| IntakeFull)
    }
}

/// What copies are read with.
#[derive(Clone, Debug)]
pub struct ReaderParts {
    /// Who owns a trace, and what sessions have used.
    pub sessions: Arc<Sessions>,
    /// Who has used one.
    pub requests: Requests,
    /// Where spans are handed in.
    pub intake: Intake,
    /// What is counted.
    pub counters: Arc<Counters>,
}

/// Reads copies in the background.
#[derive(Debug)]
pub struct Reader {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
}

impl Reader {
    /// Starts on the current tokio runtime.
    pub fn start(parts: ReaderParts, inbox: CopiesInbox) -> Self {
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        tasks.spawn(parts.run(inbox, stopped));
        Self { tasks, stop }
    }

    /// Reads what waits, and gives up after `within`. Call it before the collector is shut down.
    pub async fn shutdown(mut self, within: Duration) {
        self.stop.send_replace(());
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            warn!("envelopes of browsers were left when their reader ended");
        }
    }
}

impl ReaderParts {
    async fn run(self, mut inbox: CopiesInbox, mut stopped: watch::Receiver<()>) {
        loop {
            let copied = tokio::select! {
                biased;
                copied = inbox.recv() => copied,
                _ = stopped.changed() => {
                    inbox.close();
                    inbox.recv().await
                }
            };
            let Some(copied) = copied else { return };
            self.take(copied).await;
        }
    }

    async fn take(&self, Copied { envelope, session, identity }: Copied) {
        let Some(envelope) = Envelope::parse(&envelope) else {
            self.counters.sentry_envelopes_unread.one();
            return;
        };
        let claims = Claims { sessions: &self.sessions, requests: &self.requests };
        let own = match claims.own(cleaned(&envelope), (&session, &identity), None).await {
            Ok(own) => own,
            Err(error) => {
                warn!(%error, "it could not be found whose an envelope's traces are");
                self.counters.sentry_envelopes_unread.one();
                return;
            }
        };
        let spans = own.spans();
        self.counters.browser_spans_refused.add(own.rejected as u64);
        if spans == 0 {
            return;
        }
        let taken = claims.spend(&session, &identity, spans).is_ok() && self.intake.offer_of_browser(own).is_ok();
        if !taken {
            debug!(spans, "spans of an envelope were not taken");
            self.counters.browser_spans_refused.add(spans as u64);
        }
    }
}

/// The spans of an envelope, as a browser's.
pub fn cleaned(envelope: &Envelope<'_>) -> Cleaned {
    let mut rejected = 0;
    let mut all = Vec::new();
    for found in envelope.items.iter().map(spans) {
        rejected += found.rejected;
        all.extend(found.spans.into_iter().map(span));
    }
    let scope_spans = vec![ScopeSpans { spans: all, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let mut cleaned = Cleaned::of_sdk(ExportTraceServiceRequest { resource_spans }, &envelope.head.sdk);
    cleaned.rejected += rejected;
    cleaned
}

fn span(span: SdkSpan) -> otlp::Span {
    let status = match span.status {
        Status::Error { description } => {
            Some(otlp::Status { message: description.into_owned(), code: StatusCode::Error.into() })
        }
        Status::Unset | Status::Ok => None,
    };
    let kind = match span.kind {
        SpanKind::Client => span::SpanKind::Client,
        SpanKind::Server => span::SpanKind::Server,
        SpanKind::Producer => span::SpanKind::Producer,
        SpanKind::Consumer => span::SpanKind::Consumer,
        SpanKind::Internal => span::SpanKind::Internal,
    };
    let link = |(context, said): (opentelemetry::trace::SpanContext, Vec<opentelemetry::KeyValue>)| span::Link {
        trace_id: context.trace_id().to_bytes().to_vec(),
        span_id: context.span_id().to_bytes().to_vec(),
        attributes: attributes(said),
        ..span::Link::default()
    };
    otlp::Span {
        trace_id: span.trace.to_bytes().to_vec(),
        span_id: span.id.to_bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default(),
        name: span.name,
        kind: kind.into(),
        status,
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes: attributes(span.attributes),
        links: span.links.into_iter().map(link).collect(),
        ..otlp::Span::default()
    }
}

fn attributes(said: Vec<opentelemetry::KeyValue>) -> Vec<KeyValue> {
    let attribute = |said: opentelemetry::KeyValue| KeyValue {
        key: said.key.to_string(),
        value: Some(said.value.into()),
        ..KeyValue::default()
    };
    said.into_iter().map(attribute).collect()
}

#[cfg(test)]
mod tests;
