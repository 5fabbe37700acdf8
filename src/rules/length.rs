//! Lengths of time as people read them.

/// A length of time in nanoseconds, with three digits that matter.
pub fn length(nanos: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let nanos = nanos as f64;
    let three = |value: f64| match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    match nanos {
        ..999.5 => format!("{nanos:.0} ns"),
        ..999_500.0 => format!("{:.0} µs", nanos / 1e3),
        ..999_500_000.0 => format!("{} ms", three(nanos / 1e6)),
        ..59_995_000_000.0 => format!("{} s", three(nanos / 1e9)),
        _ => {
            let seconds = nanos / 1e9;
            format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor())
        }
    }
}

/// Reads a length of time with its unit, as in `1.5s`, in nanoseconds; units are `ns`, `us`, `ms`, `s`, `m`, `h`.
pub fn parse(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().ok()?;
    let unit = match unit {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; too long is the longest"
    )]
    Some((number * unit).round() as u64)
}

/// A part of a whole, in nanoseconds: `412 of 441 ms`; the unit is said once where both have it.
pub fn part_of(part: u64, whole: u64) -> String {
    let (part, whole) = (length(part), length(whole));
    let unit = |text: &str| text.rsplit_once(' ').map(|(_, unit)| unit.to_owned());
    match part.split_once(' ') {
        Some((number, _)) if unit(&part) == unit(&whole) && part.split(' ').count() == 2 => {
            format!("{number} of {whole}")
        }
        _ => format!("{part} of {whole}"),
    }
}
