//! Dates in header fields, RFC 9110 section 5.6.7, as a cache reads them: all three forms, letters of any case
//! (RFC 9111 section 4.2), and nothing that is none of the three. Seconds since the Unix epoch.

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const DAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
const LONG_DAYS: [&[u8]; 7] = [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];

/// Reads a date; `now` tells which century two digits mean. Years before 1970 are the epoch itself.
pub fn parse(text: &[u8], now: u64) -> Option<u64> {
    let lower = text.trim_ascii().to_ascii_lowercase();
    let parts: Vec<&[u8]> = lower.split(|&octet| octet == b' ').collect();
    match *parts.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [day, date, month, year, time, b"gmt"] if is_day(day, &DAYS) => {
            moment(Day { year: digits(year, 4)?, month: month_of(month)?, day: digits(date, 2)? }, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [day, date, time, b"gmt"] if is_day(day, &LONG_DAYS) => {
            let mut parts = date.split(|&octet| octet == b'-');
            let (date, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() {
                return None;
            }
            let day = Day { year: century(digits(year, 2)?, now), month: month_of(month)?, day: digits(date, 2)? };
            moment(day, time)
        }
        // Sun Nov  6 08:49:37 1994
        [day, month, b"", date, time, year] if DAYS.contains(&day) => {
            moment(Day { year: digits(year, 4)?, month: month_of(month)?, day: digits(date, 1)? }, time)
        }
        [day, month, date, time, year] if DAYS.contains(&day) => {
            moment(Day { year: digits(year, 4)?, month: month_of(month)?, day: digits(date, 2)? }, time)
        }
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Day {
    year: u64,
    month: u64,
    day: u64,
}

fn is_day(text: &[u8], names: &[&[u8]]) -> bool {
    text.strip_suffix(b",").is_some_and(|name| names.contains(&name))
}

fn month_of(name: &[u8]) -> Option<u64> {
    MONTHS.iter().position(|month| month.as_slice() == name).map(|at| at as u64 + 1)
}

fn digits(text: &[u8], count: usize) -> Option<u64> {
    if text.len() != count || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Two digits that would lie more than fifty years ahead mean the century before.
fn century(year: u64, now: u64) -> u64 {
    let this = 1970 + now / 31_556_952;
    let guess = this - this % 100 + year;
    if guess > this + 50 { guess - 100 } else { guess }
}

fn moment(day: Day, time: &[u8]) -> Option<u64> {
    let mut parts = time.split(|&octet| octet == b':');
    let [hour, minute, second] = [digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?];
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 || day.day == 0 || day.day > length(&day) {
        return None;
    }
    let days = days_since_epoch(&day);
    let seconds = days * 86_400 + i64::try_from(hour * 3_600 + minute * 60 + second).ok()?;
    Some(u64::try_from(seconds).unwrap_or(0))
}

fn length(day: &Day) -> u64 {
    let leap = day.year.is_multiple_of(4) && (!day.year.is_multiple_of(100) || day.year.is_multiple_of(400));
    match day.month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_since_epoch(day: &Day) -> i64 {
    let of = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (year, month, date) = (of(day.year), of(day.month), of(day.day));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
