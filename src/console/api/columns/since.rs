//! What became of a trace since it was told last: the rows that are new, or say something else than before, and where
//! those that whoever asks has already stand now. Nothing is remembered between two answers: spans come behind those
//! that there are, so what was told then can be read again; the version tells where retention took some of it away.

use std::collections::HashMap;

use serde_json::json;

use super::{Columns, Line, Texts, Words, signed_micros};

/// Rows that stand side by side in both: from this row on, from that one on before, so many.
type Run = (usize, usize, usize);

impl Columns {
    /// The columns without what stood in `before`, which was told as `version`; `None` where less than half did, and
    /// all of them are the shorter answer. Both are of one trace, whose first spans are those of `before`.
    pub fn since(&self, before: &Self, version: &str) -> Option<Self> {
        let runs = self.runs(before);
        let kept: usize = runs.iter().map(|(_, _, count)| count).sum();
        let shift = i64::try_from(i128::from(before.began) - i128::from(self.began)).ok()?;
        if kept * 2 < self.rows.len() {
            return None;
        }
        let mut texts = Texts::default();
        let mut rows = Vec::with_capacity(self.rows.len() - kept);
        let mut next = 0;
        for (at, _, count) in runs.iter().copied().chain([(self.rows.len(), 0, 0)]) {
            rows.extend(self.rows[next..at].iter().map(|row| row.told_by(&self.strings, &mut texts)));
            next = at + count;
        }
        let mut head = self.head.clone();
        head["since"] = json!({ "version": version, "shift_us": signed_micros(shift), "kept": runs });
        Some(Self { head, began: self.began, strings: texts.list, rows })
    }

    /// Rows that say what they said before.
    fn runs(&self, before: &Self) -> Vec<Run> {
        let mut place_before = vec![None; before.rows.len()];
        for row in &before.rows {
            if let Some(place) = place_before.get_mut(row.index) {
                *place = Some(row.place);
            }
        }
        let places: HashMap<&str, usize> = self.strings.iter().enumerate().map(|(at, text)| (&**text, at)).collect();
        let texts: Vec<_> = before.strings.iter().map(|text| places.get(&**text).copied()).collect();
        let mut runs: Vec<Run> = Vec::new();
        for row in &self.rows {
            let Some(place) = place_before.get(row.index).copied().flatten() else { continue };
            if !row.is_still(&before.rows[place], [self.began, before.began], &texts) {
                continue;
            }
            match runs.last_mut() {
                Some((at, from, count)) if *at + *count == row.place && *from + *count == place => *count += 1,
                _ => runs.push((row.place, place, 1)),
            }
        }
        runs
    }
}

impl Line {
    /// Whether it says what `before` said. Times are told from their trace's beginning, `texts` are the places now of
    /// those before.
    fn is_still(&self, before: &Self, [began, began_before]: [u64; 2], texts: &[Option<usize>]) -> bool {
        let text = |now: usize, then: usize| texts.get(then).copied().flatten() == Some(now);
        let moment = |now: u64, then: u64| began.checked_add(now) == began_before.checked_add(then);
        let word = |(now, then)| text(now, then);
        let facts = |line: &Self| (line.id, line.parent, line.length, line.own, line.outcome, line.flags);
        let words = |Words { name, service, stage, note, tag }: Words| [name, service, stage, note, tag];
        facts(self) == facts(before)
            && self.kind == before.kind
            && moment(self.start, before.start)
            && words(self.words).into_iter().zip(words(before.words)).all(word)
            && self.events.len() == before.events.len()
            && self.events.iter().zip(&before.events).all(|(now, then)| moment(now.0, then.0) && text(now.1, then.1))
    }

    /// The same by another table of texts.
    fn told_by(&self, strings: &[String], texts: &mut Texts) -> Self {
        let mut place = |at: usize| strings.get(at).map_or(0, |text| texts.place(text));
        let Words { name, service, stage, note, tag } = self.words;
        let words = Words {
            name: place(name),
            service: place(service),
            stage: place(stage),
            note: place(note),
            tag: place(tag),
        };
        Self { words, events: self.events.iter().map(|(at, name)| (*at, place(*name))).collect(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
