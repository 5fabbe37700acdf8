//! Some thousands of requests, column by column, in the order of their numbers.

use std::cmp::Reverse;

use super::{
    Seq, Which,
    dictionary::{Texts, Values},
    mask::Mask,
};
use crate::{
    rules::{
        find::{Condition, Find, IdField, NumberField, Pattern, Record, Sense, Term, TextField, WORDS},
        session::Id,
    },
    trace::requests::row::RequestRow,
};

/// Rows of a block.
pub(super) const ROWS_MAX: usize = 16_384;
/// The fields of text, in the order of their columns.
const TEXTS: [TextField; 8] = [
    TextField::Method,
    TextField::Host,
    TextField::Path,
    TextField::Route,
    TextField::Upstream,
    TextField::Error,
    TextField::Person,
    TextField::Cache,
];
/// A number that is not known.
const NONE: u64 = u64::MAX;

/// Some requests.
#[derive(Clone, Debug)]
pub(super) struct Block {
    sealed: Sealed,
    live: Mask,
    live_count: usize,
    /// The bounds of `starts`; they do not shrink when rows go.
    pub(super) start_min: u64,
    pub(super) start_max: u64,
    seqs: Vec<Seq>,
    starts: Vec<u64>,
    durations: Vec<u64>,
    first_bytes: Vec<u64>,
    bytes: Vec<u64>,
    ids: Vec<u128>,
    statuses: Vec<u16>,
    texts: [Texts; TEXTS.len()],
    pub(super) sessions: Values<u128>,
    pub(super) identities: Values<u128>,
    pub(super) pages: Values<u128>,
    pub(super) traces: Values<u128>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sealed {
    Yes,
    No,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            sealed: Sealed::No,
            live: Mask::default(),
            live_count: 0,
            start_min: u64::MAX,
            start_max: 0,
            seqs: Vec::new(),
            starts: Vec::new(),
            durations: Vec::new(),
            first_bytes: Vec::new(),
            bytes: Vec::new(),
            ids: Vec::new(),
            statuses: Vec::new(),
            texts: Default::default(),
            sessions: Values::default(),
            identities: Values::default(),
            pages: Values::default(),
            traces: Values::default(),
        }
    }
}

impl Block {
    /// The highest number, gone ones included.
    pub(super) fn last(&self) -> Option<Seq> {
        self.seqs.last().copied()
    }

    /// Rows that are there.
    pub(super) fn len(&self) -> usize {
        self.live_count
    }

    /// Rows that are there, or were.
    pub(super) fn size(&self) -> usize {
        self.seqs.len()
    }

