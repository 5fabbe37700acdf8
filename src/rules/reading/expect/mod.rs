//! What a trace is expected to be, as a command line says it: `status=200`, `ttfb<200ms`, `cache=hit`,
//! `error=none`, `spans(name=db.query)<10`, `span(route).duration<5ms`.
//!
//! ```text
//! expectation = subject compare value
//! subject     = "status" | "cache" | "error" | "ttfb" | "duration"
//!             | "spans" [ "(" filter *( "," filter ) ")" ]
//!             | "span(" name ")." ( "duration" | "status" )
//! filter      = ( "name" | "service" | "kind" | "stage" | "status" ) "=" pattern
//! compare     = "=" | "!=" | "<" | "<=" | ">" | ">="
//! ```
//! A name or a pattern may hold `*` for anything, and be quoted. A length has a unit: `us`, `ms`, `s`, `m`.

mod parse;

pub use parse::ExpectError;

use super::{Outcome, Trace};
use crate::rules::{find::Pattern, length::length};

/// One expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    text: String,
    subject: Subject,
    compare: Compare,
    value: Value,
}

#[derive(Clone, Debug, PartialEq)]
enum Subject {
    Status,
    Cache,
    Error,
    FirstByte,
    Duration,
    Spans(Vec<Filter>),
    SpanDuration(Pattern),
    SpanStatus(Pattern),
}

#[derive(Clone, Debug, PartialEq)]
struct Filter {
    field: Field,
    pattern: Pattern,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Service,
    Kind,
    Stage,
    Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(u64),
    Nanos(u64),
    Word(String),
}

/// What is known of a request beside its spans.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The status answered with; 0 for none.
    pub status: u16,
    /// The cache's decision; empty where none was asked.
    pub cache: &'a str,
    /// Why it failed; empty if it did not.
    pub error: &'a str,
    /// From the request's head to the first octet of the response, in nanoseconds.
    pub first_byte: Option<u64>,
    /// The length of the request, in nanoseconds.
    pub duration: u64,
    /// The spans.
    pub trace: &'a Trace,
}

/// How an expectation fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether it is as expected.
    pub result: Met,
    /// What was found.
    pub actual: String,
}

/// Whether an expectation was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It was.
    Passed,
    /// It was not.
    Failed,
}

impl Expect {
    /// Reads an expectation.
    ///
    /// # Errors
    /// It is none; the error points at the place.
    pub fn parse(text: &str) -> Result<Self, ExpectError> {
        parse::expect(text)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The length that the request's first octet (`ttfb`), or all of it (`duration`), is compared with, in nanoseconds.
    pub fn limit(&self) -> Option<(&'static str, u64)> {
        match (&self.subject, &self.value) {
            (Subject::FirstByte, Value::Nanos(nanos)) => Some(("ttfb", *nanos)),
            (Subject::Duration, Value::Nanos(nanos)) => Some(("duration", *nanos)),
            _ => None,
        }
    }

    /// Compares it with what is there. What is not there meets nothing.
    pub fn verify(&self, facts: &Facts<'_>) -> Verified {
        let (met, actual) = match &self.subject {
            Subject::Status => self.number(u64::from(facts.status)),
            Subject::Cache => self.word(facts.cache),
            Subject::Error => self.word(facts.error),
            Subject::Duration => self.nanos(facts.duration),
            Subject::FirstByte => match facts.first_byte {
                Some(nanos) => self.nanos(nanos),
                None => (false, "no upstream answered".to_owned()),
            },
            Subject::Spans(filters) => {
                let is_meant = |index: &usize| filters.iter().all(|filter| filter.matches(facts.trace, *index));
                self.number((0..facts.trace.spans.len()).filter(is_meant).count() as u64)
            }
            Subject::SpanDuration(name) => self.every(facts.trace, name, |index| {
                // A browser ends these when nothing happens any more.
                if facts.trace.ends_by_inactivity(index) {
                    return None;
                }
                let nanos = facts.trace.length(index);
                Some((nanos, self.nanos(nanos)))
            }),
            Subject::SpanStatus(name) => self.every(facts.trace, name, |index| {
                let (failed, word) = status(facts.trace, index);
                Some((failed, self.word(word)))
            }),
        };
        Verified { result: if met { Met::Passed } else { Met::Failed }, actual }
    }

    /// All spans of a name must meet it, of which `verify` tells something; the first that does not is told, else the one
    /// with the greatest measure.
    fn every<T: Ord>(
        &self,
        trace: &Trace,
        name: &Pattern,
        verify: impl Fn(usize) -> Option<(T, (bool, String))>,
    ) -> (bool, String) {
        let named = (0..trace.spans.len()).filter(|index| {
            let span = &trace.spans[*index];
            name.is_like(&span.name) || name.is_like(&span.stage)
        });
        let mut named = named.peekable();
        let is_there = named.peek().is_some();
        let told = named.filter_map(verify).max_by(|a, b| (!a.1.0, &a.0).cmp(&(!b.1.0, &b.0)));
        let none = if is_there { "the length of a page load says nothing" } else { "there is no such span" };
        told.map_or_else(|| (false, none.to_owned()), |(_, told)| told)
    }

    fn number(&self, actual: u64) -> (bool, String) {
        let met = match &self.value {
            Value::Number(wished) => self.compare.holds(actual.cmp(wished)),
            Value::Nanos(_) | Value::Word(_) => false,
        };
        (met, actual.to_string())
    }

    fn nanos(&self, actual: u64) -> (bool, String) {
        let met = match &self.value {
            Value::Nanos(wished) => self.compare.holds(actual.cmp(wished)),
            Value::Number(_) | Value::Word(_) => false,
        };
        (met, length(actual))
    }

    fn word(&self, actual: &str) -> (bool, String) {
        let actual = if actual.is_empty() { "none" } else { actual };
        let met = match &self.value {
            Value::Word(wished) => self.compare.holds(actual.to_ascii_lowercase().cmp(&wished.to_ascii_lowercase())),
            Value::Number(_) | Value::Nanos(_) => false,
        };
        (met, actual.to_owned())
    }
}

impl Compare {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::More => order.is_gt(),
            Self::MoreOrEqual => order.is_ge(),
        }
    }
}

impl Filter {
    fn matches(&self, trace: &Trace, index: usize) -> bool {
        let span = &trace.spans[index];
        match self.field {
            Field::Name => self.pattern.is_like(&span.name),
            Field::Service => self.pattern.is_like(trace.service(index)),
            Field::Kind => self.pattern.is_like(&format!("{:?}", span.kind)),
            Field::Stage => self.pattern.is_like(&span.stage),
            Field::Status => self.pattern.is_like(status(trace, index).1),
        }
    }
}

/// Whether a span failed, and the word for it.
fn status(trace: &Trace, index: usize) -> (bool, &'static str) {
    match trace.spans[index].outcome {
        Outcome::Failed => (true, "error"),
        Outcome::Fine => (false, "ok"),
    }
}

#[cfg(test)]
mod tests;
