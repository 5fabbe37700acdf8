//! A text to look for, whatever its case, with `*` for any characters.

use std::borrow::Cow;

use percent_encoding::{CONTROLS, utf8_percent_encode};

/// A text to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Between the stars, folded. One part: there is no star.
    parts: Vec<Box<str>>,
    place: Place,
    /// The same as addresses have it, with the octets of letters beyond ASCII escaped: `caf%c3%a9`.
    escaped: Option<Box<Self>>,
}

/// Where the text of a pattern without a star stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Anywhere.
    Somewhere,
    /// It is all there is.
    Whole,
}

impl Pattern {
    /// A pattern whose stars stand for any characters.
    pub(super) fn new(text: &str, place: Place) -> Self {
        let folded = fold(text);
        let place = if folded.contains('*') { Place::Whole } else { place };
        let escaped = escaped(text).map(|text| Box::new(Self::new(&text, place)));
        Self { parts: folded.split('*').map(Box::from).collect(), place, escaped }
    }

    /// A pattern of the whole field, whether there are stars in it or not.
    pub fn whole(text: &str) -> Self {
        Self::new(text, Place::Whole)
    }

    /// A text as it stands, anywhere in a field: a star is a star.
    pub fn literal(text: &str) -> Self {
        let escaped = escaped(text).map(|text| Box::new(Self::literal(&text)));
        Self { parts: vec![fold(text).into()], place: Place::Somewhere, escaped }
    }

    /// Whether only one text is like it: there is no star in it.
    pub fn is_one(&self) -> bool {
        self.parts.len() == 1 && self.place == Place::Whole
    }

    /// Whether `text` is like it. No empty text is.
    pub fn is_like(&self, text: &str) -> bool {
        self.is_like_folded(&fold(text))
    }

    /// Whether a text that [`fold`] made is like it.
    pub fn is_like_folded(&self, text: &str) -> bool {
        self.is_like_plain(text) || self.escaped.as_ref().is_some_and(|escaped| escaped.is_like_plain(text))
    }

    fn is_like_plain(&self, text: &str) -> bool {
        let [first, rest @ ..] = &self.parts[..] else { return false };
        if text.is_empty() {
            return false;
        }
        let Some((last, between)) = rest.split_last() else {
            return match self.place {
                Place::Somewhere => memchr::memmem::find(text.as_bytes(), first.as_bytes()).is_some(),
                Place::Whole => text == &**first,
            };
        };
        let Some(mut left) = text.strip_prefix(&**first) else { return false };
        for part in between {
            let Some(at) = memchr::memmem::find(left.as_bytes(), part.as_bytes()) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(&**last)
    }

    /// A text, folded, that every field like this pattern holds: the longest one. Many texts at once can be searched for
    /// it, and those that hold it looked at. Empty for a pattern of stars alone, and for one that may be written in two
    /// ways.
    pub fn needle(&self) -> &str {
        if self.escaped.is_some() {
            return "";
        }
        self.parts.iter().max_by_key(|part| part.len()).map_or("", |part| part)
    }
}

/// A text as addresses have it, where that is another one.
fn escaped(text: &str) -> Option<String> {
    (!text.is_ascii()).then(|| utf8_percent_encode(text, CONTROLS).to_string())
}

/// The same text in small letters.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            return text.to_ascii_lowercase().into();
        }
        return text.into();
    }
    // Letter by letter: a sigma is folded alike wherever it stands, so that parts of words are found.
    text.chars().flat_map(char::to_lowercase).collect::<String>().into()
}
