use opentelemetry_proto::tonic::trace::v1::{Span, span::Event};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::console::export::testing::{MS, kept, span};

/// A row as its reader knows it: every field by its name, texts as texts, and the span's events.
type Told = Vec<(String, Value)>;

fn parsed(columns: &Columns) -> Value {
    serde_json::from_slice(&columns.whole()).unwrap()
}

fn rows(told: &Value) -> Vec<Told> {
    let spans = told["spans"].as_object().unwrap();
    let count = spans["id"].as_array().unwrap().len();
    let text = |at: &Value| told["strings"][usize::try_from(at.as_u64().unwrap()).unwrap()].clone();
    let value = |name: &str, value: &Value| match name {
        "name" | "svc" | "stage" | "note" | "tag" => text(value),
        _ => value.clone(),
    };
    (0..count)
        .map(|row| spans.iter().map(|(name, column)| (name.clone(), value(name, &column[row]))).collect())
        .collect()
}

fn events(told: &Value) -> Vec<(u64, f64, String)> {
    let event = |event: &Value| {
        let name = usize::try_from(event[2].as_u64().unwrap()).unwrap();
        (event[0].as_u64().unwrap(), event[1].as_f64().unwrap(), told["strings"][name].to_string())
    };
    told["events"].as_array().unwrap().iter().map(event).collect()
}

/// What a reader who has `before` makes of an answer.
fn merged(before: &Value, told: &Value) -> (Vec<Told>, Vec<(u64, f64, String)>) {
    let shift = told["since"]["shift_us"].as_f64().unwrap();
    let (old, mut fresh) = (rows(before), rows(told).into_iter());
    let (mut all, mut happened) = (Vec::new(), events(told));
    for run in told["since"]["kept"].as_array().unwrap() {
        let [at, from, count] = [0, 1, 2].map(|part| usize::try_from(run[part].as_u64().unwrap()).unwrap());
        all.extend(fresh.by_ref().take(at - all.len()));
        for mut row in old[from..from + count].iter().cloned() {
            for (_, start) in row.iter_mut().filter(|(name, _)| name == "start_us") {
                *start = json!(start.as_f64().unwrap() + shift);
            }
            all.push(row);
        }
        let within = |(row, time, name): (u64, f64, String)| {
            let row = usize::try_from(row).unwrap();
            (from..from + count).contains(&row).then(|| ((row - from + at) as u64, time + shift, name))
        };
        happened.extend(events(before).into_iter().filter_map(within));
    }
    all.extend(fresh);
    happened.sort_by_key(|event| event.0);
    (all, happened)
}

/// Numbers as numbers, whole or not.
fn plain(rows: Vec<Told>) -> Vec<Told> {
    let plain = |(name, value): (String, Value)| (name, value.as_f64().map_or(value, |number| json!(number)));
    rows.into_iter().map(|row| row.into_iter().map(plain).collect()).collect()
}

fn assert_same(spans: &[Span], then: usize) -> Option<usize> {
    let before = Columns::read(&kept(spans[..then].to_vec()), None);
    let now = Columns::read(&kept(spans.to_vec()), None);
    let since = now.since(&before, "1-2")?;
    let told = parsed(&since);
    assert_eq!(told["since"]["version"], "1-2");
    let (all, happened) = merged(&parsed(&before), &told);
    assert_eq!(plain(all), plain(rows(&parsed(&now))));
    assert_eq!(happened, events(&parsed(&now)));
    Some(since.rows.len())
}

#[test]
fn what_is_new_is_told_alone() {
    let mut spans = vec![span((1, 0), "GET /", (0, 1000))];
    spans.extend((2..1002).map(|id| span((id, 1), "step", (id / 10, id / 10 + 900))));
    spans.push(span((2000, 500), "late", (60, 70)));
    // The new one, and the one below which it stands, which has less time of its own now.
    assert_eq!(assert_same(&spans, 1001), Some(2));
    assert_eq!(assert_same(&spans, 1002), Some(0), "nothing came");
}

#[test]
fn an_earlier_beginning_moves_all_and_sends_none_again() {
    let mut spans: Vec<_> = (1..100).map(|id| span((id, 0), "step", (50, 60))).collect();
    spans.push(span((100, 0), "before", (0, 10)));
    // The first one was what the trace was about.
    assert!(assert_same(&spans, 99).unwrap() <= 2);
}

#[test]
fn rows_that_only_move_are_not_sent_again() {
    // Ten that wait for their parent, each with ten below it, and others before and behind them.
    let mut spans = vec![span((1, 0), "GET /", (0, 1000))];
    spans.extend((0..10).map(|at| span((10 + at, 99), "waits", (500, 600))));
    spans.extend((0..100).map(|at| span((100 + at, 10 + at % 10), "below", (510, 520))));
    spans.push(span((99, 1), "the parent", (400, 700)));
    let sent = assert_same(&spans, 111).unwrap();
    assert!(sent < 15, "the parent, what is above it, those that have a parent now, and who is waited for: {sent}");
}

#[test]
fn what_is_another_for_the_most_part_is_told_as_a_whole() {
    let mut spans: Vec<_> = (1..10).map(|id| span((id, 0), "step", (50, 60))).collect();
    spans.extend((10..100).map(|id| span((id, 0), "more", (70, 80))));
    assert_eq!(assert_same(&spans, 9), None);
}

/// Whatever comes, in whatever order, from whoever means harm.
fn some_span() -> impl Strategy<Value = Span> {
    (1_u64..12, 0_u64..14, 0_u64..100, 0_u64..60, 0_usize..3).prop_map(|(id, parent, start, length, events)| {
        let mut span = span((id, parent), ["a", "b", "GET /"][events], (start, start + length));
        span.end_time_unix_nano -= if length == 13 { 40 * MS } else { 0 };
        let event = |at: u64| Event {
            time_unix_nano: span.start_time_unix_nano + at * MS,
            name: format!("e{at}"),
            ..Event::default()
        };
        span.events = (0..events as u64).map(event).collect();
        span
    })
}

proptest! {
    #[test]
    fn who_has_the_beginning_has_all_of_it(spans in proptest::collection::vec(some_span(), 1..60), then in 1_usize..60) {
        assert_same(&spans, then.min(spans.len()));
    }
}
