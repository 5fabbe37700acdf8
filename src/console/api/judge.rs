//! What a trace is held against: what it was expected to be, and how long the same took in other runs.

use std::collections::HashSet;

use opentelemetry::trace::TraceId;
use serde_json::{Map, Value, json};

use super::{Answered, Call, columns::micros, json as answer, problem::Problem, query::Query, traces::load_and};
use crate::{
    rules::{
        find::Find,
        reading::{
            clocks,
            expect::{Expect, Facts},
            holes,
            runs::Runs,
        },
    },
    trace::{
        kept::Kept,
        requests::row::RequestRow,
        store::query::{RequestQuery, Traced},
    },
};

/// Expectations that are judged at once.
const EXPECTATIONS_MAX: usize = 16;
/// Runs that are read, the trace itself included.
const RUNS_MAX: usize = 12;
/// Requests among which other runs are looked for, the newest first.
const ALIKE_MAX: usize = 500;
/// Longer traces are no runs of anything, in octets as they are stored.
const RUN_BYTES_MAX: usize = 1024 * 1024;

impl Call<'_> {
    /// Whether a trace is as it was expected to be: `e` has an expectation a line.
    pub(super) async fn expect(&self) -> Answered {
        let query = Query::parse(self.request.uri(), &["e"])?;
        let id = self.trace_id()?;
        self.admit_trace(id).await?;
        let texts: Vec<String> = lines(query.text("e").unwrap_or_default());
        if texts.is_empty() || texts.len() > EXPECTATIONS_MAX {
            let most = format!("1 to {EXPECTATIONS_MAX} expectations, one a line, as in ttfb<200ms");
            return Err(Problem::bad("e", most));
        }
        let rows = self.shelf.requests.of_trace(id).await?;
        let row = about(&rows).cloned();
        let judged = move |kept: &Kept| {
            let trace = clocks::aligned(&kept.trace, &clocks::offsets(&kept.trace));
            let facts = facts(row.as_ref(), &trace);
            texts.iter().map(|text| judge(text, &facts)).collect::<Vec<_>>()
        };
        let (_, items) = load_and(self.shelf, id, judged).await?;
        Ok(answer(&json!({ "items": items })))
    }

    /// How long each span took in other traced runs of the same request.
    pub(super) async fn runs(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let id = self.trace_id()?;
        self.admit_trace(id).await?;
        let rows = self.shelf.requests.of_trace(id).await?;
        let store = self.shelf.store()?;
        let own = store.trace(id).await?;
        if own.is_empty() {
            return Err(Problem::missing("trace"));
        }
        let is_short =
            |messages: &[bytes::Bytes]| messages.iter().map(bytes::Bytes::len).sum::<usize>() <= RUN_BYTES_MAX;
        let mut others = Vec::new();
        if let Some(row) = about(&rows).filter(|_| is_short(&own)) {
            for other in self.alike(row, id).await? {
                let messages = store.trace(other).await?;
                if !messages.is_empty() && is_short(&messages) {
                    others.push(messages);
                }
            }
        }
        let read = tokio::task::spawn_blocking(move || spreads(&own, &others)).await;
        let told = read.ok().flatten();
        Ok(answer(&told.ok_or_else(|| Problem::missing("run that can be decoded"))?))
    }

    /// Traces of requests like this one, the newest first: of the same address, with the same status.
    async fn alike(&self, row: &RequestRow, own: TraceId) -> Result<Vec<TraceId>, Problem> {
        let path = row.path.replace('\\', "\\\\").replace('"', "\\\"");
        // What is too long to be searched for is searched for nowhere.
        let Ok(find) = Find::parse(&format!("path:\"{path}\" method:{}", row.method)) else { return Ok(Vec::new()) };
        let wished = RequestQuery { find, traced: Traced::Only, limit: ALIKE_MAX, ..RequestQuery::default() };
        let Some(query) = self.within(wished) else { return Ok(Vec::new()) };
        let found = self.shelf.requests.page(query).await?.items;
        let key = |row: &RequestRow| (row.path.clone(), row.host.clone(), row.method.clone(), row.status);
        let mut seen = HashSet::from([own]);
        let alike = found.iter().filter(|other| key(other) == key(row)).filter_map(|other| other.trace);
        Ok(alike.filter(|trace| seen.insert(*trace)).take(RUNS_MAX - 1).collect())
    }
}

/// The request that a trace is about: the first for a page, else the first.
fn about(rows: &[RequestRow]) -> Option<&RequestRow> {
    rows.iter().find(|row| &*row.destination == "document").or_else(|| rows.first())
}

/// What is known beside the spans; of a trace without a request, what they say.
fn facts<'a>(row: Option<&'a RequestRow>, trace: &'a crate::rules::reading::Trace) -> Facts<'a> {
    let entry = trace.entry();
    let span = entry.map(|entry| &trace.spans[entry]);
    Facts {
        status: row.map(|row| row.status).or_else(|| span?.status).unwrap_or_default(),
        cache: row.map(|row| &*row.cache.status),
        error: row.map_or_else(|| span.map_or("", |span| &span.error), |row| &row.error),
        first_byte: row.and_then(|row| row.first_byte),
        duration: row.map_or_else(|| entry.map_or(0, |entry| trace.length(entry)), |row| row.duration),
        trace,
        lack: holes::lack(trace),
    }
}

fn judge(text: &str, facts: &Facts<'_>) -> Value {
    match Expect::parse(text) {
        Ok(expect) => {
            let verified = expect.verify(facts);
            let limit = expect.limit();
            json!({
                "text": text, "met": verified.result.decided(), "actual": verified.actual, "fault": null,
                "limit": limit.map(|(of, nanos)| json!({ "of": of, "us": micros(nanos) })),
            })
        }
        Err(error) => json!({
            "text": text, "met": null, "actual": "", "limit": null,
            "fault": { "message": error.message, "at": error.at },
        }),
    }
}

fn spreads(own: &[bytes::Bytes], others: &[Vec<bytes::Bytes>]) -> Option<Value> {
    // As they are shown: on one axis, or what each of them is about may differ.
    let read = |messages: &[bytes::Bytes]| {
        let Kept { trace, .. } = Kept::decode(messages).ok()?;
        let offsets = clocks::offsets(&trace);
        Some(clocks::aligned(&trace, &offsets).into_owned())
    };
    let own = read(own)?;
    let mut runs = Runs::new(&own);
    let mut count = 1;
    for other in others.iter().filter_map(|messages| read(messages)) {
        runs.add(&other);
        count += 1;
    }
    let spreads = runs.spreads();
    let told = own.spans.iter().zip(spreads).filter_map(|(span, spread)| {
        let of = spread?;
        let list = json!([of.runs, micros(of.low), micros(of.p50), micros(of.p95), micros(of.high)]);
        Some((span.id.to_string(), list))
    });
    Some(json!({ "runs": count, "spans": told.collect::<Map<_, _>>() }))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
