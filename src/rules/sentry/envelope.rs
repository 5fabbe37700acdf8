//! Envelopes: a line with a head, then items, each with a line for its head and a payload. Only `\n` is a newline; what is
//! not known is kept.

use super::json::Json;

/// The most items of one envelope.
const ITEMS_MAX: usize = 1_000;

/// What the first line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Whom the envelope is meant for.
    pub dsn: Option<String>,
    /// The SDK that made it.
    pub sdk: Sdk,
}

/// An SDK, as it names itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdk {
    /// Its name: `sentry.javascript.browser`.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// An envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope<'e> {
    /// What the first line says.
    pub head: Head,
    /// What it brings.
    pub items: Vec<Item<'e>>,
}

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'e> {
    /// What the line before it says.
    pub head: Json<'e>,
    /// Its octets.
    pub payload: &'e [u8],
}

impl Head {
    /// Reads the first line, without its end.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let head = Json::parse(line).filter(|head| matches!(head, Json::Object(_)))?;
        let text = |json: &Json<'_>| json.text().map(str::to_owned);
        let sdk = head.of("sdk");
        let sdk = Sdk { name: text(sdk.of("name")), version: text(sdk.of("version")) };
        Some(Self { dsn: text(head.of("dsn")), sdk })
    }
}

impl<'e> Envelope<'e> {
    /// Reads a whole envelope; `None`: it is none, or cut off.
    pub fn parse(octets: &'e [u8]) -> Option<Self> {
        let (first, mut rest) = line(octets);
        let head = Head::parse(first)?;
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (line, after) = line(rest);
            if line.is_empty() {
                rest = after;
                continue;
            }
            if items.len() == ITEMS_MAX {
                return None;
            }
            let (item, after) = Item::parse(line, after)?;
            items.push(item);
            rest = after;
        }
        Some(Self { head, items })
    }
}

impl<'e> Item<'e> {
    /// Its type: `transaction`, `span`, `event` and more.
    pub fn kind(&self) -> &str {
        self.head.of("type").text().unwrap_or_default()
    }

    fn parse(head: &'e [u8], rest: &'e [u8]) -> Option<(Self, &'e [u8])> {
        let head = Json::parse(head).filter(|head| matches!(head, Json::Object(_)))?;
        let (payload, rest) = match head.of("length") {
            // SDKs for JavaScript tell the length of binary items only.
            Json::Null => line(rest),
            length => {
                let (payload, after) = rest.split_at_checked(length.number()?.parse().ok()?)?;
                match after.split_first() {
                    Some((b'\n', after)) => (payload, after),
                    None => (payload, after),
                    Some(_) => return None,
                }
            }
        };
        Some((Self { head, payload }, rest))
    }
}

/// The octets before the next newline, and those behind it.
fn line(octets: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', octets) {
        Some(end) => (&octets[..end], &octets[end + 1..]),
        None => (octets, &[]),
    }
}

#[cfg(test)]
mod tests;
