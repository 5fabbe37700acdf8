//! A trace in columns: each field of all its spans as one list, and every text once, in a table. A long trace is written
//! in pieces, so that its reader begins before it is whole.

mod notes;
mod since;
mod vitals;

use std::{collections::HashMap, fmt::Write as _, thread};

use bytes::Bytes;
use foldhash::quality::RandomState;
use opentelemetry::trace::{SpanId, SpanKind};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use serde_json::{Value, json};

use crate::{
    body::{Gone, Pipe},
    rules::reading::{
        Maker, Outcome, Trace, Work,
        clocks::{self, Offset},
        holes, network, path, repeats, verdict,
    },
    trace::{
        encode,
        kept::{Kept, attribute},
    },
};

/// Made by the edge.
const EDGE: u32 = 1;
/// Made by a browser.
const BROWSER: u32 = 2;
/// Its parent is not here.
const ORPHAN: u32 = 4;
/// On the critical path.
const CRITICAL: u32 = 8;
/// It has events.
const EVENTS: u32 = 16;
/// It has links.
const LINKS: u32 = 32;
/// Spans of an app are missing below it.
const HOLE: u32 = 64;
/// A query of a database.
const QUERY: u32 = 128;
/// A call of another service.
const CALL: u32 = 256;
/// Says that it ended before it began.
const BACKWARDS: u32 = 512;

/// Octets of one piece, about.
const PIECE_BYTES: usize = 64 * 1024;
/// The words of so many spans are looked for by a thread of their own.
const LONG_SPANS: usize = 5_000;
/// Stretches of the critical path that are listed; the flag of a span says it of all.
const CRITICAL_MAX: usize = 2_000;
/// Requests of browsers whose way is listed.
const NETWORK_MAX: usize = 2_000;
/// Events of spans whose times are listed; all of them stand with their span.
const EVENTS_MAX: usize = 10_000;

/// A trace, ready to be written.
#[derive(Debug)]
pub struct Columns {
    /// What stands before the columns.
    head: Value,
    /// When the trace began, in nanoseconds since the Unix epoch.
    began: u64,
    strings: Vec<String>,
    rows: Vec<Line>,
}

/// One span: texts by their place in the table.
#[derive(Clone, Debug)]
struct Line {
    /// Its place among the spans, in the order in which they came.
    index: usize,
    /// Its row.
    place: usize,
    id: SpanId,
    parent: SpanId,
    kind: SpanKind,
    words: Words,
    /// Nanoseconds after the trace's beginning.
    start: u64,
    length: u64,
    own: u64,
    outcome: Outcome,
    flags: u32,
    /// Its events, as far as they are listed: when after the trace's beginning, and their names.
    events: Vec<(u64, usize)>,
}

/// The texts that every span has, by their place in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Words {
    name: usize,
    service: usize,
    stage: usize,
    note: usize,
    tag: usize,
}

impl Columns {
    /// The columns of spans as they are, and nothing more: for those that arrive one by one.
    pub fn bare(kept: &Kept) -> Self {
        Self::of(kept, &kept.trace, &Walked::of(&kept.trace), (json!({}), Told::all(kept)))
    }

    /// The whole trace, its times by the edge's clock, with what reading it tells.
    pub fn read(kept: &Kept, receiver: Option<&str>) -> Self {
        thread::scope(|scope| {
            // What spans say themselves needs none of what they say together.
            let begin = || thread::Builder::new().spawn_scoped(scope, || Told::all(kept)).ok();
            let words = if kept.trace.spans.len() >= LONG_SPANS { begin() } else { None };
            let offsets = clocks::offsets(&kept.trace);
            let trace = clocks::aligned(&kept.trace, &offsets);
            let walked = Walked::of(&trace);
            let head = reading(&trace, &walked, &offsets, receiver);
            let told = words.and_then(|words| words.join().ok()).unwrap_or_else(|| Told::all(kept));
            Self::of(kept, &trace, &walked, (head, told))
        })
    }

