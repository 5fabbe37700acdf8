//! From the text of a search to its terms.

use super::{
    Comparison, Condition, FIND_BYTES_MAX, FindError, IdField, NumberField, Pattern, Prefix, Sense, StatusIs,
    TERMS_MAX, Term, TextField, pattern::Place,
};

const NANOS: &[(&str, f64)] =
    &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9)];
const OCTETS: &[(&str, f64)] = &[
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("kib", 1_024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
];

/// All terms of `text`.
pub(super) fn terms(text: &str) -> Result<Vec<Term>, FindError> {
    if text.len() > FIND_BYTES_MAX {
        return Err(error(FIND_BYTES_MAX, format!("a search has at most {FIND_BYTES_MAX} octets")));
    }
    let mut terms = Vec::new();
    let mut reader = Reader { text, at: 0 };
    while let Some(begin) = reader.next_term() {
        if terms.len() == TERMS_MAX {
            return Err(error(begin, format!("a search has at most {TERMS_MAX} terms")));
        }
        terms.push(reader.term()?);
    }
    Ok(terms)
}

fn error(at: usize, message: impl Into<String>) -> FindError {
    FindError { at, message: message.into() }
}

/// Text that is read from left to right.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

/// A value as written.
struct Written<'t> {
    text: std::borrow::Cow<'t, str>,
    at: usize,
    quoted: Quoted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    Yes,
    No,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Goes to the next term, if there is one.
    fn next_term(&mut self) -> Option<usize> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        (!self.rest().is_empty()).then_some(self.at)
    }

    fn term(&mut self) -> Result<Term, FindError> {
        let mut sense = Sense::Is;
        if let Some(after) = self.rest().strip_prefix('-')
            && !after.is_empty()
            && !after.starts_with(char::is_whitespace)
        {
            sense = Sense::IsNot;
            self.at += 1;
        }
        Ok(Term { sense, condition: self.condition()? })
    }

    fn condition(&mut self) -> Result<Condition, FindError> {
        let begin = self.at;
        let rest = self.rest();
        if let Some((comparison, length)) = comparison(rest).filter(|_| !rest.starts_with('=')) {
            self.at += length;
            let value = self.value()?;
            return number(NumberField::Duration, comparison, &value);
        }
        let name_end = rest.find(|c: char| !(c.is_alphanumeric() || "_.-".contains(c))).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        if name.is_empty() {
            return Ok(word(&self.value()?));
        }
        let number = ["duration", "ttfb", "bytes", "status"].iter().any(|number| name.eq_ignore_ascii_case(number));
        if let Some((comparison, length)) = comparison(after).filter(|_| number || !after.starts_with('=')) {
            self.at += name_end + length;
            let value = self.value()?;
            return compared(name, begin, comparison, &value);
        }
        if after.starts_with(':') {
            self.at += name_end + 1;
            let value = self.value()?;
            if value.text.is_empty() {
                return Err(error(value.at, format!("`{name}:` needs a value")));
            }
            return field(name, &value);
        }
        Ok(word(&self.value()?))
    }

    /// Up to the next space, or between quotation marks, in which `\"` is one and `\\` a backslash.
    fn value(&mut self) -> Result<Written<'t>, FindError> {
        let at = self.at;
        let rest = self.rest();
        let Some(inside) = rest.strip_prefix('"') else {
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            self.at += length;
            return Ok(Written { text: rest[..length].into(), at, quoted: Quoted::No });
        };
        let mut text = String::new();
        let mut escaped = false;
        for (offset, c) in inside.char_indices() {
            match c {
                _ if escaped => {
                    text.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.at += offset + 2;
                    if !self.rest().is_empty() && !self.rest().starts_with(char::is_whitespace) {
                        return Err(error(self.at, "a space must follow the closing quotation mark"));
                    }
                    if text.is_empty() {
                        return Err(error(at, "nothing stands between the quotation marks"));
                    }
                    return Ok(Written { text: text.into(), at, quoted: Quoted::Yes });
                }
                c => text.push(c),
            }
        }
        Err(error(at, "the quotation mark is never closed"))
    }
}

fn word(value: &Written<'_>) -> Condition {
    Condition::Word(Pattern::literal(&value.text))
}

fn pattern(value: &Written<'_>, place: Place) -> Pattern {
    match value.quoted {
        Quoted::Yes => Pattern::literal(&value.text),
        Quoted::No => Pattern::new(&value.text, place),
    }
}

