//! A line of a configuration as it may be shown: values that are secret, or may be, are hidden.

use std::ops::Range;

/// The longest line shown, in characters.
const LINE_CHARS_MAX: usize = 200;
/// Keys and tables whose values are never shown. Broad on purpose: a fault may stand in a line that was not understood.
const WORDS: &[&str] = &[
    "secret",
    "token",
    "passw",
    "authorization",
    "api_key",
    "api-key",
    "apikey",
    "cookie",
    "credential",
    "dsn",
    "auth",
];
/// Tables, all of whose values are hidden where a line was not understood.
const TABLES: &[&str] = &["env", "headers"];

/// The line at `line`, with what lies in `secrets` hidden, of the same length.
pub(super) fn line(text: &str, line: Range<usize>, secrets: &[Range<usize>]) -> String {
    let content = &text[line.clone()];
    let suspect_from = suspect(text, &line).unwrap_or(content.len());
    let shown = content.char_indices().take(LINE_CHARS_MAX).map(|(index, char)| {
        let at = line.start + index;
        let hidden = index >= suspect_from || secrets.iter().any(|secret| secret.contains(&at));
        match char {
            '\t' | '\r' => ' ',
            '"' | '\'' | '[' | ']' | '{' | '}' | ' ' | ',' => char,
            _ if hidden => '*',
            char if char.is_control() => ' ',
            char => char,
        }
    });
    shown.collect::<String>().trim_end().to_owned()
}

/// Where the value begins, in a line that may hold a secret.
fn suspect(text: &str, line: &Range<usize>) -> Option<usize> {
    let content = &text[line.clone()];
    let lower = content.to_ascii_lowercase();
    let plain = |text: &str| matches!(text.split('#').next().unwrap_or_default().trim(), "true" | "false");
    if lower.split_once('=').is_some_and(|(key, value)| key.trim().ends_with("_file") || plain(value)) {
        return None;
    }
    let (key, value) = lower.split_once('=').map_or((&*lower, None), |(key, _)| (key, Some(key.len() + 1)));
    let start = WORDS.iter().filter_map(|word| lower.find(word)).min();
    if let Some(start) = start {
        // A word in the value (an inline table) hides from there on; a word in the key hides the value.
        return if start < key.len() { value } else { lower[start..].find('=').map(|equals| start + equals + 1) };
    }
    let header = text[..line.start].lines().rev().find(|line| line.trim_start().starts_with('['))?;
    let name = header.trim().trim_matches(['[', ']']);
    let last = name.rsplit('.').next().unwrap_or_default().trim();
    if TABLES.contains(&last) { value } else { None }
}
