//! What of a certificate decides where it is presented: the names it is for, and until when. RFC 5280 sections 4.1
//! and 4.2.1.6; only as much of DER (X.690) as that takes. Trust is not judged here: that is the client's business.

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The DNS names it is for, in lower case; `*.a.b` for wildcards.
    pub names: Vec<String>,
    /// Until when it is valid, in seconds since the Unix epoch.
    pub not_after: u64,
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]` and `[3]`, explicit: version and extensions of a certificate.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `[2]`, implicit: a DNS name among alternative names.
const DNS_NAME: u8 = 0x82;

/// 2.5.29.17, the alternative names of the subject.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Reads a certificate in DER; `None` if it is none.
pub fn read(der: &[u8]) -> Option<Facts> {
    let mut certificate = Der(der).enter(SEQUENCE)?;
    let mut body = certificate.enter(SEQUENCE)?;
    if body.peek() == Some(VERSION) {
        body.next()?;
    }
    body.take(INTEGER)?; // serial number
    body.take(SEQUENCE)?; // signature algorithm
    body.take(SEQUENCE)?; // issuer
    let mut validity = body.enter(SEQUENCE)?;
    validity.next()?; // not before
    let (tag, text) = validity.next()?;
    let not_after = time(tag, text)?;
    let mut names = Vec::new();
    while let Some((tag, content)) = body.next() {
        if tag == EXTENSIONS {
            names = alternative_names(content)?;
        }
    }
    Some(Facts { names, not_after })
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut extensions = Der(extensions).enter(SEQUENCE)?;
    while let Some((_, extension)) = extensions.next() {
        let mut extension = Der(extension);
        if extension.take(OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        let mut value = extension.next()?;
        if value.0 != OCTET_STRING {
            value = extension.next()?; // the first was whether it is critical
        }
        let mut names = Der(value.1).enter(SEQUENCE)?;
        let mut found = Vec::new();
        while let Some((tag, name)) = names.next() {
            if tag == DNS_NAME {
                found.push(std::str::from_utf8(name).ok()?.to_ascii_lowercase());
            }
        }
        return Some(found);
    }
    Some(Vec::new())
}

/// RFC 5280 section 4.1.2.5: `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` after.
fn time(tag: u8, text: &[u8]) -> Option<u64> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2]);
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| number(&rest[at..at + 2]);
    let (month, day) = (part(0), part(2));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days(year, month, day) * 86_400 + part(4) * 3600 + part(6) * 60 + part(8))
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Days since the Unix epoch, of the Gregorian calendar; 0 before it.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Counted from March, a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    days.saturating_sub(719_468)
}

/// Octets in DER, read value by value.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next value: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 || count > rest.len() {
                return None;
            }
            let (octets, after) = rest.split_at(count);
            rest = after;
            octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet))
        };
        let content = rest.get(..length)?;
        self.0 = &rest[length..];
        Some((tag, content))
    }

    /// The next value, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// What is inside of the next value, which must have this tag.
    fn enter(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }
}

#[cfg(test)]
mod tests;
