//! Parameters of a request's target, read strictly: an unknown name, a name twice, or what is no UTF-8 is a fault and
//! not a guess.

use std::{ops::RangeInclusive, str::FromStr};

use http::Uri;
use percent_encoding::percent_decode;

use super::problem::Problem;
use crate::{rules::session::Id, trace::store::query::Cursor};

/// The longest query, in octets.
const QUERY_BYTES_MAX: usize = 8 * 1024;

/// The parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the parameters of `uri`, of which only those `known` may be there.
    ///
    /// # Errors
    /// One is unknown, doubled, or no UTF-8.
    pub fn parse(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let query = uri.query().unwrap_or_default();
        if query.len() > QUERY_BYTES_MAX {
            return Err(Problem::bad("", "the query is too long"));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::bad(&name, format!("unknown parameter; known here: {known}")));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Problem::bad(&name, "given twice"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A parameter; an empty one is none.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A whole number in `range`.
    ///
    /// # Errors
    /// It is none.
    pub fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        &self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            Problem::bad(name, format!("a whole number from {} to {} is expected", range.start(), range.end()))
        })
    }

    /// A moment: microseconds since the Unix epoch. Given in nanoseconds.
    ///
    /// # Errors
    /// It is none.
    pub fn moment(&self, name: &str) -> Result<Option<u64>, Problem> {
        Ok(self.number(name, 0..=u64::MAX / 1000)?.map(|micros| micros * 1000))
    }

    /// One of several words.
    ///
    /// # Errors
    /// It is none of them.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let list = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| Problem::bad(name, format!("one of {} is expected", list())))
    }

    /// The id of a session or a sign-in.
    ///
    /// # Errors
    /// It is none.
    pub fn id(&self, name: &str) -> Result<Option<Id>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        Id::parse(text).map(Some).ok_or_else(|| Problem::bad(name, "an id of 32 hexadecimal digits is expected"))
    }

    /// The id of a request.
    ///
    /// # Errors
    /// It is none.
    pub fn request_id(&self, name: &str) -> Result<Option<u128>, Problem> {
        Ok(self.id(name)?.map(|id| u128::from_be_bytes(id.to_bytes())))
    }

    /// A place in a list.
    ///
    /// # Errors
    /// It is none.
    pub fn cursor(&self, name: &str) -> Result<Option<Cursor>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        Cursor::parse(text).map(Some).ok_or_else(|| Problem::bad(name, "the cursor is not one of a list's `next`"))
    }
}

fn decoded(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| Problem::bad("", "a parameter is no UTF-8"))
}

#[cfg(test)]
mod tests;
