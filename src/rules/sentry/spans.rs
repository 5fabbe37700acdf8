//! Spans in the items of an envelope: transactions with their children, spans of the second version, which come many at
//! once, and of the first, which come one by one. They come out alike, as OpenTelemetry has them.

use opentelemetry::{
    Array, KeyValue, StringValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};

use super::{envelope::Item, json::Json, seconds::nanos};

/// The most spans of one item; SDKs send a thousand at most.
const SPANS_MAX: usize = 2_000;
/// The most attributes of one span.
const ATTRIBUTES_MAX: usize = 128;
/// The most links of one span.
const LINKS_MAX: usize = 32;
/// The second version of span items.
const SECOND: &str = "application/vnd.sentry.items.span.v2+json";
/// Measurements of transactions that have a name of their own where spans are concerned.
const VITALS: [&str; 5] = ["ttfb", "fcp", "lcp", "inp", "cls"];

/// A span.
#[derive(Clone, Debug, PartialEq)]
pub struct SdkSpan {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// Its parent; none where it has none.
    pub parent: Option<SpanId>,
    /// What it is called.
    pub name: String,
    /// By its operation.
    pub kind: SpanKind,
    /// Whether it failed.
    pub status: Status,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// What is said of it, its operation included.
    pub attributes: Vec<KeyValue>,
    /// Spans that it has to do with.
    pub links: Vec<(SpanContext, Vec<KeyValue>)>,
}

/// What an item holds of spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Those that can be understood.
    pub spans: Vec<SdkSpan>,
    /// How many cannot, or are too many.
    pub rejected: usize,
}

/// The spans of an item; items of other types have none.
pub fn spans(item: &Item<'_>) -> Found {
    let mut found = Found::default();
    let (kind, is_second) = (item.kind(), item.head.of("content_type").text() == Some(SECOND));
    if !matches!(kind, "transaction" | "span") {
        return found;
    }
    let Some(payload) = Json::parse(item.payload) else {
        found.rejected = 1;
        return found;
    };
    match kind {
        "transaction" => {
            let trace = payload.of("contexts").of("trace");
            found.add(Source { span: &payload, trace, name: "transaction" }.read());
            for span in payload.of("spans").items() {
                found.add(Source::of(span).read());
            }
        }
        _ if is_second => payload.of("items").items().iter().for_each(|span| found.add(second(span))),
        _ => found.add(Source::of(&payload).read()),
    }
    found
}

impl Found {
    fn add(&mut self, span: Option<SdkSpan>) {
        match span.filter(|_| self.spans.len() < SPANS_MAX) {
            Some(span) => self.spans.push(span),
            None => self.rejected += 1,
        }
    }
}

/// Where a span of the first form stands: of a transaction, in two places.
#[derive(Clone, Copy)]
struct Source<'s> {
    span: &'s Json<'s>,
    trace: &'s Json<'s>,
    name: &'static str,
}

impl<'s> Source<'s> {
    fn of(span: &'s Json<'s>) -> Self {
        Self { span, trace: span, name: "description" }
    }

    fn read(self) -> Option<SdkSpan> {
        let Self { span, trace, name } = self;
        let op = trace.of("op").text();
        let mut attributes = Attributes::default();
        attributes.text("sentry.op", op);
        attributes.text("sentry.origin", trace.of("origin").text());
        attributes.all(trace.of("data").entries());
        for (key, measurement) in span.of("measurements").entries() {
            let vital = VITALS.contains(&key).then(|| format!("browser.web_vital.{key}.value"));
            attributes.add(vital.as_deref().unwrap_or(key), value(measurement.of("value"), None));
        }
        let status = match trace.of("status").text() {
            None | Some("ok" | "cancelled") => Status::Unset,
            Some(other) => Status::error(other.to_owned()),
        };
        let attributes = attributes.0;
        Some(SdkSpan {
            name: span.of(name).text().or(op).unwrap_or_default().to_owned(),
            kind: kind(&attributes),
            status,
            attributes,
            ..common(trace, (span.of("start_timestamp"), span.of("timestamp")))?
        })
    }
}

