//! Single values: strings, numbers, durations, sizes, words, addresses. What is wrong is noted at the value's place.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use http::{HeaderName, HeaderValue, Method};
use toml::de::DeValue;

use super::{
    document::{Table, Value},
    interpolate::{ExpandError, expand},
    model::{Secret, Toggle},
};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const KIB: u64 = 1024;
pub(super) const MIB: u64 = 1024 * KIB;
pub(super) const GIB: u64 = 1024 * MIB;

impl<'d> Value<'d> {
    pub(super) fn fault(&self, what: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.document.fault(self.span.clone(), what, hint);
    }

    /// As written, shortened, for messages.
    fn written(&self) -> String {
        let text = self.document.written(self.span.clone());
        let short: String = text.chars().take(60).collect();
        if short.len() < text.len() { short + "..." } else { short }
    }

    /// Notes that another kind of value was expected.
    pub(super) fn mismatch(&self, expected: &str, hint: Option<&str>) {
        let found = self.inner.type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        let what = format!("`{}` must be {expected}, not {article} {found}", self.name);
        self.document.fault(self.span.clone(), what, hint.map(str::to_owned));
    }

    fn expanded(&self, hint: Option<&str>) -> Option<(String, bool)> {
        let DeValue::String(text) = self.inner else {
            self.mismatch("a string", hint);
            return None;
        };
        match expand(text, self.document.source.env) {
            Ok(expanded) => Some((expanded.text, expanded.replaced)),
            Err(ExpandError::Unset(name)) => {
                let hint = format!("set it, or give a default: `${{{name}:-text}}`");
                self.fault(format!("the environment variable `{name}` is not set"), &hint);
                None
            }
            Err(ExpandError::Unclosed) => {
                self.fault("`${` without its `}`", "write `$${` for a plain `${`");
                None
            }
            Err(ExpandError::Name(_)) => {
                self.fault("not the name of an environment variable", "write `$${` for a plain `${`");
                None
            }
        }
    }

    /// A string.
    pub(super) fn string(&self) -> Option<String> {
        self.expanded(None).map(|(text, _)| text)
    }

    /// A string that is not empty.
    pub(super) fn word(&self) -> Option<String> {
        let text = self.string()?;
        if text.trim().is_empty() {
            self.fault(format!("`{}` is empty", self.name), "");
            return None;
        }
        Some(text)
    }

