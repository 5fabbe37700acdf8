//! The document as written: TOML with the place of every key and value, and a small layer to read it with. Whoever
//! reads asks a [`Table`] for its keys; what is wrong is noted with its place, and reading goes on.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Config, Diagnostic, Diagnostics, Source, Unusable, Warning,
    diagnostic::{Finding, Severity},
};

/// The most findings kept; more help nobody.
const FINDINGS_MAX: usize = 200;

/// The most times that a line which is no TOML is left out to read on behind it.
const SYNTAX_ROUNDS_MAX: usize = 16;

/// A text, and what of it is TOML: lines that are not are blank, so that the rest can still be read, at its place.
pub(super) struct Toml<'t> {
    text: &'t str,
    clean: Cow<'t, str>,
    errors: Vec<(Range<usize>, String)>,
}

impl<'t> Toml<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut toml = Self { text, clean: text.into(), errors: Vec::new() };
        for _ in 0..SYNTAX_ROUNDS_MAX {
            let (_, errors) = DeTable::parse_recoverable(&toml.clean);
            if errors.is_empty() {
                break;
            }
            let mut bytes = toml.clean.into_owned().into_bytes();
            for error in errors {
                let span = error.span().unwrap_or(0..0);
                let line = line_of(text, span.start);
                let line = line.start..line.end.min(bytes.len());
                bytes[line].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
                toml.errors.push((span, error.message().to_owned()));
            }
            // Whole lines were blanked, so no character was cut.
            toml.clean = String::from_utf8(bytes).unwrap_or_default().into();
        }
        toml
    }
}

/// A configuration's text while it is read.
pub(super) struct Document<'s> {
    pub(super) source: &'s Source<'s>,
    text: &'s str,
    root: Spanned<DeTable<'s>>,
    findings: RefCell<Vec<Finding>>,
    faulty: Cell<bool>,
    // Lines that are no TOML: what was made of them is not worth a second word.
    broken: Vec<Range<usize>>,
    secrets: RefCell<Vec<Range<usize>>>,
    // Every path that was read, with the key and the place of its value.
    paths: RefCell<Vec<(PathBuf, String, Range<usize>)>>,
    keys: RefCell<std::collections::BTreeSet<String>>,
}

impl<'s> Document<'s> {
    /// Begins to read; syntax errors are noted.
    pub(super) fn new(toml: &'s Toml<'s>, source: &'s Source<'s>) -> Self {
        let broken = toml.errors.iter().map(|(span, _)| line_of(toml.text, span.start)).collect();
        let document = Self {
            source,
            text: toml.text,
            root: DeTable::parse_recoverable(&toml.clean).0,
            findings: RefCell::default(),
            faulty: Cell::new(!toml.errors.is_empty()),
            broken,
            secrets: RefCell::default(),
            paths: RefCell::default(),
            keys: RefCell::default(),
        };
        for (span, what) in &toml.errors {
            let what = format!("not TOML: {what}");
            document.note(Finding { severity: Severity::Fault, span: span.clone(), what, hint: None });
        }
        document
    }

