//! Words for the person at the terminal: coloured there, plain in a pipe or with `NO_COLOR`.
//!
//! Not the log ([`super::telemetry`]). Whoever closed the pipe does not want to hear more: a failed write is no error.

use std::{fmt, io::Write as _};

use anstyle::{AnsiColor, Style};

/// What went wrong.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What to look at.
pub const STRONG: Style = Style::new().bold();
/// What may be passed over.
pub const FAINT: Style = Style::new().dimmed();
/// What may be opened or typed.
pub const LINK: Style = AnsiColor::Cyan.on_default().underline();

/// Text in a style.
#[derive(Clone, Copy, Debug)]
pub struct Styled<T>(pub Style, pub T);

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.0.render(), self.1, self.0.render_reset())
    }
}

/// A line of what was asked for.
pub fn say(text: impl fmt::Display) {
    writeln!(anstream::stdout(), "{text}").ok();
}

/// A line about what went wrong.
pub fn complain(text: impl fmt::Display) {
    writeln!(anstream::stderr(), "{}: {text}", Styled(ERROR, "error")).ok();
}

/// Lines that say themselves what went wrong.
pub fn mutter(text: impl fmt::Display) {
    writeln!(anstream::stderr(), "{text}").ok();
}

/// An error and all its causes, one sentence.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many errors repeat their cause in their own words.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
