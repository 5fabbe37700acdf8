//! What happens now, as server-sent events (HTML standard, section 9.2). Events carry numbers: a browser that lost its
//! connection tells the last one it saw, and goes on from there; what it cannot have any more it is told of (`gap`).

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use opentelemetry::trace::TraceId;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Answer, Answered, Call, columns::Columns, house::quota, problem::Problem, query::Query, requests::item,
    traces::trace_id,
};
use crate::{
    body::{Gone, Pipe, Piped},
    clock::{self, Instant},
    console::scope::Reach,
    trace::{
        kept::Kept,
        live::{Batch, Delivery, Event, Patch, Reader, Watching},
        requests::ring::Ring,
    },
};

/// A comment is sent this often, so that whatever lies between sees a living connection.
const PING_EVERY: Duration = Duration::from_secs(15);
/// A browser that lost the connection comes back after so many milliseconds.
const RETRY_MILLIS: u64 = 1_000;
/// Whoever wants nothing of what happens is told its number this often.
const NUMBER_EVERY: Duration = Duration::from_secs(5);
/// The most traces of one stream.
const TRACES_MAX: usize = 8;

/// What a reader wants.
#[derive(Debug, Default, PartialEq, Eq)]
struct Topics {
    requests: bool,
    quota: bool,
    traces: Vec<TraceId>,
}

impl Call<'_> {
    pub(super) async fn stream(&self) -> Answered {
        let query = Query::parse(self.request.uri(), &["topics", "after"])?;
        let topics = topics(query.text("topics").unwrap_or("requests"))?;
        // A browser says it in a header when it comes back, and cannot when it begins.
        let after = match self.request.headers().get("last-event-id") {
            Some(value) => Some(number(value).ok_or_else(|| Problem::bad("Last-Event-ID", "a number is expected"))?),
            None => query.number("after", 0..=u64::MAX)?,
        };
        for id in &topics.traces {
            self.admit_trace(*id).await?;
        }
        let (reach, requests) = (self.reach(), self.shelf.requests.clone());
        let Ok(place) = Arc::clone(&self.shelf.streams).try_acquire_owned() else {
            self.console.counters.streams_refused.one();
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many streams are open");
            return Err(problem.with(header::RETRY_AFTER, HeaderValue::from_static("5")));
        };
        let watching: Option<Vec<Watching>> = topics.traces.iter().map(|id| self.shelf.hub.watch(*id)).collect();
        let watching = watching.ok_or_else(|| {
            self.console.counters.streams_refused.one();
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many traces are followed")
        })?;
        let reader = self.shelf.hub.subscribe(after);
        let (pipe, body) = Piped::new();
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let (sessions, who) = (Arc::clone(&self.console.sessions), self.who.clone());
        let mut standing = Standing {
            expiry: who.expiry,
            revocations: sessions.revocations(),
            settings: self.shelf.effective.subscribe(),
        };
        let rest = Box::pin(async move {
            let view = View { topics, reach, ring: requests.ring() };
            tokio::select! {
                biased;
                () = standing.ended(|| sessions.counts(&who)) => {}
                _ = follow(&pipe, reader, &view) => {}
            }
            drop((place, watching));
        });
        Ok(Answer { response, rest: Some(rest) })
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

fn topics(text: &str) -> Result<Topics, Problem> {
    let mut topics = Topics::default();
    for word in text.split(',') {
        match (word, word.strip_prefix("trace:").map(trace_id)) {
            ("requests", _) => topics.requests = true,
            ("quota", _) => topics.quota = true,
            (_, Some(Some(id))) if topics.traces.len() < TRACES_MAX => topics.traces.push(id),
            (_, Some(Some(_))) => return Err(Problem::bad("topics", format!("at most {TRACES_MAX} traces"))),
            _ => return Err(Problem::bad("topics", "a list of requests, quota and trace:ID is expected")),
        }
    }
    Ok(topics)
}

/// How long a reader may go on reading.
struct Standing {
    /// In seconds since the Unix epoch.
    expiry: u64,
    revocations: watch::Receiver<()>,
    settings: watch::Receiver<Arc<str>>,
}

impl Standing {
    /// Until a reader does not count any more, as he did when he began. A reload may take a token away, or what is reached
    /// here: whoever still may comes back to what he last saw.
    async fn ended(&mut self, counts: impl Fn() -> bool) {
        loop {
            let left = self.expiry.saturating_sub(clock::unix_seconds());
            if left == 0 || !counts() {
                return;
            }
            tokio::select! {
                // The clock may be set anew meanwhile.
                () = tokio::time::sleep(Duration::from_secs(left).min(PING_EVERY)) => {}
                _ = self.revocations.changed() => {}
                _ = self.settings.changed() => return,
            }
        }
    }
}

/// What a reader wants, of what is within his reach.
struct View<'a> {
    topics: Topics,
    reach: Reach,
    /// Tells whose a request is that something became known of.
    ring: &'a Ring,
}

impl View<'_> {
    /// Whether every reader of these topics sees the same.
    fn is_everybodys(&self) -> bool {
        self.reach == Reach::All && self.topics == Topics { requests: true, ..Topics::default() }
    }

    fn shows_patch(&self, patch: &Patch) -> bool {
        let row = || self.ring.get(self.ring.find(patch.id)?);
        self.reach == Reach::All || row().is_some_and(|(row, _)| self.reach.holds_row(&row))
    }
}