    fn of(kept: &Kept, trace: &Trace, walked: &Walked, (mut head, told): (Value, Told)) -> Self {
        let began = trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
        head["trace_id"] = json!(kept.id().to_string());
        head["start_us"] = micros(began);
        let mut flags = vec![0; trace.spans.len()];
        walked.path.iter().for_each(|stretch| flags[stretch.span] |= CRITICAL);
        walked.holes.iter().for_each(|hole| flags[hole.span] |= HOLE);
        let Told { texts, mut spans } = told;
        let rows = trace.rows.iter().enumerate().map(|(place, row)| {
            let span = &trace.spans[row.index];
            let told = std::mem::take(&mut spans[row.index]);
            // By the clock of its span, which may have been moved as a whole.
            let at = |after: u64| span.start.saturating_add(after).saturating_sub(began);
            let events = told.events.into_iter().map(|(after, name)| (at(after), name)).collect();
            let maker = match trace.maker(row.index) {
                Maker::Edge => EDGE,
                Maker::Browser => BROWSER,
                Maker::App => 0,
            };
            let orphan = span.parent != SpanId::INVALID && trace.parent(row.index).is_none();
            let flag = |is: bool, flag| if is { flag } else { 0 };
            let more = flag(orphan, ORPHAN)
                | flag(span.work == Work::Query, QUERY)
                | flag(span.work == Work::Call, CALL)
                | flag(span.end < span.start, BACKWARDS);
            Line {
                index: row.index,
                place,
                id: span.id,
                parent: span.parent,
                kind: span.kind.clone(),
                words: told.words,
                start: span.start - began,
                length: trace.length(row.index),
                own: row.own,
                outcome: span.outcome,
                flags: flags[row.index] | told.flags | maker | more,
                events,
            }
        });
        let rows = rows.collect();
        head["vitals"] = json!(vitals::vitals(kept, trace, began));
        Self { head, began, strings: texts.list, rows }
    }

    /// Adds a field before the columns.
    pub fn tell(&mut self, key: &str, value: Value) {
        self.head[key] = value;
    }

    /// Writes everything into `pipe`, piece by piece.
    ///
    /// # Errors
    /// The reader is gone.
    pub async fn write(&self, pipe: &Pipe) -> Result<(), Gone> {
        for piece in self.pieces() {
            pipe.send(piece.into()).await?;
        }
        Ok(())
    }

    /// Everything at once: for few spans.
    pub fn whole(&self) -> Bytes {
        self.pieces().collect::<String>().into()
    }

    fn pieces(&self) -> Pieces<'_> {
        Pieces { columns: self, column: None, row: 0 }
    }

    /// Up to the first column: the head's fields, events, the table of texts.
    fn opening(&self) -> String {
        let head = self.head.to_string();
        let head = head.strip_suffix('}').unwrap_or(&head);
        let comma = if head.len() > 1 { "," } else { "" };
        let of =
            |row: &Line| row.events.iter().map(|(at, name)| json!([row.place, micros(*at), name])).collect::<Vec<_>>();
        let events: Vec<Value> = self.rows.iter().flat_map(of).collect();
        format!("{head}{comma}\"events\":{},\"strings\":{},\"spans\":{{", json!(events), json!(self.strings))
    }
}

/// What spans say themselves.
#[derive(Debug)]
struct Told {
    texts: Texts,
    /// By their place among the spans.
    spans: Vec<ToldOfSpan>,
}

#[derive(Clone, Debug, Default)]
struct ToldOfSpan {
    words: Words,
    flags: u32,
    /// Events, as far as they are listed: when after the span's beginning, and their names.
    events: Vec<(u64, usize)>,
}

