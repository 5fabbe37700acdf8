//! Elements whose content is text: where they end. Scripts have states of their own (HTML standard, 13.2.5.4 to
//! 13.2.5.31): inside of `<!--`, a `<script>` hides the next `</script>`.

use super::tokens::Name;

/// The content of one such element, so far.
#[derive(Debug)]
pub(super) struct Raw {
    name: Name,
    at: At,
    hidden: Hidden,
    dashes: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Text,
    /// Behind `<`.
    Open,
    /// Behind `</` and so many letters of the name.
    Close(usize),
    /// Behind `<` and so many letters of `script`.
    Nested(usize),
    /// Behind `<!` and so many dashes.
    Bang(u8),
}

/// What an end tag means inside of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hidden {
    No,
    /// Inside of `<!--`.
    Comment,
    /// And inside of a `<script>` there.
    Script,
}

impl Raw {
    pub(super) fn new(name: Name) -> Self {
        Self { name, at: At::Text, hidden: Hidden::No, dashes: 0 }
    }

    /// Reads on. True: the name of the end tag was read; what ends it is left.
    pub(super) fn ends(&mut self, rest: &mut &[u8]) -> bool {
        while let Some(&octet) = rest.first() {
            if self.at == At::Text {
                self.text(rest);
                continue;
            }
            match self.step(octet) {
                Step::Taken => *rest = &rest[1..],
                Step::Text => self.at = At::Text,
                Step::End => return true,
            }
        }
        false
    }

    fn step(&mut self, octet: u8) -> Step {
        let (name, letters) = match self.at {
            At::Text | At::Open => return self.open(octet),
            At::Bang(dashes) => return self.bang(octet, dashes),
            At::Close(letters) => (self.name.as_bytes(), letters),
            At::Nested(letters) => (&b"script"[..], letters),
        };
        match name.get(letters) {
            Some(letter) if octet.to_ascii_lowercase() == *letter => {
                self.at =
                    if matches!(self.at, At::Close(_)) { At::Close(letters + 1) } else { At::Nested(letters + 1) };
                Step::Taken
            }
            None if matches!(octet, b'\t' | b'\n' | 0x0C | b'\r' | b' ' | b'/' | b'>') => self.named(),
            _ => Step::Text,
        }
    }

    /// A whole name was read.
    fn named(&mut self) -> Step {
        match (self.at, self.hidden) {
            (At::Close(_), Hidden::Script) => self.hidden = Hidden::Comment,
            (At::Close(_), _) => return Step::End,
            _ => self.hidden = Hidden::Script,
        }
        Step::Text
    }

    fn open(&mut self, octet: u8) -> Step {
        let is_script = self.name.as_bytes() == b"script";
        self.at = match octet {
            b'/' => At::Close(0),
            b'!' if is_script && self.hidden == Hidden::No => At::Bang(0),
            b's' | b'S' if self.hidden == Hidden::Comment => At::Nested(1),
            _ => return Step::Text,
        };
        Step::Taken
    }

    fn bang(&mut self, octet: u8, dashes: u8) -> Step {
        match (octet, dashes) {
            (b'-', 0) => self.at = At::Bang(1),
            (b'-', _) => (self.hidden, self.dashes, self.at) = (Hidden::Comment, 2, At::Text),
            _ => return Step::Text,
        }
        Step::Taken
    }

    fn text(&mut self, rest: &mut &[u8]) {
        let next = if self.hidden == Hidden::No {
            memchr::memchr(b'<', rest)
        } else {
            memchr::memchr3(b'<', b'-', b'>', rest)
        };
        let Some(next) = next else {
            self.dashes = 0;
            *rest = &[];
            return;
        };
        if next > 0 {
            self.dashes = 0;
        }
        match rest[next] {
            b'-' => self.dashes = (self.dashes + 1).min(2),
            b'<' => (self.dashes, self.at) = (0, At::Open),
            _ => {
                if self.dashes == 2 {
                    self.hidden = Hidden::No;
                }
                self.dashes = 0;
            }
        }
        *rest = &rest[next + 1..];
    }
}

enum Step {
    /// The octet belongs here.
    Taken,
    /// It does not: it is read again, as text.
    Text,
    /// The element ends.
    End,
}
