//! Values as TOML writes them.

use std::time::Duration;

/// A basic string, TOML section "String".
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            char if char.is_control() => out += &format!("\\u{:04X}", u32::from(char)),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

/// A string that `${NAME}` is not looked up in.
pub(super) fn text(text: &str) -> String {
    quoted(&text.replace("${", "$${"))
}

/// A key, quoted where it must be.
pub(super) fn key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { key.to_owned() } else { quoted(key) }
}

/// A duration in its largest whole unit.
pub(super) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis > 0 && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") }
}

/// A size in its largest whole unit.
pub(super) fn size(octets: u64) -> String {
    for (unit, length) in [("GiB", super::value::GIB), ("MiB", super::value::MIB), ("KiB", super::value::KIB)] {
        if octets > 0 && octets.is_multiple_of(length) {
            return format!("{}{unit}", octets / length);
        }
    }
    octets.to_string()
}
