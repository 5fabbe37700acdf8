//! The Trace Event format (JSON object form), as Perfetto and `chrome://tracing` read it: a process for each service, and
//! within it as many threads as are needed for spans of a thread to nest. Times count from the trace's beginning, by the
//! edge's clock as far as requests and their answers tell.

use serde_json::{Value, json};

use super::{har::timestamp, object};
use crate::{
    rules::reading::{Outcome, clocks},
    trace::kept::Kept,
};

/// The most threads of a process; spans beyond share the last one.
const LANES_MAX: usize = 256;

pub(super) fn write(kept: &Kept) -> Vec<u8> {
    let trace = clocks::aligned(&kept.trace, &clocks::offsets(&kept.trace));
    // Numbers of double precision hold the time since 1970 to a quarter of a microsecond only: spans would not nest.
    let began = trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
    let mut events: Vec<Value> = Vec::new();
    for (at, process) in trace.processes.iter().enumerate() {
        let args = json!({ "name": process.service });
        events.push(json!({ "name": "process_name", "ph": "M", "pid": number(at), "tid": number(0), "args": args }));
    }
    let mut lanes: Vec<Vec<Vec<u64>>> = vec![Vec::new(); trace.processes.len()];
    let mut order: Vec<usize> = (0..trace.spans.len()).collect();
    // Of two that begin at once the longer one lies around the other.
    order.sort_by_key(|index| (trace.spans[*index].start, std::cmp::Reverse(trace.spans[*index].end)));
    for index in order {
        let span = &trace.spans[index];
        let Some(origin) = kept.span(index) else { continue };
        let (pid, tid) = (number(span.process), number(lane(&mut lanes[span.process], span.start, span.end)));
        let category = if span.stage.is_empty() { "app" } else { &span.stage };
        let mut args = object(&origin.span.attributes);
        args["span.id"] = json!(span.id.to_string());
        args["status"] = json!(if span.outcome == Outcome::Failed { "error" } else { "ok" });
        events.push(json!({
            "name": span.name, "cat": category, "ph": "X", "pid": pid, "tid": tid,
            "ts": micros(span.start - began), "dur": micros(trace.length(index)), "args": args,
        }));
        for event in &origin.span.events {
            // As far into the span as its own clock says.
            let into = event.time_unix_nano.saturating_sub(origin.span.start_time_unix_nano);
            events.push(json!({
                "name": event.name, "cat": category, "ph": "i", "s": "t", "pid": pid, "tid": tid,
                "ts": micros((span.start - began).saturating_add(into)), "args": object(&event.attributes),
            }));
        }
    }
    let other = json!({ "trace_id": kept.id().to_string(), "began": timestamp(began) });
    let whole = json!({ "traceEvents": events, "displayTimeUnit": "ms", "otherData": other });
    serde_json::to_vec(&whole).unwrap_or_default()
}

/// From 1: viewers take process and thread 0 for the idle one.
fn number(at: usize) -> usize {
    at + 1
}

/// The first lane in which a span lies beside or within what is there. A lane is a stack of ends.
fn lane(lanes: &mut Vec<Vec<u64>>, start: u64, end: u64) -> usize {
    for (number, open) in lanes.iter_mut().enumerate() {
        while open.last().is_some_and(|last| *last <= start) {
            open.pop();
        }
        if open.last().is_none_or(|last| end <= *last) {
            open.push(end);
            return number;
        }
    }
    if lanes.len() >= LANES_MAX {
        return LANES_MAX - 1;
    }
    lanes.push(vec![end]);
    lanes.len() - 1
}

#[expect(clippy::cast_precision_loss, reason = "the format has numbers of double precision")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}