fn field(name: &str, value: &Written<'_>) -> Result<Condition, FindError> {
    let text = |field, place| Ok(Condition::Text(field, pattern(value, place)));
    match &*name.to_ascii_lowercase() {
        "method" => text(TextField::Method, Place::Whole),
        "host" => text(TextField::Host, Place::Somewhere),
        "path" => text(TextField::Path, Place::Somewhere),
        "route" => text(TextField::Route, Place::Somewhere),
        "upstream" => text(TextField::Upstream, Place::Somewhere),
        "error" => text(TextField::Error, Place::Somewhere),
        "person" => text(TextField::Person, Place::Somewhere),
        "cache" => text(TextField::Cache, Place::Whole),
        "status" => status(value),
        "id" => prefix(IdField::Request, value),
        "trace" => prefix(IdField::Trace, value),
        name @ ("duration" | "ttfb" | "bytes") => {
            let Some((comparison, length)) = comparison(&value.text) else {
                return Err(error(value.at, format!("write `{name}>` or `{name}<` and a number")));
            };
            let number = Written { text: value.text[length..].into(), at: value.at + length, quoted: value.quoted };
            compared(name, value.at, comparison, &number)
        }
        name => Ok(Condition::Attribute(name.to_owned(), pattern(value, Place::Somewhere))),
    }
}

fn compared(name: &str, at: usize, comparison: Comparison, value: &Written<'_>) -> Result<Condition, FindError> {
    match &*name.to_ascii_lowercase() {
        "duration" => number(NumberField::Duration, comparison, value),
        "ttfb" => number(NumberField::FirstByte, comparison, value),
        "bytes" => number(NumberField::Bytes, comparison, value),
        "status" => status_number(&value.text)
            .map(|status| Condition::Status(StatusIs::Compared(comparison, status)))
            .ok_or_else(|| error(value.at, "a status is a number of three digits")),
        _ => Err(error(at, format!("`{name}` cannot be compared; `duration`, `ttfb`, `bytes` and `status` can"))),
    }
}

fn status(value: &Written<'_>) -> Result<Condition, FindError> {
    let folded = value.text.to_ascii_lowercase();
    let status = if let Some((comparison, length)) = comparison(&folded) {
        status_number(&folded[length..]).map(|status| StatusIs::Compared(comparison, status))
    } else if folded == "error" {
        Some(StatusIs::Failed)
    } else if let Some(class) = folded.strip_suffix("xx") {
        class.parse().ok().filter(|class| (1..=5).contains(class)).map(StatusIs::Class)
    } else {
        status_number(&folded).map(|status| StatusIs::Compared(Comparison::Equal, status))
    };
    status.map(Condition::Status).ok_or_else(|| {
        error(value.at, format!("`{}` is no status: write `500`, `5xx`, `>=400` or `error`", value.text))
    })
}

fn status_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (100..=999).contains(status))
}

fn prefix(field: IdField, value: &Written<'_>) -> Result<Condition, FindError> {
    // Request ids may be written in groups.
    let digits: String = value.text.chars().filter(|c| *c != '-').collect();
    let fault = || error(value.at, "an id begins with 1 to 32 digits, 0 to 9 and a to f");
    if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Err(fault());
    }
    let bounds = [b'0', b'f'].map(|fill| {
        let mut whole = digits.clone().into_bytes();
        whole.resize(32, fill);
        std::str::from_utf8(&whole).ok().and_then(|whole| u128::from_str_radix(whole, 16).ok())
    });
    let [Some(first), Some(last)] = bounds else { return Err(fault()) };
    Ok(Condition::Id(field, Prefix { first, last }))
}

fn number(field: NumberField, comparison: Comparison, value: &Written<'_>) -> Result<Condition, FindError> {
    let (units, example) = match field {
        NumberField::Duration | NumberField::FirstByte => (NANOS, "50ms` or `1.5s"),
        NumberField::Bytes => (OCTETS, "200kB` or `1MiB"),
    };
    let amount = amount(&value.text, units).or_else(|| match field {
        NumberField::Bytes => value.text.parse().ok(),
        _ => None,
    });
    match amount {
        Some(amount) => Ok(Condition::Number(field, comparison, amount)),
        None => Err(error(value.at, format!("`{}` is no amount: write `{example}`", value.text))),
    }
}

/// A number with a unit.
fn amount(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let folded = text.to_lowercase();
    let digits = folded.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(folded.len());
    let (number, unit) = folded.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    let amount = number.parse::<f64>().ok()? * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast to an integer saturates")]
    amount.is_finite().then_some(amount.round() as u64)
}

fn comparison(text: &str) -> Option<(Comparison, usize)> {
    [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::More),
        ("<", Comparison::Less),
        ("=", Comparison::Equal),
    ]
    .into_iter()
    .find_map(|(sign, comparison)| text.starts_with(sign).then_some((comparison, sign.len())))
}
