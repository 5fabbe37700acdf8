//! The different values of one column of a block, and the number of each row's value. Number 0 is "none".

use std::{collections::HashMap, hash::Hash};

use crate::rules::find::{Pattern, fold};

/// A number of a value. A block has fewer rows than there are numbers; see `Column::is_full`.
type Code = u16;

/// Texts, folded, all in one string: what is looked for anywhere is looked for in all of them at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    codes: Vec<Code>,
    arena: String,
    /// Where each text ends.
    ends: Vec<u32>,
    /// While the block grows.
    known: HashMap<Box<str>, Code>,
}

impl Texts {
    /// One more row.
    pub(super) fn push(&mut self, text: &str) {
        let code = self.code(text);
        self.codes.push(code);
    }

    /// Another text for a row.
    pub(super) fn set(&mut self, row: usize, text: &str) {
        let code = self.code(text);
        self.codes[row] = code;
    }

    /// The row's text, folded.
    pub(super) fn at(&self, row: usize) -> &str {
        self.text(self.codes[row])
    }

    /// Nothing grows from here.
    pub(super) fn seal(&mut self) {
        self.known = HashMap::new();
        self.codes.shrink_to_fit();
        self.arena.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Whether there may be no number left for another text.
    pub(super) fn is_full(&self) -> bool {
        self.ends.len() + 1 >= usize::from(Code::MAX)
    }

    /// Whether row by row, the text is like the pattern: looked up for each text where `rows` are many, else for each
    /// row.
    pub(super) fn like<'t>(&'t self, pattern: &'t Pattern, rows: usize) -> impl Fn(usize) -> bool + 't {
        let like = self.is_worth_it(rows).then(|| self.all_like(pattern));
        move |row| match &like {
            Some(like) => like[usize::from(self.codes[row])],
            None => pattern.is_like_folded(self.at(row)),
        }
    }

    /// Whether all texts are looked through at once where so many rows are asked for.
    pub(super) fn is_worth_it(&self, rows: usize) -> bool {
        rows * 4 >= self.ends.len()
    }

    /// Where what the pattern needs stands first, in octets from the beginning: the later, the rarer it is. `None`: no
    /// text is like the pattern.
    pub(super) fn first(&self, pattern: &Pattern) -> Option<usize> {
        memchr::memmem::find(self.arena.as_bytes(), pattern.needle().as_bytes())
    }

    /// How many different texts there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Of each text, whether it is like the pattern.
    fn all_like(&self, pattern: &Pattern) -> Vec<bool> {
        let mut like = vec![false; self.ends.len() + 1];
        let needle = pattern.needle();
        let finder = memchr::memmem::Finder::new(needle);
        let arena = self.arena.as_bytes();
        let (mut from, mut index) = (0, 0);
        while let Some(at) = finder.find(&arena[from..]).map(|at| at + from) {
            while self.ends.get(index).is_some_and(|end| *end as usize <= at) {
                index += 1;
            }
            let Some(end) = self.ends.get(index).map(|end| *end as usize) else { break };
            if at + needle.len() > end {
                // It would reach into the next text.
                from = at + 1;
                continue;
            }
            let begin = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
            like[index + 1] = pattern.is_like_folded(&self.arena[begin..end]);
            from = end;
        }
        like
    }

    fn text(&self, code: Code) -> &str {
        let Some(index) = usize::from(code).checked_sub(1) else { return "" };
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.arena[begin..self.ends[index] as usize]
    }

    fn code(&mut self, text: &str) -> Code {
        if text.is_empty() {
            return 0;
        }
        let folded = fold(text);
        if let Some(code) = self.known.get(&*folded) {
            return *code;
        }
        self.arena.push_str(&folded);
        // A block's rows have at most 256 octets of each text.
        self.ends.push(u32::try_from(self.arena.len()).unwrap_or(u32::MAX));
        let code = Code::try_from(self.ends.len()).unwrap_or_default();
        self.known.insert(folded.into(), code);
        code
    }
}

/// Values of a fixed size.
#[derive(Clone, Debug, Default)]
pub(super) struct Values<T> {
    codes: Vec<Code>,
    values: Vec<T>,
    known: HashMap<T, Code>,
}

impl<T: Copy + Eq + Hash> Values<T> {
    /// One more row.
    pub(super) fn push(&mut self, value: Option<T>) {
        let code = self.code(value);
        self.codes.push(code);
    }

    /// Another value for a row.
    pub(super) fn set(&mut self, row: usize, value: Option<T>) {
        let code = self.code(value);
        self.codes[row] = code;
    }

    /// The row's value.
    pub(super) fn at(&self, row: usize) -> Option<T> {
        usize::from(self.codes[row]).checked_sub(1).map(|index| self.values[index])
    }

    /// Whether the row has a value.
    pub(super) fn is_there(&self, row: usize) -> bool {
        self.codes[row] != 0
    }

    /// Row by row, whether the value is this one.
    pub(super) fn is(&self, value: T) -> impl Fn(usize) -> bool {
        // A value may have come twice: again after the block was sealed.
        let codes: Vec<Code> =
            self.values.iter().zip(1..).filter(|(known, _)| **known == value).map(|(_, code)| code).collect();
        move |row| codes.contains(&self.codes[row])
    }

    /// Nothing grows from here.
    pub(super) fn seal(&mut self) {
        self.known = HashMap::new();
        self.codes.shrink_to_fit();
        self.values.shrink_to_fit();
    }

    /// Whether there may be no number left for another value.
    pub(super) fn is_full(&self) -> bool {
        self.values.len() + 1 >= usize::from(Code::MAX)
    }

    fn code(&mut self, value: Option<T>) -> Code {
        let Some(value) = value else { return 0 };
        if let Some(code) = self.known.get(&value) {
            return *code;
        }
        self.values.push(value);
        let code = Code::try_from(self.values.len()).unwrap_or_default();
        self.known.insert(value, code);
        code
    }
}
