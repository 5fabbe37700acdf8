//! Rules for what is kept of requests that nobody traced: `status>=500`, `duration>1s and route=/checkout`.
//!
//! ```text
//! rule      = condition *( ( "," / "and" ) condition )      all of them must hold
//! condition = ( "status" / "bytes" ) op number
//!           / ( "duration" / "ttfb" ) op length             250ms, 1.5s, 2m; "ttfb": the upstream's first octet
//!           / ( "error" / "route" / "method" ) "=" text     "error=*": any
//! op        = ">=" / ">" / "=" / "<" / "<="
//! ```

use std::fmt;

/// A rule: all of its conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    written: String,
    conditions: Vec<Condition>,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The status; 0 if there was none.
    pub status: u16,
    /// Nanoseconds.
    pub duration: u64,
    /// Nanoseconds until the upstream's first octet, if there was one.
    pub first_byte: Option<u64>,
    /// Octets of the response's body.
    pub bytes: u64,
    /// Why it failed; empty if it did not.
    pub error: &'a str,
    /// The route's name.
    pub route: &'a str,
    /// The method.
    pub method: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Number(Number, Op, u64),
    Text(Text, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Status,
    Duration,
    FirstByte,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Error,
    Route,
    Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    AtLeast,
    More,
    Equal,
    AtMost,
    Less,
}

/// The longer of two that begin alike comes first.
const OPS: [(&str, Op); 5] =
    [(">=", Op::AtLeast), ("<=", Op::AtMost), (">", Op::More), ("<", Op::Less), ("=", Op::Equal)];

/// Why a rule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepError {
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub hint: &'static str,
}

const CONDITION: &str = "write conditions like `status>=500`, `duration>1s`, `ttfb>200ms`, `bytes>1000000`, `error=*`, \
                         `route=/checkout` or `method=POST`, joined by commas";

impl Keep {
    /// Reads a rule.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn parse(rule: &str) -> Result<Self, KeepError> {
        let parts = rule.split(',').flat_map(|part| part.split(" and "));
        let conditions = parts.map(|part| Condition::parse(part.trim())).collect::<Result<_, _>>()?;
        Ok(Self { written: rule.to_owned(), conditions })
    }

    /// Whether a request with these facts is kept.
    pub fn keeps(&self, facts: &Facts<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(facts))
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, KeepError> {
        let fault = |what: String| KeepError { what, hint: CONDITION };
        if text.is_empty() {
            return Err(fault("a condition is missing".to_owned()));
        }
        let Some(at) = text.find(['<', '>', '=']) else {
            return Err(fault(format!("`{text}` compares nothing")));
        };
        let (field, rest) = text.split_at(at);
        let Some((sign, op)) = OPS.into_iter().find(|(sign, _)| rest.starts_with(sign)) else {
            return Err(fault(format!("`{text}` compares nothing")));
        };
        let (field, value) = (field.trim(), rest[sign.len()..].trim());
        let number = |number, value: Option<u64>, hint| match value {
            Some(value) => Ok(Self::Number(number, op, value)),
            None => Err(KeepError {
                what: format!("`{value}` in `{text}` cannot be read", value = rest[sign.len()..].trim()),
                hint,
            }),
        };
        let words = |field| match (op, value) {
            (Op::Equal, "") => Err(fault(format!("`{text}` is compared with nothing"))),
            (Op::Equal, _) => Ok(Self::Text(field, value.to_owned())),
            _ => Err(KeepError { what: format!("a text in `{text}` is no number"), hint: "texts are compared by `=`" }),
        };
        match field {
            "status" => number(Number::Status, value.parse().ok(), "a status is a number, like 500"),
            "bytes" => {
                number(Number::Bytes, value.replace('_', "").parse().ok(), "octets are a number, like 1_000_000")
            }
            "duration" => number(Number::Duration, length(value), "write a length like 250ms, 1.5s or 2m"),
            "ttfb" => number(Number::FirstByte, length(value), "write a length like 250ms, 1.5s or 2m"),
            "error" => words(Text::Error),
            "route" => words(Text::Route),
            "method" => words(Text::Method),
            _ => Err(fault(format!("`{field}` is nothing that a rule looks at"))),
        }
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Number(number, op, than) => {
                let value = match number {
                    Number::Status => Some(facts.status.into()),
                    Number::Duration => Some(facts.duration),
                    Number::FirstByte => facts.first_byte,
                    Number::Bytes => Some(facts.bytes),
                };
                value.is_some_and(|value| op.holds(value, *than))
            }
            Self::Text(text, pattern) => {
                let value = match text {
                    Text::Error => facts.error,
                    Text::Route => facts.route,
                    Text::Method => facts.method,
                };
                if pattern == "*" { !value.is_empty() } else { value == pattern }
            }
        }
    }
}

impl Op {
    fn holds(self, value: u64, than: u64) -> bool {
        match self {
            Self::AtLeast => value >= than,
            Self::More => value > than,
            Self::Equal => value == than,
            Self::AtMost => value <= than,
            Self::Less => value < than,
        }
    }
}

/// A length of time in nanoseconds.
fn length(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 5] = [("ms", 1e6), ("us", 1e3), ("ns", 1.0), ("s", 1e9), ("m", 60e9)];
    let (number, unit) = UNITS.into_iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim(), unit)))?;
    let is_plain = number.starts_with(|first: char| first.is_ascii_digit())
        && number.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    let nanos = is_plain.then(|| number.parse::<f64>().ok()).flatten()? * unit;
    // A century is long enough.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within these bounds")]
    (nanos < 3e18).then_some(nanos as u64)
}

#[cfg(test)]
mod tests;
