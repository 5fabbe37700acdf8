//! What happens now, as server-sent events (HTML standard, section 9.2). Events carry numbers: a browser that lost its
//! connection tells the last one it saw, and goes on from there; what it cannot have any more it is told of (`gap`).

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use opentelemetry::trace::TraceId;
use serde_json::{Value, json};

use super::{
    Answer, Answered, Call, columns::Columns, problem::Problem, query::Query, requests::item, traces::trace_id,
};
use crate::{
    body::{Gone, Pipe, Piped},
    trace::{
        kept::Kept,
        live::{Batch, Delivery, Event, Reader, Watching, state::TraceState},
    },
};

/// A comment is sent this often, so that whatever lies between sees a living connection.
const PING_EVERY: Duration = Duration::from_secs(15);
/// A browser that lost the connection comes back after so many milliseconds.
const RETRY_MILLIS: u64 = 1_000;
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
        let Ok(place) = std::sync::Arc::clone(&self.shelf.streams).try_acquire_owned() else {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many streams are open");
            return Err(problem.with(header::RETRY_AFTER, HeaderValue::from_static("5")));
        };
        let watching: Option<Vec<Watching>> = topics.traces.iter().map(|id| self.shelf.hub.watch(*id)).collect();
        let watching =
            watching.ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many traces are followed"))?;
        let reader = self.shelf.hub.subscribe(after);
        let (pipe, body) = Piped::new();
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let rest = Box::pin(async move {
            follow(&pipe, reader, &topics).await.ok();
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

async fn follow(pipe: &Pipe, mut reader: Reader, topics: &Topics) -> Result<(), Gone> {
    pipe.send(format!("retry: {RETRY_MILLIS}\n\n").into()).await?;
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ping.reset();
    loop {
        let delivery = tokio::select! {
            delivery = reader.next() => delivery,
            _ = ping.tick() => {
                pipe.send(Bytes::from_static(b": ping\n\n")).await?;
                continue;
            }
            () = pipe.closed() => return Err(Gone),
        };
        let text = match delivery {
            Delivery::Batch(batch) => written(&batch, topics),
            Delivery::Gap { from, to } => {
                let mut text = BytesMut::new();
                event(&mut text, to, "gap", &json!({ "from": from, "to": to }));
                text.freeze()
            }
        };
        pipe.send(text).await?;
    }
}

/// A batch as text, for a reader of these topics. What most readers want is written once for all of them.
fn written(batch: &Batch, topics: &Topics) -> Bytes {
    if topics.requests && !topics.quota && topics.traces.is_empty() {
        let only = Topics { requests: true, ..Topics::default() };
        return batch.encoded(|events| write(events, &only));
    }
    write(&batch.events, topics)
}

fn write(events: &[(u64, Event)], topics: &Topics) -> Bytes {
    let mut text = BytesMut::with_capacity(1024);
    let mut last = None;
    for (number, what) in events {
        let wants = |id: &TraceId| topics.traces.contains(id);
        let told: Option<(&str, Value)> = match what {
            Event::Request(row) if topics.requests => Some(("request", item(row))),
            Event::RequestPatch(patch) if topics.requests => Some((
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
            Event::State(id, how) if wants(id) => {
                let (state, waiting_for) = match how {
                    TraceState::Open => ("open", &[][..]),
                    TraceState::Partial { waiting_for } => ("partial", waiting_for.as_slice()),
                    TraceState::Done => ("done", &[][..]),
                };
                let told = json!({ "trace_id": id.to_string(), "state": state, "waiting_for": waiting_for });
                Some(("trace.state", told))
            }
            Event::Quota(quota) if topics.quota => Some(("quota", json!({ "used": quota.used, "limit": quota.limit }))),
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
