//! What is usual: how long each span of a trace took in other runs of the same request. A span is found again by the names
//! on the way to it from the request at the edge, or from its root, and by which of several of one name under one span it
//! is. Numbers in names are ids more often than not, so they do not count. Page loads and navigations are left out: their
//! length says nothing.

use std::collections::HashMap;

use super::Trace;

/// How long a span took in several runs, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// How many runs had it.
    pub runs: usize,
    /// The shortest.
    pub low: u64,
    /// Half of them took at most so long.
    pub p50: u64,
    /// 95 of 100 took at most so long; of fewer than 20, that is the longest.
    pub p95: u64,
    /// The longest.
    pub high: u64,
}

/// The runs of what one trace tells of.
#[derive(Debug)]
pub struct Runs {
    /// What each span is found by.
    known: HashMap<(usize, String), usize>,
    /// For each span of the trace, its number.
    numbers: Vec<Option<usize>>,
    /// By number: how long it took.
    lengths: Vec<Vec<u64>>,
}

impl Runs {
    /// The runs of what `trace` tells of; itself is the first.
    pub fn new(trace: &Trace) -> Self {
        let mut runs = Self { known: HashMap::new(), numbers: vec![None; trace.spans.len()], lengths: Vec::new() };
        let mut numbers = vec![None; trace.spans.len()];
        walk(trace, &mut numbers, |key| {
            let next = runs.known.len() + 1;
            Some(*runs.known.entry(key).or_insert(next))
        });
        runs.lengths = vec![Vec::new(); runs.known.len() + 1];
        runs.count(trace, &numbers);
        runs.numbers = numbers;
        runs
    }

    /// Another run.
    pub fn add(&mut self, trace: &Trace) {
        let mut numbers = vec![None; trace.spans.len()];
        walk(trace, &mut numbers, |key| self.known.get(&key).copied());
        self.count(trace, &numbers);
    }

    fn count(&mut self, trace: &Trace, numbers: &[Option<usize>]) {
        for (index, number) in numbers.iter().enumerate() {
            if let Some(lengths) = number.and_then(|number| self.lengths.get_mut(number))
                && !trace.ends_by_inactivity(index)
            {
                lengths.push(trace.length(index));
            }
        }
    }

    /// For each span of the first trace, in its order, how long it takes; `None` where no other run has it.
    pub fn spreads(mut self) -> Vec<Option<Spread>> {
        self.lengths.iter_mut().for_each(|lengths| lengths.sort_unstable());
        let spread = |number: &Option<usize>| {
            let lengths = self.lengths.get((*number)?)?;
            let at = |cent: usize| lengths.get((lengths.len() * cent).div_ceil(100).saturating_sub(1)).copied();
            (lengths.len() > 1).then_some(Spread {
                runs: lengths.len(),
                low: at(0)?,
                p50: at(50)?,
                p95: at(95)?,
                high: at(100)?,
            })
        };
        self.numbers.iter().map(spread).collect()
    }
}

/// Numbers the spans of a trace, parents first; what hangs under a span without one has none.
fn walk(trace: &Trace, numbers: &mut [Option<usize>], mut number: impl FnMut((usize, String)) -> Option<usize>) {
    let mut seen: HashMap<(usize, String), usize> = HashMap::new();
    let entry = trace.entry();
    for row in &trace.rows {
        // A browser's half may be missing: what a run is compared by begins with its request at the edge.
        let above = match trace.parent(row.index).filter(|_| entry != Some(row.index)) {
            None => 0,
            Some(parent) => match numbers[parent] {
                Some(number) => number,
                None => continue,
            },
        };
        let span = &trace.spans[row.index];
        let name = format!("{}\n{}\n{}", trace.service(row.index), span.stage, shape(&span.name));
        let which = seen.entry((above, name.clone())).and_modify(|count| *count += 1).or_insert(0);
        numbers[row.index] = number((above, format!("{name}\n{which}")));
    }
}

/// A name with each number in it as `#`.
fn shape(name: &str) -> String {
    let mut shape = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            letter => shape.push(letter),
        }
    }
    shape
}
