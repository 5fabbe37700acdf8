//! Modules that are sent as one file, since no page has a use for one of them alone; and a page may bring a policy along,
//! while the first is on its way, that forbids to ask for the other. `build.rs` goes by this, too.

/// The second of them stands in front of the first, whose lines that name it are left out. What it exports nobody else asks
/// for, and is no export of the whole.
const JOINED: [(&str, &str); 1] = [("toolbar/agent/main.js", "toolbar/agent/spans.js")];

/// What is sent along in a file.
pub(super) fn part_of(name: &str) -> Option<&'static str> {
    JOINED.iter().find(|(into, _)| *into == name).map(|(_, part)| *part)
}

/// Whether a file is sent within another one only.
pub(super) fn is_part(name: &str) -> bool {
    JOINED.iter().any(|(_, part)| *part == name)
}

/// A file's text, with that of its part.
pub(super) fn joined(text: &str, part: &str, part_text: &str) -> String {
    let import = format!("./{}'", part.rsplit('/').next().unwrap_or(part));
    let rest: Vec<&str> = text.lines().filter(|line| !line.contains(&import)).collect();
    format!("{}{}\n", part_text.replace("\nexport ", "\n"), rest.join("\n"))
}
