//! What was found, as text, JSON and files.

use std::fmt::Write as _;

use anstyle::Style;
use http::StatusCode;
use opentelemetry::trace::TraceId;
use serde_json::{Value, json};

use super::read::Complete;
use crate::{
    app::{
        print::{clean, trace as draw},
        terminal::{ERROR, FAINT, GOOD, STRONG, Styled},
    },
    console::{
        api::columns::Columns,
        export::{Export, Format, redact::Hide},
    },
    rules::{
        length::length,
        reading::{
            Trace, Work, clocks,
            expect::{Expect, Facts, Met},
            holes::{holes, lack},
            repeats::repeats,
            verdict::verdict,
        },
    },
    trace::kept::Kept,
};

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: TraceId,
    pub(super) status: StatusCode,
    pub(super) complete: Complete,
    pub(super) kept: Kept,
    /// The requests of the trace, as the API lists them.
    pub(super) requests: Vec<Value>,
}

/// What is known of the request, owned.
#[derive(Debug)]
pub(super) struct Known {
    status: u16,
    cache: Option<String>,
    error: String,
    first_byte: Option<u64>,
    duration: u64,
    lack: Option<&'static str>,
}

impl Known {
    pub(super) fn of<'a>(&'a self, trace: &'a Trace) -> Facts<'a> {
        let Self { status, first_byte, duration, lack, .. } = *self;
        Facts { status, cache: self.cache.as_deref(), error: &self.error, first_byte, duration, trace, lack }
    }
}

impl Found {
    /// What the request's row says; where there is none, what its spans say.
    pub(super) fn facts(&self) -> Known {
        let row = self.requests.first();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let nanos = |value: &Value| value.as_f64().map(nanos);
        let entry = self.kept.trace.entry();
        let length = entry.map_or(0, |entry| self.kept.trace.length(entry));
        let error = || entry.map(|entry| self.kept.trace.spans[entry].error.clone()).unwrap_or_default();
        Known {
            status: row.and_then(|row| row["status"].as_u64()?.try_into().ok()).unwrap_or(self.status.as_u16()),
            cache: row.map(|row| text(&row["cache"]["status"])),
            error: row.map_or_else(error, |row| text(&row["error"])),
            first_byte: row.and_then(|row| nanos(&row["ttfb_us"])),
            duration: row.and_then(|row| nanos(&row["dur_us"])).unwrap_or(length),
            lack: lack(&self.kept.trace),
        }
    }

    /// For a person.
    pub(super) fn text(&self, expectations: &[Expect]) -> String {
        let trace = &*clocks::aligned(&self.kept.trace, &clocks::offsets(&self.kept.trace));
        let mut text = draw(self.id, &self.kept);
        text.push('\n');
        let mut line = |style: Style, line: String| {
            // Writing to a string does not fail.
            writeln!(text, "{}", Styled(style, clean(&line))).ok();
        };
        if let Some(verdict) = verdict(trace) {
            line(STRONG, verdict.sentence);
        }
        for repeat in repeats(trace) {
            let (name, parent) = (&trace.spans[repeat.first].name, &trace.spans[repeat.parent].name);
            let fault = if repeat.work == Work::Query { "N+1: " } else { "Repeated: " };
            line(
                ERROR,
                format!("{fault}{name} ran {} times in {parent}, {} together", repeat.count, length(repeat.total)),
            );
        }
        if let Complete::Without(names) = &self.complete {
            line(FAINT, format!("Spans of {} did not come in time.", names.join(", ")));
        } else if !holes(trace).is_empty() {
            line(FAINT, "An upstream sent no spans: OpenTelemetry there would show what it did.".to_owned());
        }
        let known = self.facts();
        for expect in expectations {
            let verified = expect.verify(&known.of(trace));
            match verified.result {
                Met::Passed => line(GOOD, format!("✓ {}  ({})", expect.text(), verified.actual)),
                Met::Failed => line(ERROR, format!("✗ {}  ({})", expect.text(), verified.actual)),
                Met::Unknown => line(ERROR, format!("? {}  ({})", expect.text(), verified.actual)),
            }
        }
        text
    }

    /// For a program.
    pub(super) fn json(&self, expectations: &[Expect]) -> String {
        let mut columns = Columns::read(&self.kept, None);
        let known = self.facts();
        let verified: Vec<Value> = expectations
            .iter()
            .map(|expect| {
                let verified = expect.verify(&known.of(&self.kept.trace));
                json!({ "expect": expect.text(), "passed": verified.result.decided(), "actual": verified.actual })
            })
            .collect();
        columns.tell("state", json!(if self.complete == Complete::Yes { "done" } else { "partial" }));
        columns.tell("requests", json!(self.requests));
        columns.tell("expect", json!(verified));
        String::from_utf8_lossy(&columns.whole()).into_owned()
    }

    /// As OTLP in JSON.
    pub(super) fn otlp(&self) -> String {
        String::from_utf8_lossy(&self.export(Format::Otlp)).into_owned()
    }

    /// As one HTML file.
    pub(super) fn html(&self) -> Vec<u8> {
        self.export(Format::Html)
    }

    fn export(&self, format: Format) -> Vec<u8> {
        Export { kept: &self.kept, requests: &[] }.write(format, Hide::default())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds of a request, not negative")]
fn nanos(micros: f64) -> u64 {
    (micros * 1e3).round() as u64
}
