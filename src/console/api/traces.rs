//! Traces: in columns, as a file, and in from one; a span with all that is known of it; how far a trace is.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    resource::v1::Resource,
};
use serde_json::{Value, json};

use super::{
    Answer, Answered, Call, Shelf,
    columns::{Columns, micros, vitals_of},
    content, json as answer,
    problem::Problem,
    query::Query,
    share::hide,
    version::Version,
};
use crate::{
    body::Piped,
    clock,
    config::model::ConsoleLimits,
    console::{
        audit::Deed,
        export::{Export, Format, object},
    },
    rules::{
        access::Action,
        reading::{
            clocks,
            progress::{self, Progress},
            verdict::verdict,
        },
    },
    trace::{
        kept::{self, Kept, Origin},
        receive::{Encoding, decode, weight},
        sink::{Batch, Source, span_count},
    },
};

/// A file may take so much more memory than octets.
const IMPORT_GROWTH_MAX: usize = 16;
/// So many traces of a file are named in the audit log.
const IMPORTED_NAMED_MAX: usize = 4;
/// The most spans that a search gives.
const FOUND_MAX: usize = 20_000;

impl Call<'_> {
    pub(super) async fn trace(&self) -> Answered {
        let query = Query::parse(self.request.uri(), &["format", "redact", "after"])?;
        let id = self.trace_id()?;
        let format = query.word("format", &Format::WORDS)?;
        let after = query.text("after").map(Version::parse).transpose()?;
        let hidden: Vec<&str> = query.text("redact").map(|kinds| kinds.split(',').collect()).unwrap_or_default();
        let hide = hide(&hidden)?;
        match format {
            None if !hidden.is_empty() => return Err(Problem::bad("redact", "with a `format` only")),
            Some(_) if after.is_some() => return Err(Problem::bad("after", "a file is given as a whole")),
            _ => {}
        }
        self.admit_trace(id).await?;
        if let Some(format) = format {
            self.console.audited(self.visit, Action::Export, Deed::Export, &format!("trace {id}"))?;
            let (kept, requests) = (load(self.shelf, id).await?, self.shelf.requests.of_trace(id).await?);
            return Ok(file(id, format, Export { kept: &kept, requests: &requests }.write(format, hide)));
        }
        let messages = stored(self.shelf, id).await?;
        let version = Version::of(&messages);
        let known = self.request.headers().get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        if known.is_some_and(|known| self.is_still(id, known, version)) {
            return Ok(unchanged(known));
        }
        let receiver = self.shelf.receiver.clone();
        let told = after.and_then(|after| Some((after, after.within(&messages)?.to_vec())));
        let read = move |kept: &Kept| {
            let read = |kept: &Kept| Columns::read(kept, receiver.as_deref());
            let now = read(kept);
            let since = told.and_then(|(after, messages)| {
                if after == version {
                    return now.since(&now, &after.to_string());
                }
                now.since(&read(&Kept::decode(&messages).ok()?), &after.to_string())
            });
            since.unwrap_or(now)
        };
        let (kept, mut columns) = read_messages(id, messages, read).await?;
        let progress = self.progress(id, Some(&kept));
        let tag = version.tag(progress.word());
        // Long traces take a while to be taken apart, too.
        drop(tokio::task::spawn_blocking(move || drop(kept)));
        if known == Some(&*tag) {
            return Ok(unchanged(known));
        }
        columns.tell("version", json!(version.to_string()));
        columns.tell("state", json!(progress.word()));
        columns.tell("waiting_for", json!(progress.waiting_for()));
        let (pipe, body) = Piped::new();
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        let rest = Box::pin(async move {
            // Whoever has gone needs no rest.
            columns.write(&pipe).await.ok();
        });
        Ok(Answer { response, rest: Some(rest) })
    }

    /// Whether a trace is as it was when it was given this tag, as far as that can be told without reading it.
    fn is_still(&self, id: TraceId, known: &str, version: Version) -> bool {
        // What is heard of it counts, and what is not heard of any more is over.
        let now = self.shelf.hub.state(id).unwrap_or(Progress::Done);
        known == version.tag(now.word())
    }

    /// How far a trace is; for a page that waits for it.
    pub(super) async fn status(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let id = self.trace_id()?;
        self.admit_trace(id).await?;
        let requests = self.shelf.requests.of_trace(id).await?;
        let kept = match load(self.shelf, id).await {
            Ok(kept) => Some(kept),
            // Its session, and then its requests, are known before its spans are.
            Err(_) if !requests.is_empty() || self.console.records(self.reach(), id) => None,
            Err(problem) => return Err(problem),
        };
        let progress = self.progress(id, kept.as_ref());
        let (spans, sentence) = seen(kept.as_ref());
        Ok(answer(&json!({
            "trace_id": id.to_string(), "requests": requests.len(), "state": progress.word(),
            "waiting_for": progress.waiting_for(), "spans": spans, "verdict": sentence,
            "vitals": kept.as_ref().map(vitals_of).unwrap_or_default(),
        })))
    }

    /// How far a trace is: as it is heard of now; of an older one, as its spans tell. What is heard of comes into the
    /// store a moment later, and a trace that cannot be read yet is open.
    fn progress(&self, id: TraceId, kept: Option<&Kept>) -> Progress {
        let Some(kept) = kept else { return Progress::Open };
        let upstream = |span| Some(kept::attribute(&kept.span(span)?.span.attributes, "waylight.upstream")?.into());
        let stored = progress::heard(&kept.trace, clock::now().unix_nanos())
            .map_or(Progress::Done, |(heard, holes)| {
                progress::progress(heard, holes.iter().filter_map(|hole| upstream(hole.span)))
            });
        if stored == Progress::Open { stored } else { self.shelf.hub.state(id).unwrap_or(stored) }
    }

    pub(super) async fn span(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let id = self.trace_id()?;
        let text = self.parameters.get(1).copied().unwrap_or_default();
        let span = Some(text).filter(|text| text.len() == 16).and_then(|text| SpanId::from_hex(text).ok());
        let span = span.ok_or_else(|| Problem::bad("span", "a span id of 16 hexadecimal digits is expected"))?;
        self.admit_trace(id).await?;
        let kept = load(self.shelf, id).await?;
        let index = kept.find(span).ok_or_else(|| Problem::missing("span"))?;
        let origin = kept.span(index).ok_or_else(|| Problem::missing("span"))?;
        Ok(answer(&detail(&origin)))
    }

    /// The spans that say something in their attributes: a key and a part of its value, or a part of any value.
    pub(super) async fn find_spans(&self) -> Answered {
        let query = Query::parse(self.request.uri(), &["q"])?;
        let id = self.trace_id()?;
        self.admit_trace(id).await?;
        let wanted = query.text("q").map(str::to_lowercase);
        let wanted = wanted.ok_or_else(|| Problem::bad("q", "`key:part of the value`, or a part of a value"))?;
        let kept = load(self.shelf, id).await?;
        let has = |index: &usize| kept.span(*index).is_some_and(|origin| says(&origin.span.attributes, &wanted));
        let mut found = kept.trace.rows.iter().map(|row| row.index).filter(has);
        let ids: Vec<String> =
            found.by_ref().take(FOUND_MAX).map(|index| kept.trace.spans[index].id.to_string()).collect();
        Ok(answer(&json!({ "spans": ids, "more": found.next().is_some() })))
    }

    pub(super) async fn import(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let ConsoleLimits { import_bytes_max, import_spans_max, .. } = *self.shelf.limits.borrow();
        let too_large = |what| {
            self.console.counters.imports_refused.one();
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, what))
        };
        let memory_max = import_bytes_max.saturating_mul(IMPORT_GROWTH_MAX);
        let body = self.request.body();
        if body.len() > import_bytes_max || weight::octets(Encoding::Json, body).is_none_or(|more| more > memory_max) {
            return too_large("the file is too large");
        }
        let store = self.shelf.store()?;
        let message = decode(Encoding::Json, body.clone())
            .ok_or_else(|| Problem::bad("body", "the body is no OTLP trace in JSON"))?;
        if weight::copied(&message) > memory_max {
            return too_large("the spans are of too many traces for so large a resource");
        }
        let spans = span_count(&message);
        if spans == 0 || spans > import_spans_max {
            self.console.counters.imports_refused.one();
            return Err(Problem::bad(
                "body",
                format!("a file has 1 to {import_spans_max} spans; this one has {spans}"),
            ));
        }
        let traces = traces(&message).ok_or_else(|| Problem::bad("body", "a span without a valid trace or span id"))?;
        let list: Vec<String> = traces.iter().map(ToString::to_string).collect();
        let named = list.iter().take(IMPORTED_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(" ");
        let more = list.len().saturating_sub(IMPORTED_NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        self.console.audited(self.visit, Action::Keep, Deed::Keep, &format!("import of {named}{more}"))?;
        let written = store.write(Batch::of(Source::Import, &marked(message, &self.who.name))).await;
        written.map_err(|error| {
            tracing::error!(%error, "an import could not be stored");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store did not take it; the log says why")
        })?;
        let mut done = answer(&json!({ "traces": list, "spans": spans }));
        *done.response.status_mut() = StatusCode::CREATED;
        Ok(done)
    }

    /// The trace id in the path.
    pub(super) fn trace_id(&self) -> Result<TraceId, Problem> {
        let text = self.parameters.first().copied().unwrap_or_default();
        trace_id(text).ok_or_else(|| Problem::bad("trace", "a trace id of 32 hexadecimal digits is expected"))
    }
}

