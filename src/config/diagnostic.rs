//! What is wrong with a configuration, where, and how it may be put right; shown as rustc shows its own.

use std::{fmt, ops::Range};

use anstyle::{AnsiColor, Style};

use super::{mask, model::Toggle};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration cannot be run because of it.
    pub severity: Severity,
    /// What the text is called.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// How it may be put right.
    pub hint: Option<String>,
    // The line itself, secrets hidden, and how many characters are meant.
    excerpt: String,
    width: usize,
}

/// A finding that does not keep the configuration from running.
pub type Warning = Diagnostic;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be run.
    Fault,
    /// It can, but something is probably not as wished.
    Warning,
}

/// A finding before its place in the text is known in lines.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) span: Range<usize>,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Diagnostic {
    pub(super) fn new(source: &str, text: &str, secrets: &[Range<usize>], finding: Finding) -> Self {
        let start = floor(text, finding.span.start);
        let end = floor(text, finding.span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        Self {
            severity: finding.severity,
            source: source.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            what: finding.what,
            hint: finding.hint,
            excerpt: mask::line(text, line_start..line_end, secrets),
            width: text[start..end.min(line_end)].chars().count().max(1),
        }
    }

    /// The finding with its line of text, ending in a newline.
    pub fn render(&self, colours: Toggle) -> String {
        let style = |style: Style| if colours.is_on() { style } else { Style::new() };
        let (word, colour) = match self.severity {
            Severity::Fault => ("error", AnsiColor::Red),
            Severity::Warning => ("warning", AnsiColor::Yellow),
        };
        let bold = style(Style::new().bold());
        let loud = style(Style::new().bold().fg_color(Some(colour.into())));
        let edge = style(Style::new().bold().fg_color(Some(AnsiColor::Blue.into())));
        let number = self.line.to_string();
        let gap = " ".repeat(number.len());
        let (pad, caret) = (" ".repeat(self.column - 1), "^".repeat(self.width));
        let mut out = format!(
            "{loud}{word}{loud:#}{bold}: {}{bold:#}\n\
             {gap}{edge}-->{edge:#} {}:{}:{}\n\
             {gap} {edge}|{edge:#}\n\
             {edge}{number} |{edge:#} {}\n\
             {gap} {edge}|{edge:#} {pad}{loud}{caret}{loud:#}\n",
            self.what, self.source, self.line, self.column, self.excerpt,
        );
        if let Some(hint) = &self.hint {
            out += &format!("{gap} {edge}={edge:#} {bold}hint{bold:#}: {hint}\n");
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    /// In one line, as logs take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.source, self.line, self.column, self.what)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// All findings of a text, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// What the text is called.
    pub source: String,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(super) fn new(source: &str, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        Self { source: source.to_owned(), list }
    }

    /// The findings, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many findings there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many of them are faults.
    pub fn faults(&self) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == Severity::Fault).count()
    }

    /// All findings with their lines of text, an empty line after each.
    pub fn render(&self, colours: Toggle) -> String {
        self.list.iter().map(|diagnostic| diagnostic.render(colours) + "\n").collect()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Toggle::Off))
    }
}

impl std::error::Error for Diagnostics {}

/// The nearest character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}
