use proptest::prelude::*;

use super::*;

#[test]
fn every_digit_counts() {
    for (number, expected) in [
        ("0", Some(0)),
        ("0.0", Some(0)),
        ("0e999999999", Some(0)),
        ("1", Some(1_000_000_000)),
        ("1732624556.1234567", Some(1_732_624_556_123_456_700)),
        ("1732624556.123456789", Some(1_732_624_556_123_456_789)),
        ("1732624556.1234567899", Some(1_732_624_556_123_456_789)),
        ("1.732624556e9", Some(1_732_624_556_000_000_000)),
        ("173262455612e-2", Some(1_732_624_556_120_000_000)),
        ("0.000000001", Some(1)),
        ("0.00000000099", Some(0)),
        ("1e-9", Some(1)),
        ("1E+2", Some(100_000_000_000)),
        ("1e-99", Some(0)),
        ("18446744073.709551615", Some(u64::MAX)),
        ("18446744073.709551616", None),
        ("1e11", None),
        ("1e999999999", None),
        ("1e9999999999999", None),
        ("-1", None),
        ("..", None),
        ("1.2.3", None),
    ] {
        assert_eq!(nanos(number), expected, "{number}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(nanoseconds in any::<u64>()) {
        let text = format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        prop_assert_eq!(nanos(&text), Some(nanoseconds));
        let text = format!("{}.{:09}e-3", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        prop_assert_eq!(nanos(&text), Some(nanoseconds / 1_000));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9.eE+-]{0,24}") {
        let _ = nanos(&text);
    }
}
