//! Targeted fields, RFC 9213: `CDN-Cache-Control` and `Waylight-Cache-Control`. They are structured dictionaries
//! (RFC 9651) and as strict as those: one that cannot be read is as if it were not there (RFC 9213 section 2.1). Values
//! that no directive takes, like decimals and byte sequences, are read over.

use http::{HeaderMap, HeaderName};

use super::directives::{Argument, ResponseDirectives, SECONDS_MAX};

/// The most members that are read, as many as RFC 9651 section 1.1 asks for; a field with more is malformed.
const MEMBERS_MAX: usize = 1024;

/// The fields that Waylight obeys before `Cache-Control`, in their order (section 2.2).
pub const TARGETED: [HeaderName; 2] =
    [HeaderName::from_static("waylight-cache-control"), HeaderName::from_static("cdn-cache-control")];

/// What a response says to caches like this one, and in which field.
pub fn directives(headers: &HeaderMap) -> (ResponseDirectives, Said) {
    for name in TARGETED {
        if headers.contains_key(&name)
            && let Some(said) = dictionary(headers, &name)
        {
            return (said, Said::Targeted);
        }
    }
    (ResponseDirectives::of(headers), Said::Plainly)
}

/// Where the directives stood that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// In a targeted field: `Cache-Control` and `Expires` do not count.
    Targeted,
    /// In `Cache-Control`, and `Expires` beside it.
    Plainly,
}

/// Reads a targeted field; `None` where it is malformed or empty.
fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Option<ResponseDirectives> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    let text = lines.join(&b", "[..]);
    let text = std::str::from_utf8(&text).ok().filter(|text| text.is_ascii())?;
    let mut members: Vec<(&str, Item)> = Vec::new();
    let mut reader = Reader { rest: text.trim_matches(' ') };
    while !reader.rest.is_empty() {
        let (key, item) = reader.member()?;
        // A later member of the same name replaces the earlier one (RFC 9651 section 4.2.2).
        members.retain(|(known, _)| *known != key);
        members.push((key, item));
        if members.len() > MEMBERS_MAX {
            return None;
        }
        reader.separator()?;
    }
    if members.is_empty() {
        return None;
    }
    let mut said = ResponseDirectives::default();
    for (key, item) in &members {
        take(&mut said, key, item);
    }
    Some(said)
}

/// A directive whose value is of the wrong type is ignored (RFC 9213 section 2.1).
fn take(said: &mut ResponseDirectives, key: &str, item: &Item) {
    let counts = matches!(key, "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error");
    let argument = match item {
        Item::Integer(number) if counts => match u64::try_from(*number) {
            Ok(seconds) => Argument::Integer(u32::try_from(seconds).unwrap_or(SECONDS_MAX).min(SECONDS_MAX)),
            Err(_) => Argument::Wrong,
        },
        Item::Boolean(true) if !counts => Argument::None,
        Item::Word(word) if matches!(key, "no-cache" | "private") => Argument::Word(word),
        _ => return,
    };
    said.take(key.as_bytes(), &argument);
}

/// A bare item, as far as a directive may take it.
#[derive(Debug)]
enum Item {
    Integer(i64),
    Boolean(bool),
    Word(String),
    Other,
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, first: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(first)?;
        Some(())
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|octet| !is_part(octet)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// The comma to the next member, or the end; a comma at the end is a fault.
    fn separator(&mut self) -> Option<()> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.is_empty() {
            return Some(());
        }
        self.eat(',')?;
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        (!self.rest.is_empty()).then_some(())
    }

    fn member(&mut self) -> Option<(&'a str, Item)> {
        let key = self.key()?;
        let item = if self.eat('=').is_some() { self.item()? } else { Item::Boolean(true) };
        self.parameters()?;
        Some((key, item))
    }

    fn key(&mut self) -> Option<&'a str> {
        let first = self.rest.bytes().next()?;
        if !(first.is_ascii_lowercase() || first == b'*') {
            return None;
        }
        let is_part = |octet: u8| {
            octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'_' | b'-' | b'.' | b'*')
        };
        Some(self.take_while(is_part))
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(';').is_some() {
            self.rest = self.rest.trim_start_matches(' ');
            self.key()?;
            if self.eat('=').is_some() {
                self.bare()?;
            }
        }
        Some(())
    }

    fn item(&mut self) -> Option<Item> {
        if self.eat('(').is_none() {
            return self.bare();
        }
        // An inner list, which no directive takes.
        loop {
            self.rest = self.rest.trim_start_matches(' ');
            if self.eat(')').is_some() {
                return Some(Item::Other);
            }
            self.bare()?;
            self.parameters()?;
            if !self.rest.starts_with([' ', ')']) {
                return None;
            }
        }
    }

    fn bare(&mut self) -> Option<Item> {
        match self.rest.bytes().next()? {
            b'?' => match self.rest.get(..2)? {
                "?1" | "?0" => {
                    let is_true = self.rest.starts_with("?1");
                    self.rest = &self.rest[2..];
                    Some(Item::Boolean(is_true))
                }
                _ => None,
            },
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b':' => {
                self.eat(':')?;
                self.take_while(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'='));
                self.eat(':')?;
                Some(Item::Other)
            }
            b'@' => {
                self.eat('@')?;
                self.number().filter(|date| matches!(date, Item::Integer(_))).map(|_| Item::Other)
            }
            b'%' => self.display_string(),
            b'*' => Some(self.token()),
            first if first.is_ascii_alphabetic() => Some(self.token()),
            _ => None,
        }
    }

    fn token(&mut self) -> Item {
        let is_part = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&octet);
        Item::Word(self.take_while(is_part).to_owned())
    }

    fn number(&mut self) -> Option<Item> {
        let negative = self.eat('-').is_some();
        let whole = self.take_while(|octet| octet.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        if self.eat('.').is_some() {
            let fraction = self.take_while(|octet| octet.is_ascii_digit());
            return (whole.len() <= 12 && (1..=3).contains(&fraction.len())).then_some(Item::Other);
        }
        let number: i64 = whole.parse().ok()?;
        Some(Item::Integer(if negative { -number } else { number }))
    }

    /// A string of any characters, RFC 9651 section 4.2.10: octets that are not printable stand as `%` and two digits.
    fn display_string(&mut self) -> Option<Item> {
        self.eat('%')?;
        self.eat('"')?;
        let mut text = Vec::new();
        loop {
            text.extend(self.take_while(|octet| matches!(octet, b' '..=b'~') && !matches!(octet, b'%' | b'"')).bytes());
            if self.eat('"').is_some() {
                return String::from_utf8(text).ok().map(|_| Item::Other);
            }
            self.eat('%')?;
            let digits = self.rest.get(..2)?;
            let is_hex = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
            text.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
            self.rest = &self.rest[2..];
        }
    }

    fn string(&mut self) -> Option<Item> {
        self.eat('"')?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(Item::Word(text));
                }
                '\\' => match chars.next()? {
                    (_, escaped @ ('"' | '\\')) => text.push(escaped),
                    _ => return None,
                },
                ' '..='~' => text.push(char),
                _ => return None,
            }
        }
        None
    }
}
