//! Web vitals of page loads, as marks on the time axis: what the browser wrote down in attributes of the page load and of
//! the spans for single vitals, under the names that Sentry's conventions give them (`browser.web_vital.lcp.value`,
//! milliseconds after the page load began). A size without a moment, as CLS has, comes without one; a browser tells it again
//! when it has become worse, and the worst of a page load counts.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::micros;
use crate::{
    rules::reading::Trace,
    trace::kept::{Kept, attribute},
};

/// The vitals: their names, the highest value that is good, and the lowest that is poor.
const VITALS: [(&str, f64, f64); 5] = [
    ("TTFB", 800.0, 1800.0),
    ("FCP", 1800.0, 3000.0),
    ("LCP", 2500.0, 4000.0),
    ("INP", 200.0, 500.0),
    ("CLS", 0.1, 0.25),
];
/// The most marks: a trace may have many page loads.
const MARKS_MAX: usize = 200;

/// The vitals of a trace that begins at `began`, in nanoseconds.
pub(super) fn vitals(kept: &Kept, trace: &Trace, began: u64) -> Vec<Value> {
    let mut marks: Vec<Value> = Vec::new();
    // Where the worst value of a page load stands.
    let mut worst: HashMap<(Option<usize>, &str), (f64, usize)> = HashMap::new();
    for row in &trace.rows {
        let span = &trace.spans[row.index];
        let is_load = span.stage == "pageload";
        let is_vital = ["ui.webvital.", "ui.interaction."].iter().any(|prefix| span.stage.starts_with(prefix));
        if !trace.ends_by_inactivity(row.index) && !is_vital {
            continue;
        }
        let Some(origin) = kept.span(row.index) else { continue };
        // A vital's own span hangs under its page load, which its value is counted from.
        let load = if is_load { Some(row.index) } else { trace.parent(row.index) };
        let from = load.map_or(span.start, |load| trace.spans[load].start);
        for (name, good, poor) in VITALS {
            let key = format!("browser.web_vital.{}.value", name.to_lowercase());
            let value = attribute(&origin.span.attributes, &key).and_then(|value| value.parse::<f64>().ok());
            let Some(value) = value.filter(|value| value.is_finite() && *value >= 0.0) else { continue };
            if marks.len() == MARKS_MAX {
                return marks;
            }
            let rating = if value <= good {
                "good"
            } else if value < poor {
                "needs-improvement"
            } else {
                "poor"
            };
            let is_moment = matches!(name, "TTFB" | "FCP" | "LCP");
            let at = is_moment.then(|| json!(micros_of(from.saturating_sub(began)) + value * 1e3));
            let mark =
                json!({ "name": name, "value": value, "rating": rating, "at_us": at, "span": span.id.to_string() });
            match worst.get(&(load, name)).filter(|_| !is_moment) {
                Some((known, _)) if *known >= value => {}
                Some((_, place)) => {
                    marks[*place] = mark;
                    worst.insert((load, name), (value, *place));
                }
                None => {
                    worst.insert((load, name), (value, marks.len()));
                    marks.push(mark);
                }
            }
        }
    }
    marks
}

fn micros_of(nanos: u64) -> f64 {
    micros(nanos).as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests;
