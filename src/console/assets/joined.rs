//! Modules that are sent as one script, since no page has a use for one of them alone; and a page may bring a policy along,
//! behind the first, that forbids to ask for the others. `build.rs` goes by this, too.

/// The file that stands for all of them, and those before it.
const JOINED: (&str, [&str; 2]) = ("toolbar/agent/patch.js", ["toolbar/agent/spans.js", "toolbar/agent/main.js"]);

/// What is sent along in a file, in front of it.
pub(super) fn parts_of(name: &str) -> &'static [&'static str] {
    if name == JOINED.0 { &JOINED.1 } else { &[] }
}

/// Whether a file is sent within another one only.
pub(super) fn is_part(name: &str) -> bool {
    JOINED.1.contains(&name)
}

/// The parts and the file itself as a script whose names are its own: what one imports, another one has.
pub(super) fn joined(texts: &[String]) -> String {
    let mut script = String::from("(() => {\n'use strict';\n");
    for line in texts.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with("import ")) {
        script.push_str(line.strip_prefix("export ").unwrap_or(line));
        script.push('\n');
    }
    script + "})();\n"
}
