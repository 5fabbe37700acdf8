//! Reads expectations, and points at what is wrong with one.

use std::fmt;

use super::{Compare, Expect, Field, Filter, Pattern, Subject, Value};
use crate::rules::length;

/// The longest expectation, in octets.
const TEXT_BYTES_MAX: usize = 1024;

/// Why a text is no expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectError {
    /// The text.
    pub text: String,
    /// Where it goes wrong, in letters from its beginning.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for ExpectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  {}\n  {:at$}^", self.message, self.text, "", at = self.at)
    }
}

impl std::error::Error for ExpectError {}

pub(super) fn expect(text: &str) -> Result<Expect, ExpectError> {
    let mut reader = Reader { text, at: 0 };
    if text.len() > TEXT_BYTES_MAX {
        return Err(ExpectError {
            text: text.chars().take(40).chain(['…']).collect(),
            at: 0,
            message: format!("an expectation has at most {TEXT_BYTES_MAX} octets"),
        });
    }
    let subject = reader.subject()?;
    let compare = reader.compare()?;
    let value = reader.value(&subject, compare)?;
    if !reader.rest().is_empty() {
        return Err(reader.fault("nothing is expected behind the value"));
    }
    Ok(Expect { text: text.trim().to_owned(), subject, compare, value })
}

struct Reader<'a> {
    text: &'a str,
    /// In octets.
    at: usize,
}

impl<'a> Reader<'a> {
    /// What is left, without leading blanks.
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn fault(&mut self, message: impl Into<String>) -> ExpectError {
        self.rest();
        self.fault_at(self.at, message)
    }

    fn fault_at(&self, at: usize, message: impl Into<String>) -> ExpectError {
        let text: String = self.text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        ExpectError { text, at: self.text[..at].chars().count(), message: message.into() }
    }

    fn take(&mut self, token: &str) -> bool {
        let taken = self.rest().starts_with(token);
        if taken {
            self.at += token.len();
        }
        taken
    }

    fn demand(&mut self, token: &str) -> Result<(), ExpectError> {
        if self.take(token) { Ok(()) } else { Err(self.fault(format!("{token:?} is expected here"))) }
    }

    /// Letters, digits, and `_`, `.`, `-`.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_.-".contains(c))).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A quoted text, or everything up to one of `ends`.
    fn text_until(&mut self, ends: &[char]) -> Result<String, ExpectError> {
        let rest = self.rest();
        let start = self.at;
        let text = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').ok_or_else(|| self.fault_at(start, "this quote is not closed"))?;
            self.at += end + 2;
            &quoted[..end]
        } else {
            let end = rest.find(ends).unwrap_or(rest.len());
            self.at += end;
            rest[..end].trim_end()
        };
        if text.is_empty() {
            return Err(self.fault_at(start, "a name is expected here"));
        }
        Ok(text.to_owned())
    }

    fn subject(&mut self) -> Result<Subject, ExpectError> {
        self.rest();
        let start = self.at;
        Ok(match self.word() {
            "status" => Subject::Status,
            "cache" => Subject::Cache,
            "error" => Subject::Error,
            "ttfb" => Subject::FirstByte,
            "duration" => Subject::Duration,
            "spans" => Subject::Spans(if self.take("(") { self.filters()? } else { Vec::new() }),
            "span" => self.span()?,
            "" => return Err(self.fault_at(start, SUBJECTS)),
            word => return Err(self.fault_at(start, format!("there is no {word:?} to look at; {SUBJECTS}"))),
        })
    }

    fn span(&mut self) -> Result<Subject, ExpectError> {
        self.demand("(")?;
        let name = Pattern::whole(&self.text_until(&[')'])?);
        self.demand(")")?;
        self.demand(".")?;
        let start = self.at;
        match self.word() {
            "duration" => Ok(Subject::SpanDuration(name)),
            "status" => Ok(Subject::SpanStatus(name)),
            _ => Err(self.fault_at(start, "a span has `duration` and `status`")),
        }
    }

    fn filters(&mut self) -> Result<Vec<Filter>, ExpectError> {
        let mut filters = Vec::new();
        loop {
            self.rest();
            let start = self.at;
            let field = match self.word() {
                "name" => Field::Name,
                "service" => Field::Service,
                "kind" => Field::Kind,
                "stage" => Field::Stage,
                "status" => Field::Status,
                _ => {
                    let fields = "spans are chosen by `name`, `service`, `kind`, `stage` and `status`";
                    return Err(self.fault_at(start, fields));
                }
            };
            self.demand("=")?;
            let pattern = Pattern::whole(&self.text_until(&[',', ')'])?);
            filters.push(Filter { field, pattern });
            if !self.take(",") {
                self.demand(")")?;
                return Ok(filters);
            }
        }
    }

    fn compare(&mut self) -> Result<Compare, ExpectError> {
        let compares = [
            ("!=", Compare::Unequal),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::MoreOrEqual),
            ("=", Compare::Equal),
            ("<", Compare::Less),
            (">", Compare::More),
        ];
        let found = compares.into_iter().find(|(token, _)| self.take(token)).map(|(_, compare)| compare);
        found.ok_or_else(|| self.fault("one of = != < <= > >= is expected here"))
    }

    fn value(&mut self, subject: &Subject, compare: Compare) -> Result<Value, ExpectError> {
        self.rest();
        let start = self.at;
        match subject {
            Subject::Status | Subject::Spans(_) => {
                let word = self.word();
                let number = word.parse().map_err(|_| self.fault_at(start, "a whole number is expected here"))?;
                Ok(Value::Number(number))
            }
            Subject::FirstByte | Subject::Duration | Subject::SpanDuration(_) => {
                let word = self.word();
                let nanos = length::parse(word);
                nanos.map(Value::Nanos).ok_or_else(|| self.fault_at(start, "a length is expected here, as in 200ms"))
            }
            Subject::Cache | Subject::Error | Subject::SpanStatus(_) => {
                if !matches!(compare, Compare::Equal | Compare::Unequal) {
                    return Err(self.fault_at(start, "words are compared with = and != only"));
                }
                Ok(Value::Word(self.text_until(&[])?))
            }
        }
    }
}

const SUBJECTS: &str =
    "what is looked at is one of status, cache, error, ttfb, duration, spans(...), span(NAME).duration";
