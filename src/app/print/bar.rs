//! A span's place in its trace as a bar of half letters.

/// Draws the part of `width` letters that `from..to` takes of `whole`, in nanoseconds since the trace began. At least
/// half a letter is drawn, however short the span.
pub(super) fn bar(from: u64, to: u64, whole: u64, width: usize) -> String {
    let halves = 2 * width as u128;
    let whole = u128::from(whole.max(1));
    let scaled = |moment: u64| (u128::from(moment) * halves / whole).min(halves);
    let first = scaled(from).min(halves - 1);
    let last = (u128::from(to) * halves).div_ceil(whole).clamp(first + 1, halves);
    let mut drawn = String::new();
    for letter in 0..width as u128 {
        let half = |at: u128| (first..last).contains(&at);
        drawn.push(match (half(2 * letter), half(2 * letter + 1)) {
            (true, true) => '━',
            (true, false) => '╸',
            (false, true) => '╺',
            (false, false) => ' ',
        });
    }
    drawn.truncate(drawn.trim_end().len());
    drawn
}
