//! Counters in the text form of OpenMetrics 1.0.0.

use std::fmt::Write as _;

/// The media type of that form.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a family of metrics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// Facts, in labels.
    Info,
}

/// A text that grows by one family of metrics after the other.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Writes a family: `name` without prefix and suffix, and its samples by label.
    pub fn family<'a>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (&'a [(&'a str, &'a str)], u64)>,
    ) {
        let (kind, suffix) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Info => ("info", "_info"),
        };
        self.line(format_args!("# TYPE waylight_{name} {kind}"));
        // A unit is stated where the name ends with it, as the form demands.
        for unit in ["bytes", "seconds"] {
            if name.ends_with(unit) {
                self.line(format_args!("# UNIT waylight_{name} {unit}"));
            }
        }
        self.line(format_args!("# HELP waylight_{name} {}", escaped(help.trim())));
        for (labels, value) in samples {
            self.line(format_args!("waylight_{name}{suffix}{} {value}", Labels(labels)));
        }
    }

    /// A family of one sample without labels.
    pub fn one(&mut self, kind: Kind, name: &str, help: &str, value: u64) {
        self.family(kind, name, help, [(&[] as &[_], value)]);
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        writeln!(self.text, "{line}").ok();
    }
}

struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl std::fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{name}=\"{}\"", escaped(value))?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests;