impl Told {
    fn all(kept: &Kept) -> Self {
        let trace = &kept.trace;
        let mut told = Self { texts: Texts::default(), spans: vec![ToldOfSpan::default(); trace.spans.len()] };
        let mut listed = 0;
        for row in &trace.rows {
            let span = &trace.spans[row.index];
            let origin = kept.span(row.index).map(|origin| origin.span);
            let of = |key: &str| attribute(origin.map_or(&[][..], |span| &span.attributes), key);
            let texts = &mut told.texts;
            let made = origin.map_or(&[][..], |origin| &origin.events);
            let began = origin.map_or(0, |span| span.start_time_unix_nano);
            let event = |event: &Event| (event.time_unix_nano.saturating_sub(began), texts.place(&event.name));
            let events: Vec<_> = made.iter().take(EVENTS_MAX - listed).map(event).collect();
            listed += events.len();
            let words = Words {
                name: texts.place(&span.name),
                service: texts.place(trace.service(row.index)),
                stage: texts.place(&span.stage),
                note: texts.place(&notes::note(&span.stage, &span.name, &of)),
                tag: texts.place(&notes::tag(span.status, &of)),
            };
            let has_links = origin.is_some_and(|span| !span.links.is_empty());
            let flags = if made.is_empty() { 0 } else { EVENTS } | if has_links { LINKS } else { 0 };
            told.spans[row.index] = ToldOfSpan { words, flags, events };
        }
        told
    }
}

/// The text in pieces: what stands before the columns, then some [`PIECE_BYTES`] at a time.
struct Pieces<'a> {
    columns: &'a Columns,
    /// The column that comes next; none was begun yet.
    column: Option<usize>,
    /// Its row that comes next.
    row: usize,
}

