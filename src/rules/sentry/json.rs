//! JSON of envelopes, with numbers as they are written, so that seconds with a fraction lose nothing. Of a name that stands
//! twice the last one counts, as for JavaScript.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// So deep may lists and objects stand in one another: what is within is read once for each.
const DEPTH_MAX: usize = 32;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'j> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(&'j str),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(BTreeMap<String, Self>),
}

impl<'j> Json<'j> {
    /// Reads one value, which is all of `octets`.
    pub fn parse(octets: &'j [u8]) -> Option<Self> {
        Self::read(serde_json::from_slice(octets).ok()?, DEPTH_MAX)
    }

    fn read(raw: &'j RawValue, depth: usize) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'n' => Self::Null,
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            b'"' => Self::Text(words(text)),
            b'[' => {
                let (items, depth): (Vec<&RawValue>, _) = (serde_json::from_str(text).ok()?, depth.checked_sub(1)?);
                Self::List(items.into_iter().map(|item| Self::read(item, depth)).collect::<Option<_>>()?)
            }
            b'{' => {
                let (entries, depth): (BTreeMap<String, &RawValue>, _) =
                    (serde_json::from_str(text).ok()?, depth.checked_sub(1)?);
                let entries = entries.into_iter().map(|(name, value)| Some((name, Self::read(value, depth)?)));
                Self::Object(entries.collect::<Option<_>>()?)
            }
            _ => Self::Number(text),
        })
    }

    /// What an object holds under `name`; `null` where there is nothing.
    pub fn of(&self, name: &str) -> &Self {
        if let Self::Object(entries) = self { entries.get(name).unwrap_or(&Self::Null) } else { &Self::Null }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The digits, if it is a number.
    pub fn number(&self) -> Option<&'j str> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The items of a list; else none.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The entries of an object; else none.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = if let Self::Object(entries) = self { Some(entries) } else { None };
        entries.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }
}

/// A text between quotation marks. Scripts may write half of a surrogate pair, which is no character: such a text stays
/// as it is written.
fn words(text: &str) -> String {
    serde_json::from_str(text).unwrap_or_else(|_| text[1..text.len() - 1].to_owned())
}

#[cfg(test)]
mod tests;
