//! JSON, RFC 8259, as it stands in envelopes. Numbers keep their digits, so that seconds with a fraction lose nothing;
//! what has no escapes is not copied. Of a name that stands twice the last one counts, as for JavaScript.

use std::borrow::Cow;

/// So deep may lists and objects stand in one another.
const DEPTH_MAX: usize = 64;

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
    Text(Cow<'j, str>),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(Cow<'j, str>, Self)>),
}

impl<'j> Json<'j> {
    /// Reads one value, which is all of `octets`.
    pub fn parse(octets: &'j [u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(DEPTH_MAX)?;
        reader.space();
        (reader.at == text.len()).then_some(value)
    }

    /// What an object holds under `name`; `null` where there is nothing.
    pub fn of(&self, name: &str) -> &Self {
        let found = self.entries().iter().rev().find(|(known, _)| known == name);
        found.map_or(&Self::Null, |(_, value)| value)
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
    pub fn entries(&self) -> &[(Cow<'j, str>, Self)] {
        if let Self::Object(entries) = self { entries } else { &[] }
    }
}

struct Reader<'j> {
    text: &'j str,
    at: usize,
}

impl<'j> Reader<'j> {
    fn value(&mut self, depth: usize) -> Option<Json<'j>> {
        self.space();
        let value = match self.peek()? {
            b'{' => Json::Object(self.object(depth.checked_sub(1)?)?),
            b'[' => Json::List(self.list(depth.checked_sub(1)?)?),
            b'"' => Json::Text(self.string()?),
            b'n' => self.word("null", Json::Null)?,
            b't' => self.word("true", Json::Bool(true))?,
            b'f' => self.word("false", Json::Bool(false))?,
            _ => Json::Number(self.number()?),
        };
        Some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Vec<(Cow<'j, str>, Json<'j>)>> {
        let mut entries = Vec::new();
        self.sequence(b'}', |reader| {
            let name = reader.string()?;
            reader.space();
            reader.take(b':')?;
            entries.push((name, reader.value(depth)?));
            Some(())
        })?;
        Some(entries)
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Json<'j>>> {
        let mut items = Vec::new();
        self.sequence(b']', |reader| {
            items.push(reader.value(depth)?);
            Some(())
        })?;
        Some(items)
    }

    /// What stands between brackets, with commas between.
    fn sequence(&mut self, close: u8, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.space();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            one(self)?;
            self.space();
            if self.peek()? == close {
                self.at += 1;
                return Some(());
            }
            self.take(b',')?;
        }
    }

    fn string(&mut self) -> Option<Cow<'j, str>> {
        self.take(b'"')?;
        let start = self.at;
        let plain = self.plain()?;
        if self.text.as_bytes()[plain] == b'"' {
            self.at = plain + 1;
            return Some(Cow::Borrowed(&self.text[start..plain]));
        }
        let mut text = self.text[start..plain].to_owned();
        self.at = plain;
        loop {
            self.escape(&mut text)?;
            let start = self.at;
            let plain = self.plain()?;
            text.push_str(&self.text[start..plain]);
            self.at = plain;
            if self.text.as_bytes()[plain] == b'"' {
                self.at += 1;
                return Some(Cow::Owned(text));
            }
        }
    }

    /// Where the next quotation mark or backslash stands.
    fn plain(&self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let end = rest.iter().position(|octet| matches!(octet, b'"' | b'\\' | 0..0x20))?;
        (rest[end] >= 0x20).then_some(self.at + end)
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        self.take(b'\\')?;
        let escaped = self.peek()?;
        self.at += 1;
        text.push(match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unit()?,
            _ => return None,
        });
        Some(())
    }

    /// What follows `\u`. Half a surrogate pair, which JavaScript may write, is no character.
    fn unit(&mut self) -> Option<char> {
        let first = self.hex()?;
        let is_low = |unit: u32| (0xDC00..0xE000).contains(&unit);
        if !(0xD800..0xDC00).contains(&first) || !self.text[self.at..].starts_with("\\u") {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 2;
        let second = self.hex()?;
        if !is_low(second) {
            // It stands for itself.
            self.at = before;
            return Some(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Option<&'j str> {
        let start = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            if !self.skip(b'-') {
                self.skip(b'+');
            }
            self.digits()?;
        }
        Some(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn word(&mut self, word: &str, value: Json<'j>) -> Option<Json<'j>> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())?;
        Some(value)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, octet: u8) -> Option<()> {
        self.skip(octet).then_some(())
    }

    fn skip(&mut self, octet: u8) -> bool {
        let is_there = self.peek() == Some(octet);
        self.at += usize::from(is_there);
        is_there
    }
}

#[cfg(test)]
mod tests;
