//! Cursors as text.

use super::*;

#[test]
fn a_cursor_reads_back() {
    for cursor in [Cursor { start: 0, id: 0 }, Cursor { start: 1_764_109_863_000_000_000, id: u128::MAX / 3 }] {
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }
}

#[test]
fn whatever_else_is_no_cursor() {
    let good = Cursor { start: 7, id: 9 }.to_string();
    let cut = &good[1..];
    let long = format!("{good}A");
    let padded = format!("{}==", &good[..30]);
    let wide = "é".repeat(16);
    for text in ["", "0", cut, &long, &padded, &wide, &"+".repeat(32), &" ".repeat(32)] {
        assert_eq!(Cursor::parse(text), None, "{text}");
    }
}
