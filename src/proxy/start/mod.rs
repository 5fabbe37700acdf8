//! Start: if the upstream is a process that sleeps, the request waits until it is ready.
//!
//! One start serves all requests of all workers: processes belong to the [`Supervisor`], which is shared. Not here:
//! the states a process goes through (`rules::startup`).

mod guard;
mod life;
mod output;
mod process;
mod supervisor;

use std::{rc::Rc, sync::Arc, time::Duration};

use opentelemetry::KeyValue;

use self::life::{Facts, Refusal, Why};
pub(super) use self::supervisor::Supervised;
pub use self::supervisor::Supervisor;
use super::context::Context;
use crate::{
    clock::{self, Instant},
    error::{ErrorType, ProxyError},
    rules::length::length,
    trace::{scope::Span, stage::Stage},
};

/// How long the end of a process that refused a connection may take to be noticed.
const TIMEOUT_NOTICE: Duration = Duration::from_secs(1);

/// The stage, for one upstream on one worker.
#[derive(Clone, Debug)]
pub(super) struct Start {
    process: Arc<Supervised>,
}

impl Start {
    /// Requests that wait for `process`.
    pub(super) fn new(process: Arc<Supervised>) -> Self {
        Self { process }
    }

    /// The port of the running process, which is started if need be.
    ///
    /// # Errors
    /// If it cannot be started, or is not ready in time. Nothing was sent; but the next attempt would fail alike.
    pub(super) async fn ready(&self, cx: &Rc<Context>) -> Result<u16, ProxyError> {
        if let Some(port) = self.process.port() {
            return Ok(port);
        }
        let mut span = cx.span(Stage::UpstreamStart);
        let waiting_since = clock::now();
        match self.process.wanted().await {
            Ok(started) => {
                if span.is_on() {
                    describe(&mut span, self.process.command(), waiting_since, &started.facts);
                    span.set("server.port", || i64::from(started.port));
                }
                Ok(started.port)
            }
            Err(refusal) => {
                let error = refused(&refusal);
                if span.is_on() {
                    describe(&mut span, self.process.command(), waiting_since, &refusal.facts);
                }
                span.fail(error.kind.token(), || error.to_string());
                Err(error)
            }
        }
    }
}

impl Start {
    /// A process that is ready refused a connection, so it is about to end: returns when that was noticed, so that the
    /// next attempt starts it again.
    pub(super) async fn missed(&self) {
        self.process.noticed(TIMEOUT_NOTICE).await;
    }
}

/// What the client is told; never what the process wrote.
fn refused(refusal: &Refusal) -> ProxyError {
    match refusal.why {
        Why::TimedOut => ProxyError::upstream(ErrorType::ConnectionTimeout)
            .with_detail("the upstream's process was not ready in time"),
        Why::Failed => ProxyError::upstream(ErrorType::DestinationUnavailable)
            .with_detail("the upstream's process could not be started"),
        Why::Stopping => {
            ProxyError::proxy(ErrorType::DestinationUnavailable).with_detail("the upstream's process is being stopped")
        }
    }
}

/// Records a start as the request that waited for it since `waiting_since` saw it: spans back-dated to when things
/// happened, but never to before the wait.
fn describe(span: &mut Span, command: String, waiting_since: Instant, facts: &Facts) {
    span.set("process.command", || command);
    span.set("waylight.upstream.cold", || true);
    if let Some(pid) = facts.pid {
        span.set("process.pid", || i64::from(pid));
    }
    if let Some(stop) = &facts.stop {
        span.set("waylight.upstream.last_stop", || {
            let ago = u64::try_from(facts.began.since(stop.at).as_nanos()).unwrap_or(u64::MAX);
            format!("{} before, {}", length(ago), stop.how)
        });
    }
    for line in &facts.output {
        if line.at >= waiting_since {
            span.event_at("output", line.at, || {
                vec![KeyValue::new("stream", line.stream.as_str()), KeyValue::new("line", line.text.to_string())]
            });
        }
    }
    let scope = span.scope();
    let spawned = facts.spawned.unwrap_or(facts.ended);
    let phases = [
        (Stage::UpstreamSpawn, Some((facts.began, spawned))),
        (Stage::UpstreamReady, facts.spawned.map(|spawned| (spawned, facts.ended))),
    ];
    for (stage, lasted) in phases {
        if let Some((start, end)) = lasted.filter(|(_, end)| *end >= waiting_since) {
            scope.span_from(stage, start.max(waiting_since)).ended_at(end);
        }
    }
}