/// A trace id as people write it.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    Some(text)
        .filter(|text| text.len() == 32)
        .and_then(|text| TraceId::from_hex(text).ok())
        .filter(|id| *id != TraceId::INVALID)
}

/// A disk that takes longer is not waited for.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);

/// The spans of a trace.
pub(super) async fn load(shelf: &Shelf, id: TraceId) -> Result<Kept, Problem> {
    load_and(shelf, id, |_| ()).await.map(|(kept, ())| kept)
}

/// The spans of a trace, and what is read out of them.
pub(super) async fn load_and<T: Send + 'static>(
    shelf: &Shelf,
    id: TraceId,
    read: impl FnOnce(&Kept) -> T + Send + 'static,
) -> Result<(Kept, T), Problem> {
    let messages = stored(shelf, id).await?;
    read_messages(id, messages, read).await
}

/// What is stored of a trace. Whoever was told of spans finds them: what is told of is on its way to the disk at that time.
async fn stored(shelf: &Shelf, id: TraceId) -> Result<Vec<Bytes>, Problem> {
    let store = shelf.store()?;
    if shelf.hub.is_watched(id) || shelf.hub.state(id).is_some() {
        store.flush(clock::now().plus(FLUSHED_WITHIN)).await.ok();
    }
    Ok(store.trace(id).await?)
}