    /// Whether no new row may come.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed == Sealed::Yes
    }

    /// Takes a row in, with a number above all others.
    pub(super) fn push(&mut self, seq: Seq, row: &RequestRow) {
        self.live.push(self.seqs.len());
        self.live_count += 1;
        self.seqs.push(seq);
        self.starts.push(row.start);
        self.durations.push(row.duration);
        self.first_bytes.push(row.first_byte.unwrap_or(NONE));
        self.bytes.push(row.bytes);
        self.ids.push(row.id);
        self.statuses.push(row.status);
        for (texts, field) in self.texts.iter_mut().zip(TEXTS) {
            texts.push(Record::text(row, field));
        }
        self.sessions.push(row.session.map(number));
        self.identities.push(row.identity.map(number));
        self.pages.push(row.page);
        self.traces.push(row.trace.map(|trace| u128::from_be_bytes(trace.to_bytes())));
        self.reach(row.start);
        if self.seqs.len() >= ROWS_MAX {
            self.seal();
        }
    }

    /// Puts a row in place of the one with its number, which may have gone; one that was never here is left out.
    pub(super) fn replace(&mut self, seq: Seq, row: &RequestRow) {
        let Ok(at) = self.seqs.binary_search(&seq) else { return };
        if self.is_full() {
            let kept = std::mem::take(self);
            *self = Self::gather(&[&kept]);
            if self.is_full() || self.seqs.binary_search(&seq).is_err() {
                return;
            }
            return self.replace(seq, row);
        }
        if !self.live.unset(at) {
            self.live_count += 1;
        }
        self.live.set(at);
        self.starts[at] = row.start;
        self.durations[at] = row.duration;
        self.first_bytes[at] = row.first_byte.unwrap_or(NONE);
        self.bytes[at] = row.bytes;
        self.ids[at] = row.id;
        self.statuses[at] = row.status;
        for (texts, field) in self.texts.iter_mut().zip(TEXTS) {
            texts.set(at, Record::text(row, field));
        }
        self.sessions.set(at, row.session.map(number));
        self.identities.set(at, row.identity.map(number));
        self.pages.set(at, row.page);
        self.traces.set(at, row.trace.map(|trace| u128::from_be_bytes(trace.to_bytes())));
        self.reach(row.start);
    }

    /// Lets a row go.
    pub(super) fn remove(&mut self, seq: Seq) {
        let Ok(at) = self.seqs.binary_search(&seq) else { return };
        if self.live.unset(at) {
            self.live_count -= 1;
        }
    }

    /// Ends its growth.
    pub(super) fn seal(&mut self) {
        self.sealed = Sealed::Yes;
        self.texts.iter_mut().for_each(Texts::seal);
        for values in [&mut self.sessions, &mut self.identities, &mut self.pages, &mut self.traces] {
            values.seal();
        }
        for numbers in [&mut self.seqs, &mut self.starts, &mut self.durations, &mut self.first_bytes, &mut self.bytes] {
            numbers.shrink_to_fit();
        }
        self.ids.shrink_to_fit();
        self.statuses.shrink_to_fit();
    }

    /// A block of the rows that are there in others, in this order.
    pub(super) fn gather(blocks: &[&Self]) -> Self {
        let mut all = Self::default();
        for block in blocks {
            block.live.rows().for_each(|row| all.copy(block, row));
        }
        all.seal();
        all
    }

    fn copy(&mut self, from: &Self, row: usize) {
        self.live.push(self.seqs.len());
        self.live_count += 1;
        self.seqs.push(from.seqs[row]);
        self.starts.push(from.starts[row]);
        self.durations.push(from.durations[row]);
        self.first_bytes.push(from.first_bytes[row]);
        self.bytes.push(from.bytes[row]);
        self.ids.push(from.ids[row]);
        self.statuses.push(from.statuses[row]);
        for (texts, others) in self.texts.iter_mut().zip(&from.texts) {
            texts.push(others.at(row));
        }
        self.sessions.push(from.sessions.at(row));
        self.identities.push(from.identities.at(row));
        self.pages.push(from.pages.at(row));
        self.traces.push(from.traces.at(row));
        self.reach(from.starts[row]);
    }

    fn reach(&mut self, start: u64) {
        self.start_min = self.start_min.min(start);
        self.start_max = self.start_max.max(start);
    }

    fn is_full(&self) -> bool {
        self.texts.iter().any(Texts::is_full)
            || [&self.sessions, &self.identities, &self.pages, &self.traces].into_iter().any(Values::is_full)
    }

    /// Rows that began before a moment.
    pub(super) fn older_than(&self, moment: u64, which: Which) -> impl Iterator<Item = Seq> {
        let any = self.start_min < moment;
        let rows = any.then(|| self.live.rows()).into_iter().flatten();
        rows.filter(move |row| self.starts[*row] < moment && (which == Which::All || !self.traces.is_there(*row)))
            .map(|row| self.seqs[row])
    }
}

/// Reading.
impl Block {
    /// The rows that are there.
    pub(super) fn live(&self) -> Mask {
        self.live.clone()
    }

    /// A row's number in the store.
    pub(super) fn seq(&self, row: usize) -> Seq {
        self.seqs[row]
    }

    /// When a row began, and its id.
    pub(super) fn place(&self, row: usize) -> (u64, u128) {
        (self.starts[row], self.ids[row])
    }

    /// A row's status.
    pub(super) fn status(&self, row: usize) -> u16 {
        self.statuses[row]
    }

    /// Leaves the rows that are searched for.
    pub(super) fn find(&self, find: &Find, mask: &mut Mask) {
        // What compares numbers costs least, so it goes first; words cost most, so they go last.
        let cost = |term: &&Term| match (&term.condition, term.sense) {
            (Condition::Word(_), Sense::IsNot) => 3,
            (Condition::Word(_), Sense::Is) => 2,
            (Condition::Text(..), _) => 1,
            _ => 0,
        };
        let mut terms: Vec<&Term> = find.terms().iter().collect();
        terms.sort_by_key(cost);
        let (others, words) = terms.split_at(terms.partition_point(|term| cost(term) < 2));
        self.narrow(others, mask);
        // Where few rows are left, each of them is looked at anyway, and to rank the words would cost more than that.
        let is_ranked = words.len() > 1 && self.columns().iter().all(|column| column.is_worth_it(mask.count()));
        if !is_ranked {
            return self.narrow(words, mask);
        }
        let Some(words) = self.in_order(words) else { return mask.clear() };
        self.narrow(&words, mask);
    }