    /// The whole document as a table.
    pub(super) fn root(&self) -> Table<'_> {
        Table::new(self, self.root.get_ref(), self.root.span(), String::new())
    }

    /// Whether the text is no TOML: then what is missing may stand in what was not understood.
    pub(super) fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    pub(super) fn fault(&self, span: Range<usize>, what: impl Into<String>, hint: Option<String>) {
        self.faulty.set(true);
        if self.broken.iter().any(|line| line.contains(&span.start)) {
            return;
        }
        self.note(Finding { severity: Severity::Fault, span, what: what.into(), hint });
    }

    pub(super) fn warn(&self, span: Range<usize>, what: impl Into<String>, hint: Option<String>) {
        self.note(Finding { severity: Severity::Warning, span, what: what.into(), hint });
    }

    fn note(&self, finding: Finding) {
        let mut findings = self.findings.borrow_mut();
        if findings.len() < FINDINGS_MAX {
            findings.push(finding);
        }
    }

    /// The number of the line that `at` is in.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or_default().matches('\n').count() + 1
    }

    /// Never shows what stands at `span`.
    pub(super) fn hide(&self, span: Range<usize>) {
        self.secrets.borrow_mut().push(span);
    }

    /// Remembers where `path` is named.
    pub(super) fn named(&self, path: &Path, key: &str, span: Range<usize>) {
        self.paths.borrow_mut().push((path.to_owned(), key.to_owned(), span));
    }

    /// Notes what cannot be used wherever it is named, or else at the beginning.
    pub(super) fn unusable(&self, unusable: &Unusable) {
        let Unusable { path, keys, what } = unusable;
        let is_meant = |(named, key, _): &&(PathBuf, String, Range<usize>)| {
            Some(named) == path.as_ref() && keys.contains(&key.rsplit('.').next().unwrap_or_default())
        };
        let mut places: Vec<_> = self.paths.borrow().iter().filter(is_meant).map(|(_, _, span)| span.clone()).collect();
        if places.is_empty() {
            places.push(0..0);
        }
        for span in places {
            let said = self.findings.borrow().iter().any(|known| known.span == span && known.what == *what);
            if !said {
                self.fault(span, what.as_str(), None);
            }
        }
    }

    /// The text as written at `span`, for messages: `${NAME}` stays as it is.
    pub(super) fn written(&self, span: Range<usize>) -> &'s str {
        self.text.get(span).unwrap_or_default()
    }

    /// The outcome of reading.
    pub(super) fn finish(self, config: Option<Config>) -> Result<(Config, Vec<Warning>), Diagnostics> {
        let secrets = self.secrets.into_inner();
        let findings = self.findings.into_inner().into_iter();
        let found = findings.map(|finding| Diagnostic::new(self.source.name, self.text, &secrets, finding)).collect();
        let found = Diagnostics::new(self.source.name, found);
        match config {
            Some(config) if !self.faulty.get() => Ok((config, found.iter().cloned().collect())),
            _ => Err(found),
        }
    }

    /// Every key that was asked for, as `table.key`: the schema, once a text has touched every table.
    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<String> {
        self.keys.borrow().iter().cloned().collect()
    }
}

/// A table while it is read.
pub(super) struct Table<'d> {
    pub(super) document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    pub(super) span: Range<usize>,
    name: String,
    asked: RefCell<Vec<String>>,
}

/// A value while it is read, with the name of its key.
#[derive(Clone)]
pub(super) struct Value<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) inner: &'d DeValue<'d>,
    pub(super) span: Range<usize>,
    pub(super) name: String,
}

/// An entry of a table whose keys are the user's own.
pub(super) struct Entry<'d> {
    pub(super) key: &'d str,
    pub(super) key_span: Range<usize>,
    pub(super) value: Value<'d>,
}

impl<'d> Table<'d> {
    pub(super) fn new(
        document: &'d Document<'d>,
        table: &'d DeTable<'d>,
        span: Range<usize>,
        name: impl Into<String>,
    ) -> Self {
        Self { document, table, span, name: name.into(), asked: RefCell::default() }
    }