impl Iterator for Pieces<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let Some(mut column) = self.column else {
            self.column = Some(0);
            return Some(self.columns.opening());
        };
        let mut text = String::with_capacity(PIECE_BYTES);
        while let Some((name, write)) = COLUMNS.get(column) {
            if self.row == 0 {
                text.push_str(if column == 0 { "" } else { "," });
                put(&mut text, format_args!("\"{name}\":["));
            }
            for row in self.columns.rows.get(self.row..).unwrap_or_default() {
                text.push_str(if self.row == 0 { "" } else { "," });
                write(&mut text, row);
                self.row += 1;
                if text.len() >= PIECE_BYTES {
                    return Some(text);
                }
            }
            text.push(']');
            (column, self.row) = (column + 1, 0);
            self.column = Some(column);
            if column == COLUMNS.len() {
                text.push_str("}}");
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

type Write = fn(&mut String, &Line);

/// The columns, by name.
const COLUMNS: &[(&str, Write)] = &[
    ("id", |text, row| put(text, format_args!("\"{}\"", row.id))),
    ("parent", |text, row| match row.parent {
        SpanId::INVALID => text.push_str("null"),
        parent => put(text, format_args!("\"{parent}\"")),
    }),
    ("name", |text, row| put(text, row.words.name)),
    ("kind", |text, row| put(text, encode::kind(&row.kind))),
    ("svc", |text, row| put(text, row.words.service)),
    ("stage", |text, row| put(text, row.words.stage)),
    ("note", |text, row| put(text, row.words.note)),
    ("tag", |text, row| put(text, row.words.tag)),
    ("start_us", |text, row| decimal(text, row.start)),
    ("dur_us", |text, row| decimal(text, row.length)),
    ("own_us", |text, row| decimal(text, row.own)),
    ("status", |text, row| text.push(if row.outcome == Outcome::Failed { '2' } else { '0' })),
    ("flags", |text, row| put(text, row.flags)),
];

/// The table of texts.
#[derive(Debug, Default)]
struct Texts {
    list: Vec<String>,
    places: HashMap<String, usize, RandomState>,
}

impl Texts {
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.list.len();
        self.list.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}

/// What all of a trace has to be walked through for; once.
struct Walked {
    entry: Option<usize>,
    path: Vec<path::Stretch>,
    holes: Vec<holes::Hole>,
}

impl Walked {
    fn of(trace: &Trace) -> Self {
        let entry = trace.entry();
        let path = entry.map_or_else(Vec::new, |entry| path::critical_path(trace, entry));
        Self { entry, path, holes: holes::holes(trace) }
    }
}

/// What reading a trace tells, beside its spans.
fn reading(trace: &Trace, walked: &Walked, offsets: &[Option<Offset>], receiver: Option<&str>) -> Value {
    let clock = |(process, offset): (&crate::rules::reading::Process, &Option<Offset>)| {
        offset.filter(|offset| offset.samples > 0).map(|offset| {
            json!({
                "svc": process.service, "maker": maker(process.maker), "instance": process.instance,
                "offset_us": signed_micros(offset.nanos), "err_us": micros(offset.error),
                "samples": offset.samples, "contradictions": offset.contradictions,
            })
        })
    };
    let clocks: Vec<Value> = trace.processes.iter().zip(offsets).filter_map(clock).collect();
    let browser = clocks.iter().find(|clock| clock["maker"] == "browser").cloned();
    let id = |index: usize| trace.spans[index].id.to_string();
    let began = trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
    let stretch =
        |stretch: &path::Stretch| json!([id(stretch.span), micros(stretch.from - began), micros(stretch.length())]);
    let critical: Vec<Value> = walked.path.iter().take(CRITICAL_MAX).map(stretch).collect();
    let repeat = |repeat: &repeats::Repeat| {
        json!({
            "parent": id(repeat.parent), "first": id(repeat.first), "name": trace.spans[repeat.first].name,
            "count": repeat.count, "total_us": micros(repeat.total),
            "query": repeat.work == Work::Query,
        })
    };
    let way = |way: &network::Network| {
        json!([id(way.browser), id(way.edge), micros(way.out), micros(way.back), micros(way.error)])
    };
    let hole = |hole: &holes::Hole| json!({ "span": id(hole.span), "mend": receiver.map(holes::mend) });
    json!({
        "entry": walked.entry.map(id),
        "clock": browser,
        "clocks": clocks,
        "verdict": walked.entry.map(|entry| verdict::along(trace, entry, &walked.path)).map(|verdict| json!({
            "sentence": verdict.sentence,
            "total_us": micros(verdict.total),
            "parts": verdict.parts.iter().map(|part| json!({
                "kind": part.culprit.word(), "svc": part.culprit.service(), "us": micros(part.nanos),
            })).collect::<Vec<_>>(),
        })),
        "network": network::network(trace, offsets).iter().take(NETWORK_MAX).map(way).collect::<Vec<_>>(),
        "critical": critical,
        "repeats": repeats::repeats(trace).iter().map(repeat).collect::<Vec<_>>(),
        "holes": walked.holes.iter().map(hole).collect::<Vec<_>>(),
    })
}

/// The web vitals of a trace.
pub fn vitals_of(kept: &Kept) -> Vec<Value> {
    let began = kept.trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
    vitals::vitals(kept, &kept.trace, began)
}

/// The word for who makes spans.
pub fn maker(maker: Maker) -> &'static str {
    match maker {
        Maker::Edge => "edge",
        Maker::App => "app",
        Maker::Browser => "browser",
    }
}

/// Nanoseconds as microseconds, exact to the nanosecond.
pub fn micros(nanos: u64) -> Value {
    if nanos.is_multiple_of(1000) { json!(nanos / 1000) } else { json!(fraction(nanos)) }
}

fn signed_micros(nanos: i64) -> Value {
    if nanos < 0 { json!(-fraction(nanos.unsigned_abs())) } else { micros(nanos.unsigned_abs()) }
}

#[expect(clippy::cast_precision_loss, reason = "below a microsecond only, and of what is short")]
fn fraction(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

fn put(text: &mut String, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    write!(text, "{value}").ok();
}

fn decimal(text: &mut String, nanos: u64) {
    write!(text, "{}", nanos / 1000).ok();
    if !nanos.is_multiple_of(1000) {
        let digits = format!(".{:03}", nanos % 1000);
        text.push_str(digits.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests;
