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
//!
//! Where spans are missing ([`super::holes::lack`]), what the missing ones could change is not decided: a check must not
//! pass because an app's spans never came.

mod parse;

pub use parse::ExpectError;

use super::{Maker, Outcome, Trace};
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
    /// The cache's decision; empty where none was asked, `None` where that is not known.
    pub cache: Option<&'a str>,
    /// Why it failed; empty if it did not.
    pub error: &'a str,
    /// From the request's head to the first octet of the upstream's response, in nanoseconds; `None` where none answered.
    pub first_byte: Option<u64>,
    /// The length of the request, in nanoseconds.
    pub duration: u64,
    /// The spans.
    pub trace: &'a Trace,
    /// Which spans are missing, in words; `None` where nothing says that any are.
    pub lack: Option<&'static str>,
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
    /// That cannot be told: what would decide it is missing.
    Unknown,
}

/// What was found, and what that says.
type Found = (Met, String);

impl Met {
    const fn of(is_met: bool) -> Self {
        if is_met { Self::Passed } else { Self::Failed }
    }

    /// Yes, no, or `None` where that cannot be told.
    pub const fn decided(self) -> Option<bool> {
        match self {
            Self::Passed => Some(true),
            Self::Failed => Some(false),
            Self::Unknown => None,
        }
    }
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
        let (result, actual) = match &self.subject {
            Subject::Status => self.number(u64::from(facts.status)),
            Subject::Cache => match facts.cache {
                Some(word) => self.word(word),
                None => (Met::Unknown, "no request is known that a cache was asked for".to_owned()),
            },
            Subject::Error => self.word(facts.error),
            Subject::Duration => self.nanos(facts.duration),
            Subject::FirstByte => match facts.first_byte {
                Some(nanos) => self.nanos(nanos),
                // What the edge or its cache answers by itself begins no later than it ends.
                None if facts.error.is_empty() && facts.status != 0 => self.nanos(facts.duration),
                None => (Met::Failed, "no upstream answered".to_owned()),
            },
            Subject::Spans(filters) => self.count(facts, filters),
            Subject::SpanDuration(name) => self.every(facts, name, |index| {
                // A browser ends these when nothing happens any more.
                if facts.trace.ends_by_inactivity(index) {
                    return None;
                }
                let nanos = facts.trace.length(index);
                Some((nanos, self.nanos(nanos)))
            }),
            Subject::SpanStatus(name) => self.every(facts, name, |index| {
                let (failed, word) = status(facts.trace, index);
                Some((failed, self.word(word)))
            }),
        };
        Verified { result, actual }
    }

    /// How many spans there are. Where some are missing there are at least so many: that decides what more of them would
    /// not change.
    fn count(&self, facts: &Facts<'_>, filters: &[Filter]) -> Found {
        let is_meant = |index: &usize| filters.iter().all(|filter| filter.matches(facts.trace, *index));
        let count = (0..facts.trace.spans.len()).filter(is_meant).count() as u64;
        let (met, actual) = self.number(count);
        let is_of_edge =
            filters.iter().any(|filter| filter.field == Field::Stage && is_of_edge(facts.trace, &filter.pattern));
        match facts.lack.filter(|_| !is_of_edge) {
            Some(lack) if !self.is_final(count, met) => (Met::Unknown, format!("{actual} so far: {lack}")),
            _ => (met, actual),
        }
    }

    /// Whether more spans would change nothing.
    fn is_final(&self, count: u64, met: Met) -> bool {
        match self.compare {
            Compare::Less | Compare::LessOrEqual => met == Met::Failed,
            Compare::More | Compare::MoreOrEqual => met == Met::Passed,
            Compare::Equal | Compare::Unequal => matches!(self.value, Value::Number(wished) if count > wished),
        }
    }

    /// All spans of a name must meet it, of which `verify` tells something; the first that does not is told, else the one
    /// with the greatest measure.
    fn every<T: Ord>(&self, facts: &Facts<'_>, name: &Pattern, verify: impl Fn(usize) -> Option<(T, Found)>) -> Found {
        let trace = facts.trace;
        let named = (0..trace.spans.len()).filter(|index| {
            let span = &trace.spans[*index];
            name.is_like(&span.name) || name.is_like(&span.stage)
        });
        let mut named = named.peekable();
        let is_there = named.peek().is_some();
        let failed = |found: &Found| found.0 == Met::Failed;
        let told = named.filter_map(verify).max_by(|a, b| (failed(&a.1), &a.0).cmp(&(failed(&b.1), &b.0)));
        let lack = facts.lack.filter(|_| !is_of_edge(trace, name));
        match (told, lack) {
            (Some((_, (Met::Passed, actual))), Some(lack)) => (Met::Unknown, format!("{actual} so far: {lack}")),
            (Some((_, found)), _) => found,
            (None, _) if is_there => (Met::Failed, "the length of a page load says nothing".to_owned()),
            (None, Some(lack)) => (Met::Unknown, format!("there is no such span: {lack}")),
            (None, None) => (Met::Failed, "there is no such span".to_owned()),
        }
    }

    fn number(&self, actual: u64) -> Found {
        let met = match &self.value {
            Value::Number(wished) => self.compare.holds(actual.cmp(wished)),
            Value::Nanos(_) | Value::Word(_) => false,
        };
        (Met::of(met), actual.to_string())
    }

    fn nanos(&self, actual: u64) -> Found {
        let met = match &self.value {
            Value::Nanos(wished) => self.compare.holds(actual.cmp(wished)),
            Value::Number(_) | Value::Word(_) => false,
        };
        (Met::of(met), length(actual))
    }

    fn word(&self, actual: &str) -> Found {
        let actual = if actual.is_empty() { "none" } else { actual };
        let met = match &self.value {
            Value::Word(wished) => self.compare.holds(actual.to_ascii_lowercase().cmp(&wished.to_ascii_lowercase())),
            Value::Number(_) | Value::Nanos(_) => false,
        };
        (Met::of(met), actual.to_owned())
    }
}

/// Whether a name is a stage that the edge itself was in: no app's missing spans are meant by it.
fn is_of_edge(trace: &Trace, name: &Pattern) -> bool {
    let in_stage = |index: usize| trace.maker(index) == Maker::Edge && name.is_like(&trace.spans[index].stage);
    name.is_one() && (0..trace.spans.len()).any(in_stage)
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
