//! The search grammar of the Logs and of traces: words, and conditions on fields. All terms of a search must hold.
//!
//! ```text
//! checkout "sign in"               words and phrases, anywhere in what is shown, whatever their case
//! method:POST host:shop path:/api/* route: upstream: cache:hit error: person:
//! status:500  status:5xx  status:error  status:>=400
//! >50ms  <2s  duration>=1s  ttfb>100ms  bytes>1MiB
//! id:3f2a  trace:0af7              the first digits of an id
//! svc:redis  db.system:postgresql  any other name: an attribute of a span
//! -status:200                      not
//! ```
//!
//! In a pattern, `*` stands for any characters, and the whole field must be like it; without one, the field holds the
//! text somewhere (`method`, `cache`: is the text). A field that is empty is like no pattern, so `error:*` finds
//! whatever has an error. A rule such as `duration>1s` is written in the same grammar.

mod parse;
mod pattern;

use std::fmt;

pub use self::pattern::{Pattern, fold};

/// The longest search, in octets.
pub const FIND_BYTES_MAX: usize = 2_048;
/// The most terms of a search.
pub const TERMS_MAX: usize = 32;

/// What is searched for: everything must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Find {
    terms: Vec<Term>,
}

/// One term.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Whether the condition must hold, or must not.
    pub sense: Sense,
    /// What is asked.
    pub condition: Condition,
}

/// Whether a condition must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It must.
    Is,
    /// It must not.
    IsNot,
}

/// What a term asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A word or phrase, in any of the [`WORDS`] fields, or in whatever else a record shows.
    Word(Pattern),
    /// A text like a pattern.
    Text(TextField, Pattern),
    /// A status.
    Status(StatusIs),
    /// A number on one side of another.
    Number(NumberField, Comparison, u64),
    /// An id that begins with these digits.
    Id(IdField, Prefix),
    /// An attribute, by name (in lower case), with a value like a pattern.
    Attribute(String, Pattern),
}

/// A field that holds text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextField {
    /// The method.
    Method,
    /// The host.
    Host,
    /// The path.
    Path,
    /// The route's name.
    Route,
    /// The upstream's name.
    Upstream,
    /// The error's type.
    Error,
    /// Who sent it, by name.
    Person,
    /// The cache's decision.
    Cache,
}

/// Where words are looked for.
pub const WORDS: [TextField; 7] = [
    TextField::Path,
    TextField::Host,
    TextField::Route,
    TextField::Upstream,
    TextField::Method,
    TextField::Error,
    TextField::Person,
];

/// A field that holds a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberField {
    /// How long it took, in nanoseconds.
    Duration,
    /// From its head to the upstream's first octet, in nanoseconds.
    FirstByte,
    /// Octets of the response's body.
    Bytes,
}

/// A field that holds an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdField {
    /// The request's own.
    Request,
    /// Its trace's.
    Trace,
}

/// Which statuses are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusIs {
    /// On one side of a number.
    Compared(Comparison, u16),
    /// Of a class: `5` for 5xx.
    Class(u16),
    /// It failed: 5xx, or no answer at all; for a span: it says so.
    Failed,
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

impl Comparison {
    /// Whether `left` stands so to `right`.
    pub fn holds<T: Copy + Ord>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Equal => left == right,
            Self::AtLeast => left >= right,
            Self::More => left > right,
        }
    }
}

/// The first hexadecimal digits of an id of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    first: u128,
    last: u128,
}

impl Prefix {
    /// Whether `id` begins so.
    pub fn begins(self, id: u128) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

/// What is searched in: a request, or a span. Texts that are not known are empty.
pub trait Record {
    /// A text.
    fn text(&self, field: TextField) -> &str;
    /// A number, if it is known.
    fn number(&self, field: NumberField) -> Option<u64>;
    /// An id, if there is one.
    fn id(&self, field: IdField) -> Option<u128>;
    /// The status; 0 if there was none.
    fn status(&self) -> u16;
    /// Whether it failed.
    fn failed(&self) -> bool;
    /// Whether one of its further texts, such as a span's name and attributes, satisfies `like`: any of them, or the one
    /// called `name`.
    fn any_attribute(&self, name: Option<&str>, like: &mut dyn FnMut(&str) -> bool) -> bool;
}

impl Find {
    /// Reads a search.
    ///
    /// # Errors
    /// What cannot be read, and where.
    pub fn parse(text: &str) -> Result<Self, FindError> {
        parse::terms(text).map(|terms| Self { terms })
    }

    /// The terms.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether it asks for nothing: everything is found.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether `record` is what is searched for.
    pub fn matches(&self, record: &impl Record) -> bool {
        self.terms.iter().all(|term| term.matches(record))
    }
}

impl Term {
    fn matches(&self, record: &impl Record) -> bool {
        self.condition.holds(record) == (self.sense == Sense::Is)
    }
}

impl Condition {
    fn holds(&self, record: &impl Record) -> bool {
        match self {
            Self::Word(word) => {
                WORDS.iter().any(|field| word.is_like(record.text(*field)))
                    || record.any_attribute(None, &mut |text| word.is_like(text))
            }
            Self::Text(field, pattern) => pattern.is_like(record.text(*field)),
            Self::Status(wanted) => wanted.holds(record.status(), || record.failed()),
            Self::Number(field, comparison, number) => {
                record.number(*field).is_some_and(|value| comparison.holds(value, *number))
            }
            Self::Id(field, prefix) => record.id(*field).is_some_and(|id| prefix.begins(id)),
            Self::Attribute(name, pattern) => record.any_attribute(Some(name), &mut |text| pattern.is_like(text)),
        }
    }
}

impl StatusIs {
    /// Whether a status is meant; a record without one has 0, which is like none.
    pub fn holds(self, status: u16, failed: impl FnOnce() -> bool) -> bool {
        match self {
            Self::Failed => failed(),
            Self::Class(class) => status / 100 == class,
            Self::Compared(comparison, wanted) => status != 0 && comparison.holds(status, wanted),
        }
    }
}

/// Why a search cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindError {
    /// Where, in octets from the beginning.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.at + 1, self.message)
    }
}

impl std::error::Error for FindError {}

#[cfg(test)]
mod tests;
