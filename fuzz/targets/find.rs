//! The search grammar: any text is read or refused, at a place of its own; what asks for nothing finds everything.

use waylight::rules::find::{Find, IdField, NumberField, Record, TERMS_MAX, TextField};

/// The first line is a search; the rest is what is searched in.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (search, rest) = text.split_once('\n').unwrap_or((text, text));
    match Find::parse(search) {
        Ok(find) => {
            let record = Whole(rest);
            assert!(find.terms().len() <= TERMS_MAX);
            assert!(find.matches(&record) || !find.is_empty());
        }
        Err(error) => {
            assert!(error.at <= search.len() && search.is_char_boundary(error.at) && !error.message.is_empty())
        }
    }
}

/// Every field is the same text.
struct Whole<'t>(&'t str);

impl Record for Whole<'_> {
    fn text(&self, _: TextField) -> &str {
        self.0
    }

    fn number(&self, _: NumberField) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    fn id(&self, _: IdField) -> Option<u128> {
        Some(self.0.len() as u128)
    }

    fn status(&self) -> u16 {
        u16::try_from(self.0.len() % 600).unwrap_or_default()
    }

    fn failed(&self) -> bool {
        self.0.is_empty()
    }

    fn any_attribute(&self, _: Option<&str>, like: &mut dyn FnMut(&str) -> bool) -> bool {
        like(self.0)
    }
}
