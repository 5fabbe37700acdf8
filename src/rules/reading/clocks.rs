//! How far the clocks of a trace's processes are apart, from pairs of a request and its answer ([`super::pairs`]): what a
//! server did for a client lies within the client's span. Each such pair bounds the offset between two clocks; many bound
//! it closer. Without a pair nothing is claimed.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

use super::{Maker, Trace, pairs::pairs};

/// Browsers tell times no finer than that, in nanoseconds (High Resolution Time, section 7.1).
const BROWSER_GRAIN: i64 = 100_000;

/// How far a process's clock is from the edge's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// What to add to its times to have them by the edge's clock, in nanoseconds.
    pub nanos: i64,
    /// The truth is at most so far from that, in nanoseconds.
    pub error: u64,
    /// The pairs that bound it, over all clocks between.
    pub samples: usize,
    /// The pairs that contradict the others, and do not count: clocks drift, and spans may lie.
    pub contradictions: usize,
}

/// The offsets of processes, by their place; `None` where no pair tells. The edge's own is zero: it is what the others
/// are compared with. Where there is no edge, the process of the trace's entry takes its place.
pub fn offsets(trace: &Trace) -> Vec<Option<Offset>> {
    let mut offsets = vec![None; trace.processes.len()];
    let edge = trace.processes.iter().position(|process| process.maker == Maker::Edge);
    let reference = edge.or_else(|| trace.entry().map(|entry| trace.spans[entry].process));
    let Some(reference) = reference.filter(|reference| *reference < offsets.len()) else { return offsets };
    offsets[reference] = Some(Offset { nanos: 0, error: 0, samples: 0, contradictions: 0 });
    let bounds = bounds(trace);
    let mut open = VecDeque::from([reference]);
    while let Some(known) = open.pop_front() {
        let Some(base) = offsets[known] else { continue };
        for (&(low, high), samples) in &bounds {
            let (other, relative) = match (low == known, high == known) {
                (true, _) => (high, relate(samples)),
                (_, true) => {
                    (low, relate(samples).map(|offset| Offset { nanos: offset.nanos.saturating_neg(), ..offset }))
                }
                _ => continue,
            };
            if let (Some(relative), None) = (relative, offsets[other]) {
                offsets[other] = Some(Offset {
                    nanos: base.nanos.saturating_add(relative.nanos),
                    error: base.error.saturating_add(relative.error),
                    samples: base.samples + relative.samples,
                    contradictions: base.contradictions + relative.contradictions,
                });
                open.push_back(other);
            }
        }
    }
    offsets
}

/// The trace with all times by the edge's clock, as far as offsets are known.
pub fn aligned<'t>(trace: &'t Trace, offsets: &[Option<Offset>]) -> Cow<'t, Trace> {
    if offsets.iter().flatten().all(|offset| offset.nanos == 0) {
        return Cow::Borrowed(trace);
    }
    let mut spans = trace.spans.clone();
    for span in &mut spans {
        if let Some(Some(offset)) = offsets.get(span.process) {
            span.start = span.start.saturating_add_signed(offset.nanos);
            span.end = span.end.saturating_add_signed(offset.nanos);
        }
    }
    Cow::Owned(Trace::new(spans, trace.processes.clone()))
}

/// An offset, at least and at most.
type Bound = (i64, i64);

/// For every two processes that a pair tells of, the lower place first: what to add to the times of the second, to have
/// them by the clock of the first.
fn bounds(trace: &Trace) -> BTreeMap<(usize, usize), Vec<Bound>> {
    let mut bounds: BTreeMap<_, Vec<Bound>> = BTreeMap::new();
    for pair in pairs(trace) {
        let [client, server] = [pair.client, pair.server].map(|index| &trace.spans[index]);
        if client.process.max(server.process) >= trace.processes.len() {
            continue;
        }
        let is_browser = trace.maker(pair.client) == Maker::Browser;
        let grain = if is_browser { BROWSER_GRAIN } else { 0 };
        let least = difference(client.start, server.start).saturating_sub(grain);
        let most = difference(client.end, server.end).saturating_add(grain);
        // A server that worked on after its client had gone bounds nothing.
        if least > most {
            continue;
        }
        let (key, bound) = if client.process < server.process {
            ((client.process, server.process), (least, most))
        } else {
            ((server.process, client.process), (most.saturating_neg(), least.saturating_neg()))
        };
        bounds.entry(key).or_default().push(bound);
    }
    bounds
}

fn difference(to: u64, from: u64) -> i64 {
    i64::try_from(i128::from(to) - i128::from(from)).unwrap_or(if to > from { i64::MAX } else { i64::MIN })
}

/// The offset that most pairs agree on (Marzullo's algorithm); where as many agree on another, the closer one.
fn relate(samples: &[Bound]) -> Option<Offset> {
    let least = samples.iter().map(|(least, _)| (*least, Side::Least));
    let mut sides: Vec<_> = least.chain(samples.iter().map(|(_, most)| (*most, Side::Most))).collect();
    sides.sort_unstable();
    let (mut agreeing, mut best) = (0_usize, None);
    for (at, &(from, side)) in sides.iter().enumerate() {
        if side == Side::Most {
            agreeing -= 1;
            continue;
        }
        agreeing += 1;
        // As far as the next side all of these agree; if another one begins there, more do.
        let Some(&(to, Side::Most)) = sides.get(at + 1) else { continue };
        let found = (agreeing, std::cmp::Reverse(to.saturating_sub(from)));
        if best.is_none_or(|(known, _)| found > known) {
            best = Some((found, (from, to)));
        }
    }
    let ((agreeing, _), (least, most)) = best?;
    // Clocks that may be equal are taken for equal: most processes share a machine.
    let nanos = if least <= 0 && most >= 0 { 0 } else { least + (most.saturating_sub(least)) / 2 };
    let error = nanos.abs_diff(least).max(nanos.abs_diff(most));
    Some(Offset { nanos, error, samples: agreeing, contradictions: samples.len() - agreeing })
}

/// A side of a bound. Bounds that only touch agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Least,
    Most,
}