    /// The value at `key`, if there is one.
    pub(super) fn value(&self, key: &str) -> Option<Value<'d>> {
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        self.asked.borrow_mut().push(key.to_owned());
        self.document.keys.borrow_mut().insert(name.clone());
        let value = self.table.get(key)?;
        Some(Value { document: self.document, inner: value.get_ref(), span: value.span(), name })
    }

    /// What `read` makes of the value at `key`; nothing if it is absent or wrong.
    pub(super) fn opt<T>(&self, key: &str, read: impl FnOnce(&Value<'d>) -> Option<T>) -> Option<T> {
        self.value(key).and_then(|value| read(&value))
    }

    /// What `read` makes of the value at `key`, or the default.
    pub(super) fn or<T>(&self, key: &str, default: T, read: impl FnOnce(&Value<'d>) -> Option<T>) -> T {
        self.opt(key, read).unwrap_or(default)
    }

    /// What `read` makes of the value at `key`, which must be there.
    pub(super) fn require<T>(&self, key: &str, hint: &str, read: impl FnOnce(&Value<'d>) -> Option<T>) -> Option<T> {
        let Some(value) = self.value(key) else {
            if self.document.is_broken() {
                return None;
            }
            self.document.fault(self.span.clone(), format!("`{key}` is missing"), Some(hint.to_owned()));
            return None;
        };
        read(&value)
    }

    /// The place of `key`, or of the table.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    /// Whether `key` is there; it counts as known.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The first of two keys that cannot stand together is kept; says so at the second.
    pub(super) fn exclusive(&self, keys: &[&str]) {
        let mut there: Vec<_> = keys.iter().filter(|key| self.has(key)).collect();
        there.sort_by_key(|key| self.key_span(key).start);
        for key in there.iter().skip(1) {
            let hint = Some(format!("keep one of {}", quoted_list(keys)));
            self.document.fault(self.key_span(key), format!("`{key}` cannot stand beside `{}`", there[0]), hint);
        }
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&self, key: &str) -> Vec<Self> {
        let Some(value) = self.value(key) else { return Vec::new() };
        match value.inner {
            DeValue::Array(_) => value.items().iter().filter_map(Value::table).collect(),
            DeValue::Table(_) => {
                let hint = Some(format!("there may be several: write `[[{key}]]`"));
                self.document.fault(self.key_span(key), format!("`{}` is a list of tables", value.name), hint);
                Vec::new()
            }
            _ => {
                value.mismatch("a list of tables", Some(&format!("write `[[{key}]]`")));
                Vec::new()
            }
        }
    }

    /// The table at `key`; an absent one is read as an empty one, so that its defaults apply.
    pub(super) fn sub(&self, key: &str) -> Self {
        let empty = || Self::new(self.document, &EMPTY, self.span.clone(), key);
        self.opt(key, Value::table).unwrap_or_else(empty)
    }

    /// The entries of a table whose keys are the user's own, in the order of the text.
    pub(super) fn entries(&self) -> Vec<Entry<'d>> {
        let mut entries: Vec<_> = self.table.iter().map(|(key, value)| self.entry(key, value)).collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        entries
    }

    fn entry(&self, key: &'d Spanned<Cow<'d, str>>, value: &'d Spanned<DeValue<'d>>) -> Entry<'d> {
        let name = format!("{}.{}", self.name, key.get_ref());
        self.asked.borrow_mut().push(key.get_ref().to_string());
        let value = Value { document: self.document, inner: value.get_ref(), span: value.span(), name };
        Entry { key: key.get_ref(), key_span: key.span(), value }
    }

    /// The same table, called otherwise.
    pub(super) fn renamed(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self) {
        self.check();
    }

    /// As [`Self::finish`], for a table that is borrowed.
    pub(super) fn check(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if asked.iter().any(|known| known == name) {
                continue;
            }
            let hint = super::value::nearest(name, asked.iter().map(String::as_str)).map_or_else(
                || format!("known here: {}", quoted_list(&asked)),
                |near| format!("did you mean `{near}`?"),
            );
            let place = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
            self.document.fault(key.span(), format!("unknown key `{name}`{place}"), Some(hint));
        }
    }
}

/// The line that `at` is in, its newline included.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let bytes = text.as_bytes();
    let start = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
    let end = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |newline| at + newline);
    start..end + 1
}

static EMPTY: std::sync::LazyLock<DeTable<'static>> = std::sync::LazyLock::new(DeTable::new);

/// Names in backticks, sorted, each once.
pub(super) fn quoted_list<S: AsRef<str>>(names: &[S]) -> String {
    let mut names: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    names.sort();
    names.dedup();
    names.join(", ")
}
