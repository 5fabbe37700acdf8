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
