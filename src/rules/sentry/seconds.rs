//! Seconds with a fraction, to nanoseconds: digit by digit, since an `f64` of today's seconds is exact to some 200
//! nanoseconds only.

/// Nanoseconds of a number as JSON writes it, what is less than one cut off; `None`: it is negative, or later than the
/// year 2554.
pub fn nanos(number: &str) -> Option<u64> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let mut digits = whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').peekable();
    if digits.peek().is_none() {
        return Some(0);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let zeros = whole.len() + fraction.len() - digits.clone().count();
    // So many of the digits that are left stand before the point of nanoseconds.
    let places = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()? + i64::from(exponent) + 9;
    let mut nanos = 0_u64;
    for _ in 0..places {
        let digit = digits.next().map_or(0, |digit| digit - b'0');
        nanos = nanos.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(nanos)
}

#[cfg(test)]
mod tests;
