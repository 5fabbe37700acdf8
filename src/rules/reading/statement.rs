//! Statements of databases, told apart by what they ask and not by the values in them: `where id = 7` is `where id = 8`, and
//! a list of three values is one of four. No parser: dialects differ, and a wrong guess here groups two queries at worst.

/// So much of a statement is looked at, in octets.
const BYTES_MAX: usize = 4096;
/// What stands for a value.
const VALUE: u8 = b'?';

/// A number for what a statement asks; 0 for none. Two that differ in it differ in more than values.
pub fn shape(statement: &str) -> u64 {
    let octets = &statement.as_bytes()[..statement.len().min(BYTES_MAX)];
    let mut plain: Vec<u8> = Vec::with_capacity(octets.len());
    let mut at = 0;
    while let Some(&octet) = octets.get(at) {
        at += 1;
        match octet {
            b'\'' => {
                at += text(&octets[at..]);
                value(&mut plain);
            }
            b'0'..=b'9' if !plain.last().is_some_and(|last| is_of_word(*last)) => {
                at += octets[at..].iter().take_while(|octet| is_of_word(**octet) || **octet == b'.').count();
                // Numbered places of values: `$1`, `:2`.
                if matches!(plain.last(), Some(b'$' | b':')) {
                    plain.pop();
                }
                value(&mut plain);
            }
            VALUE => value(&mut plain),
            _ if octet.is_ascii_whitespace() => {
                if plain.last().is_some_and(|last| *last != b' ') {
                    plain.push(b' ');
                }
            }
            _ => plain.push(octet.to_ascii_lowercase()),
        }
    }
    let plain = plain.trim_ascii_end();
    if plain.is_empty() { 0 } else { hash(plain).max(1) }
}

/// How far a text goes whose quote was read: its own quotes stand twice.
fn text(octets: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\'', &octets[at..]) {
        at += found + 1;
        if octets.get(at) != Some(&b'\'') {
            return at;
        }
        at += 1;
    }
    octets.len()
}

/// A value; of several in a row one stays.
fn value(plain: &mut Vec<u8>) {
    let end = plain.iter().rposition(|octet| !matches!(octet, b' ' | b',')).map_or(0, |last| last + 1);
    if end > 0 && plain[end - 1] == VALUE {
        plain.truncate(end);
    } else {
        plain.push(VALUE);
    }
}

const fn is_of_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_' || octet >= 0x80
}

/// FNV-1a.
fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3))
}