/// A trace as it is stored, decoded, and what is read out of it.
async fn read_messages<T: Send + 'static>(
    id: TraceId,
    messages: Vec<Bytes>,
    read: impl FnOnce(&Kept) -> T + Send + 'static,
) -> Result<(Kept, T), Problem> {
    if messages.is_empty() {
        return Err(Problem::missing("trace"));
    }
    // Long traces take a while to decode and to read; other answers need not wait for that.
    let reading = tokio::task::spawn_blocking(move || {
        let kept = Kept::decode(&messages)?;
        let found = read(&kept);
        Ok::<_, prost::DecodeError>((kept, found))
    });
    let decoded = reading.await;
    decoded.ok().and_then(Result::ok).ok_or_else(|| {
        tracing::error!(trace = %id, "a stored trace could not be decoded");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the stored trace could not be decoded")
    })
}

/// The answer to whoever has it already.
fn unchanged(tag: Option<&str>) -> Answer {
    let mut response = Response::new(Piped::from(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.into()
}

/// A file to be saved, and not to be shown by this origin.
pub(super) fn file(id: TraceId, format: Format, bytes: Vec<u8>) -> Answer {
    let mut answer = content(format.content_type(), Bytes::from(bytes));
    let name = format!("attachment; filename=\"trace-{id}.{}\"", format.ending());
    if let Ok(name) = HeaderValue::from_str(&name) {
        answer.response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    answer
}

/// How many spans of a trace there are, and where its time went.
fn seen(kept: Option<&Kept>) -> (usize, Option<String>) {
    let Some(kept) = kept else { return (0, None) };
    let trace = clocks::aligned(&kept.trace, &clocks::offsets(&kept.trace));
    (trace.spans.len(), verdict(&trace).map(|verdict| verdict.sentence))
}

/// Whether attributes say `wanted`, which is in lower case.
fn says(attributes: &[KeyValue], wanted: &str) -> bool {
    let pair = wanted.split_once(':');
    attributes.iter().any(|attribute| {
        let key = attribute.key.to_lowercase();
        let value = || attribute.value.as_ref().and_then(kept::text).unwrap_or_default().to_lowercase();
        pair.is_some_and(|(name, part)| key == name && value().contains(part)) || value().contains(wanted)
    })
}

fn detail(origin: &Origin<'_>) -> Value {
    let span = origin.span;
    let event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| json!({ "name": event.name, "ts_us": micros(event.time_unix_nano), "attributes": object(&event.attributes) });
    let link = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
        json!({
            "trace_id": kept::trace_id(&link.trace_id).to_string(), "span_id": kept::span_id(&link.span_id).to_string(),
            "attributes": object(&link.attributes),
        })
    };
    let status = span.status.as_ref();
    json!({
        "trace_id": kept::trace_id(&span.trace_id).to_string(), "id": kept::span_id(&span.span_id).to_string(),
        "name": span.name, "kind": span.kind, "start_us": micros(span.start_time_unix_nano),
        "dur_us": micros(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano)),
        "status": { "code": status.map_or(0, |status| status.code), "message": status.map_or("", |status| &status.message) },
        "attributes": object(&span.attributes), "dropped_attributes": span.dropped_attributes_count,
        "events": span.events.iter().map(event).collect::<Vec<_>>(),
        "links": span.links.iter().map(link).collect::<Vec<_>>(),
        "resource": object(origin.resource.map_or(&[], |resource| &resource.attributes)),
        "scope": origin.scope.map(|scope| json!({
            "name": scope.name, "version": scope.version, "attributes": object(&scope.attributes),
        })),
    })
}

/// The traces of a message, each once; `None` if a span has no valid ids.
fn traces(message: &ExportTraceServiceRequest) -> Option<Vec<TraceId>> {
    let (mut traces, mut known) = (Vec::new(), HashSet::new());
    let scopes = message.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    for span in scopes.flat_map(|scope| &scope.spans) {
        let id = kept::trace_id(&span.trace_id);
        if id == TraceId::INVALID || kept::span_id(&span.span_id) == SpanId::INVALID {
            return None;
        }
        if known.insert(id) {
            traces.push(id);
        }
    }
    Some(traces)
}

/// The message, with a word on where it comes from in each of its resources.
fn marked(mut message: ExportTraceServiceRequest, by: &str) -> ExportTraceServiceRequest {
    for resource in &mut message.resource_spans {
        let attributes = &mut resource.resource.get_or_insert_with(Resource::default).attributes;
        attributes.retain(|attribute| attribute.key != "waylight.imported_by");
        attributes.push(KeyValue {
            key: "waylight.imported_by".to_owned(),
            value: Some(AnyValue { value: Some(Any::StringValue(by.to_owned())) }),
            ..KeyValue::default()
        });
    }
    message
}