/// Writes what happens, until the reader is gone.
async fn follow(pipe: &Pipe, mut reader: Reader, view: &View<'_>) -> Result<Infallible, Gone> {
    pipe.send(format!("retry: {RETRY_MILLIS}\n\n").into()).await?;
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ping.reset();
    let mut behind = Behind { number: None, since: clock::now() };
    loop {
        let delivery = tokio::select! {
            delivery = reader.next() => Some(delivery),
            _ = ping.tick() => None,
            () = pipe.closed() => return Err(Gone),
        };
        let Some(delivery) = delivery else {
            pipe.send(behind.told("ping")).await?;
            continue;
        };
        let (mut gaps, mut text) = (BytesMut::new(), Bytes::new());
        let mut next = Some(delivery);
        // A gap goes out with what comes right behind it.
        while let Some(delivery) = next.take() {
            match delivery {
                Delivery::Batch(batch) => text = written(&batch, view),
                Delivery::Gap { from, to } => {
                    event(&mut gaps, to, "gap", &json!({ "from": from, "to": to }));
                    next = tokio::select! {
                        biased;
                        delivery = reader.next() => Some(delivery),
                        () = std::future::ready(()) => None,
                    };
                }
            }
        }
        if !gaps.is_empty() {
            gaps.put_slice(&text);
            text = gaps.freeze();
        }
        match only_number(&text) {
            // Nothing for this reader: he is told seldom how far it is, since each word of it costs as much as an event.
            Some(number) => {
                behind.number = Some(number);
                if clock::now().since(behind.since) >= NUMBER_EVERY {
                    pipe.send(behind.told("passed over")).await?;
                }
            }
            None => {
                behind = Behind { number: None, since: clock::now() };
                pipe.send(text).await?;
            }
        }
    }
}

/// What a reader was not told of the numbers that passed him by.
struct Behind {
    number: Option<u64>,
    since: Instant,
}

impl Behind {
    /// The number, if there is one, and a word for whoever reads the stream himself.
    fn told(&mut self, word: &str) -> Bytes {
        self.since = clock::now();
        let number = self.number.take().map_or_else(String::new, |number| format!("id: {number}\n"));
        format!("{number}: {word}\n\n").into()
    }
}

/// The number that a text consists of, if it is nothing else.
fn only_number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.strip_prefix(b"id: ")?.strip_suffix(b"\n\n")?).ok()?.parse().ok()
}

/// A batch as text, for a reader of this view. What most readers want is written once for all of them.
fn written(batch: &Batch, view: &View<'_>) -> Bytes {
    if view.is_everybodys() {
        return batch.encoded(|events| write(events, view));
    }
    write(&batch.events, view)
}

fn write(events: &[(u64, Event)], view: &View<'_>) -> Bytes {
    let View { topics, reach, .. } = view;
    let mut text = BytesMut::with_capacity(1024);
    let mut last = None;
    for (number, what) in events {
        let wants = |id: &TraceId| topics.traces.contains(id);
        let told: Option<(&str, Value)> = match what {
            Event::Request(row) if topics.requests && reach.holds_row(row) => Some(("request", item(row))),
            Event::RequestPatch(patch) if topics.requests && view.shows_patch(patch) => Some((
                "request.patch",
                json!({
                    "id": format!("{:032x}", patch.id), "page_id": patch.page.map(|page| format!("{page:032x}")),
                    "trace_id": patch.trace.as_ref().map(|(trace, _)| trace.to_string()),
                    "trigger": patch.trace.as_ref().map(|(_, trigger)| trigger),
                }),
            )),
            Event::Spans(id, batch) if wants(id) => {
                let columns = batch.decode().ok().map(|message| Columns::bare(&Kept::of(message)).whole());
                if let Some(columns) = columns {
                    raw(&mut text, *number, "trace.spans", &columns);
                }
                last = Some(*number);
                continue;
            }
            Event::State(id, how) if wants(id) => Some((
                "trace.state",
                json!({ "trace_id": id.to_string(), "state": how.word(), "waiting_for": how.waiting_for() }),
            )),
            Event::Quota(state) if topics.quota => Some(("quota", quota(state))),
            _ => None,
        };
        if let Some((name, told)) = told {
            event(&mut text, *number, name, &told);
            last = Some(*number);
        }
    }
    // What was passed over counts as seen: nobody who comes back is told of it as a gap.
    if let Some((number, _)) = events.last()
        && last != Some(*number)
    {
        text.put_slice(format!("id: {number}\n\n").as_bytes());
    }
    text.freeze()
}

fn event(text: &mut BytesMut, number: u64, name: &str, told: &Value) {
    // JSON has no line ends outside of texts, and none within but escaped ones.
    raw(text, number, name, told.to_string().as_bytes());
}

fn raw(text: &mut BytesMut, number: u64, name: &str, data: &[u8]) {
    text.put_slice(format!("id: {number}\nevent: {name}\ndata: ").as_bytes());
    text.put_slice(data);
    text.put_slice(b"\n\n");
}

#[cfg(test)]
mod tests;