/// A span of the second version.
fn second(span: &Json<'_>) -> Option<SdkSpan> {
    let mut attributes = Attributes::default();
    attributes.all(span.of("attributes").entries());
    let attributes = attributes.0;
    let status = if span.of("status").text() == Some("error") { Status::error("") } else { Status::Unset };
    Some(SdkSpan {
        name: span.of("name").text().unwrap_or_default().to_owned(),
        kind: kind(&attributes),
        status,
        attributes,
        ..common(span, (span.of("start_timestamp"), span.of("end_timestamp")))?
    })
}

/// What all forms tell alike.
fn common(span: &Json<'_>, (start, end): (&Json<'_>, &Json<'_>)) -> Option<SdkSpan> {
    let parent = span.of("parent_span_id");
    Some(SdkSpan {
        trace: trace_id(span.of("trace_id"))?,
        id: span_id(span.of("span_id"))?,
        parent: if *parent == Json::Null { None } else { Some(span_id(parent)?) },
        name: String::new(),
        kind: SpanKind::Internal,
        status: Status::Unset,
        start: nanos(start.number()?)?,
        end: nanos(end.number()?)?,
        attributes: Vec::new(),
        links: span.of("links").items().iter().take(LINKS_MAX).filter_map(link).collect(),
    })
}

fn link(link: &Json<'_>) -> Option<(SpanContext, Vec<KeyValue>)> {
    let (trace, span) = (trace_id(link.of("trace_id"))?, span_id(link.of("span_id"))?);
    let mut attributes = Attributes::default();
    attributes.all(link.of("attributes").entries());
    Some((SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, true, TraceState::NONE), attributes.0))
}

fn trace_id(json: &Json<'_>) -> Option<TraceId> {
    let id = hex(json, 32).and_then(|digits| TraceId::from_hex(digits).ok())?;
    (id != TraceId::INVALID).then_some(id)
}

fn span_id(json: &Json<'_>) -> Option<SpanId> {
    let id = hex(json, 16).and_then(|digits| SpanId::from_hex(digits).ok())?;
    (id != SpanId::INVALID).then_some(id)
}

fn hex<'j>(json: &'j Json<'_>, length: usize) -> Option<&'j str> {
    json.text().filter(|text| text.len() == length && text.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// By the operation, as Sentry's conventions name it.
fn kind(attributes: &[KeyValue]) -> SpanKind {
    let op = attributes.iter().find(|attribute| attribute.key.as_str() == "sentry.op");
    match op.map(|op| op.value.as_str()).as_deref() {
        Some("http.client") => SpanKind::Client,
        Some("http.server") => SpanKind::Server,
        _ => SpanKind::Internal,
    }
}

#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn all<'a>(&mut self, entries: impl Iterator<Item = (&'a str, &'a Json<'a>)>) {
        for (key, json) in entries {
            // Of the second version they say their type.
            let typed = json.of("type").text();
            self.add(key, value(if typed.is_some() { json.of("value") } else { json }, typed));
        }
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        self.add(key, text.map(|text| Value::String(text.to_owned().into())));
    }

    /// Adds an attribute, unless it is there already.
    fn add(&mut self, key: &str, value: Option<Value>) {
        let Some(value) = value.filter(|_| self.0.len() < ATTRIBUTES_MAX) else { return };
        if !self.0.iter().any(|known| known.key.as_str() == key) {
            self.0.push(KeyValue::new(key.to_owned(), value));
        }
    }
}

/// A value; objects, and lists of different things, are none.
fn value(json: &Json<'_>, typed: Option<&str>) -> Option<Value> {
    Some(match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::Text(text) => Value::String(text.clone().into()),
        Json::Number(digits) => number(digits, typed)?,
        Json::List(items) => Value::Array(Array::String(
            items.iter().map(|item| Some(item.text()?.to_owned().into())).collect::<Option<Vec<StringValue>>>()?,
        )),
        Json::Null | Json::Object(_) => return None,
    })
}

fn number(digits: &str, typed: Option<&str>) -> Option<Value> {
    let whole = if typed == Some("double") { None } else { digits.parse().ok().map(Value::I64) };
    whole.or_else(|| Some(Value::F64(digits.parse().ok().filter(|number: &f64| number.is_finite())?)))
}

#[cfg(test)]
mod tests;