    /// A string that is never shown.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.document.hide(self.span.clone());
        let text = self.expanded(Some("a secret is a string; keep it out of the file with `${NAME}`"))?.0;
        if text.is_empty() {
            self.fault(format!("`{}` is empty", self.name), "");
            return None;
        }
        Some(Secret::new(text))
    }

    /// The content of a file, never shown, without the newline at its end.
    pub(super) fn secret_file(&self) -> Option<String> {
        let path = self.path()?;
        match (self.document.source.file)(&path) {
            Ok(text) => {
                let text = text.trim_end_matches(['\n', '\r']).to_owned();
                if text.is_empty() {
                    self.fault("the file is empty", "");
                    return None;
                }
                Some(text)
            }
            Err(error) => {
                self.fault(
                    format!("cannot read {}: {error}", path.display()),
                    "relative paths begin at this file's folder",
                );
                None
            }
        }
    }

    /// A path; a relative one begins at the file's folder.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.word()?;
        // Component by component, so that "./a" and "a" mean the same.
        let path: PathBuf = self.document.source.base.join(text).components().collect();
        self.document.named(&path, &self.name, self.span.clone());
        Some(path)
    }

    /// `true` or `false`.
    pub(super) fn toggle(&self) -> Option<Toggle> {
        if let DeValue::Boolean(on) = self.inner {
            return Some(if *on { Toggle::On } else { Toggle::Off });
        }
        self.mismatch("true or false", None);
        None
    }

    /// A whole number within `range`.
    pub(super) fn count<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display + Copy,
    {
        let DeValue::Integer(integer) = self.inner else {
            self.mismatch("a whole number", None);
            return None;
        };
        let number = u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok();
        self.within(number.and_then(|number| T::try_from(number).ok()), &range, |number| number.to_string())
    }

    fn within<T: PartialOrd + Copy>(
        &self,
        value: Option<T>,
        range: &RangeInclusive<T>,
        show: impl Fn(T) -> String,
    ) -> Option<T> {
        if let Some(value) = value
            && range.contains(&value)
        {
            return Some(value);
        }
        let hint = format!("from {} to {}", show(*range.start()), show(*range.end()));
        self.fault(format!("`{}` is out of range", self.name), &hint);
        None
    }

    /// A share from 0 to 1.
    pub(super) fn ratio(&self) -> Option<f64> {
        let number = match self.inner {
            DeValue::Float(float) => float.as_str().replace('_', "").parse().ok(),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => {
                self.mismatch("a number from 0 to 1", None);
                return None;
            }
        };
        self.within(number, &(0.0..=1.0), |number| number.to_string())
    }

    /// A duration within `range`, like `250ms`, `5s`, `1m30s`, `12h` or `7d`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        const HINT: &str = "write a number and a unit: `250ms`, `5s`, `2m`, `12h`, `7d`";
        if !matches!(self.inner, DeValue::String(_)) {
            self.mismatch("a duration", Some(HINT));
            return None;
        }
        let text = self.string()?;
        let Some(duration) = duration(&text) else {
            self.fault(format!("{} is not a duration", self.written()), HINT);
            return None;
        };
        self.within(Some(duration), &range, super::write::duration)
    }

    /// A number of octets within `range`: `64KiB`, `1MiB`, or a whole number.
    pub(super) fn size<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + TryInto<u64> + PartialOrd + std::fmt::Display + Copy,
    {
        const HINT: &str = "write a number of octets, or a number and a unit: `64KiB`, `1MiB`, `2GiB`";
        match self.inner {
            DeValue::Integer(_) => self.count(range),
            DeValue::String(_) => {
                let text = self.string()?;
                let Some(octets) = size(&text) else {
                    self.fault(format!("{} is not a size", self.written()), HINT);
                    return None;
                };
                let show = |octets: T| octets.try_into().map_or_else(|_| octets.to_string(), super::write::size);
                self.within(T::try_from(octets).ok(), &range, show)
            }
            _ => {
                self.mismatch("a size", Some(HINT));
                None
            }
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string()?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(choice.clone());
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let hint = nearest(&text, words.iter().copied()).map_or_else(
            || format!("one of {}", super::document::quoted_list(&words)),
            |near| format!("did you mean `{near}`?"),
        );
        self.fault(format!("`{}` cannot be {}", self.name, self.written()), &hint);
        None
    }

    /// A list; items that are wrong are noted and left out.
    pub(super) fn list<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<T>> {
        if !matches!(self.inner, DeValue::Array(_)) {
            let hint = format!("write `[{}]`", self.written());
            self.mismatch("a list", matches!(self.inner, DeValue::String(_)).then_some(&*hint));
            return None;
        }
        Some(self.items().iter().filter_map(read).collect())
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Vec<Self> {
        let DeValue::Array(array) = self.inner else { return Vec::new() };
        let item = |value: &'d toml::Spanned<DeValue<'d>>| Self {
            document: self.document,
            inner: value.get_ref(),
            span: value.span(),
            name: self.name.clone(),
        };
        array.iter().map(item).collect()
    }

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'d>> {
        if let DeValue::Table(table) = self.inner {
            return Some(Table::new(self.document, table, self.span.clone(), self.name.clone()));
        }
        self.mismatch("a table", None);
        None
    }

    /// Anything with a parser: `what` is expected, `hint` helps.
    pub(super) fn parsed<T>(&self, what: &str, hint: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.string()?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.fault(format!("{} is not {what}", self.written()), hint);
        }
        parsed
    }

    /// An address and a port.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let hint = "write an IP address and a port: `127.0.0.1:8080`, `[::]:443`";
        self.parsed("an address", hint, |text| text.parse().ok())
    }

    /// A method.
    pub(super) fn method(&self) -> Option<Method> {
        let upper = |text: &str| text.parse().ok().filter(|_| !text.bytes().any(|b| b.is_ascii_lowercase()));
        self.parsed("a method", "methods are written in capitals, like `GET`", upper)
    }

    /// The name of a header.
    pub(super) fn header_name(&self) -> Option<HeaderName> {
        self.parsed("a header name", "letters, digits and hyphens", |text| text.parse().ok())
    }

    /// The value of a header; what came from the environment is marked as secret.
    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        let (text, replaced) = self.expanded(None)?;
        let Ok(mut value) = HeaderValue::from_str(&text) else {
            self.fault("not a header value", "it holds no control characters and no newline");
            return None;
        };
        value.set_sensitive(replaced);
        Some(value)
    }
}

/// The name most like `name`, if one is much like it.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let scored = known.map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = scored.min()?;
    let near =
        distance <= 1 + name.len() / 4 || known.starts_with(name) || (name.starts_with(known) && known.len() > 2);
    near.then_some(known)
}

fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let unit = &unit[..unit.find(|char: char| char.is_ascii_digit()).unwrap_or(unit.len())];
        rest = &rest[digits + unit.len()..];
        total = total.checked_add(match unit.trim() {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            _ => return None,
        })?;
    }
    Some(total)
}

fn size(text: &str) -> Option<u64> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(unit)
}