    /// Leaves the rows that fulfil these conditions, one after the other.
    fn narrow(&self, terms: &[&Term], mask: &mut Mask) {
        for term in terms {
            if mask.is_empty() {
                return;
            }
            let wanted = term.sense == Sense::Is;
            match &term.condition {
                Condition::Word(word) => self.word(word, term.sense, mask),
                Condition::Text(field, pattern) => {
                    let like = self.column(*field).like(pattern, mask.count());
                    mask.retain(|row| like(row) == wanted);
                }
                Condition::Status(status) => mask.retain(|row| {
                    let value = self.statuses[row];
                    status.holds(value, || is_failure(value)) == wanted
                }),
                Condition::Number(field, comparison, number) => {
                    let column = match field {
                        NumberField::Duration => &self.durations,
                        NumberField::FirstByte => &self.first_bytes,
                        NumberField::Bytes => &self.bytes,
                    };
                    let unknown = if *field == NumberField::FirstByte { Some(NONE) } else { None };
                    mask.retain(|row| {
                        (Some(column[row]) != unknown && comparison.holds(column[row], *number)) == wanted
                    });
                }
                Condition::Id(IdField::Request, prefix) => {
                    mask.retain(|row| prefix.begins(self.ids[row]) == wanted);
                }
                Condition::Id(IdField::Trace, prefix) => {
                    mask.retain(|row| self.traces.at(row).is_some_and(|trace| prefix.begins(trace)) == wanted);
                }
                // Requests have none.
                Condition::Attribute(..) => mask.retain(|_| !wanted),
            }
        }
    }

    /// Words, the rarest first: it leaves fewer rows to the others. `None`: there is one that no row has.
    fn in_order<'f>(&self, words: &[&'f Term]) -> Option<Vec<&'f Term>> {
        let mut ranked = Vec::with_capacity(words.len());
        for term in words {
            let place = match (&term.condition, term.sense) {
                (Condition::Word(word), Sense::Is) => (0, Reverse(self.first(word)?)),
                _ => (1, Reverse(0)),
            };
            ranked.push((place, *term));
        }
        ranked.sort_by_key(|(place, _)| *place);
        Some(ranked.into_iter().map(|(_, term)| term).collect())
    }

    /// How far what a word needs stands from the beginning of the smallest column that holds it; the farther, the rarer it
    /// is. `None`: nothing holds it.
    fn first(&self, word: &Pattern) -> Option<usize> {
        self.columns().into_iter().find_map(|column| column.first(word))
    }

    /// Where words are looked for. Where a small column holds the word, a large one need not be looked at.
    fn columns(&self) -> [&Texts; WORDS.len()] {
        let mut columns = WORDS.map(|field| self.column(field));
        columns.sort_by_key(|column| column.len());
        columns
    }

    fn word(&self, word: &Pattern, sense: Sense, mask: &mut Mask) {
        let mut without = mask.clone();
        for column in self.columns() {
            let rows = without.count();
            if rows == 0 {
                break;
            }
            let like = column.like(word, rows);
            without.retain(|row| !like(row));
        }
        match sense {
            Sense::Is => mask.and_not(&without),
            Sense::IsNot => *mask = without,
        }
    }

    fn column(&self, field: TextField) -> &Texts {
        let index = match field {
            TextField::Method => 0,
            TextField::Host => 1,
            TextField::Path => 2,
            TextField::Route => 3,
            TextField::Upstream => 4,
            TextField::Error => 5,
            TextField::Person => 6,
            TextField::Cache => 7,
        };
        &self.texts[index]
    }
}

/// Whether a status says that the request failed: 5xx, or none at all.
pub(super) fn is_failure(status: u16) -> bool {
    status == 0 || status >= 500
}

fn number(id: Id) -> u128 {
    u128::from_be_bytes(id.to_bytes())
}
