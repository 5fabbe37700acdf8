//! How far the clocks of a trace's processes are apart, from pairs of a request and its answer: what a server did for a
//! client lies within the client's span. Each such pair bounds the offset between two clocks; many bound it closer.
//! Without a pair nothing is claimed.

use std::collections::{BTreeMap, VecDeque};

use opentelemetry::trace::SpanKind;

use super::{Maker, Trace};

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
pub fn aligned(mut trace: Trace, offsets: &[Option<Offset>]) -> Trace {
    if offsets.iter().flatten().all(|offset| offset.nanos == 0) {
        return trace;
    }
    for span in &mut trace.spans {
        if let Some(Some(offset)) = offsets.get(span.process) {
            span.start = span.start.saturating_add_signed(offset.nanos);
            span.end = span.end.saturating_add_signed(offset.nanos);
        }
    }
    Trace::new(trace.spans, trace.processes)
}

/// An offset, at least and at most.
type Bound = (i64, i64);

/// For every two processes that a pair tells of, the lower place first: what to add to the times of the second, to have
/// them by the clock of the first.
fn bounds(trace: &Trace) -> BTreeMap<(usize, usize), Vec<Bound>> {
    let mut bounds: BTreeMap<_, Vec<Bound>> = BTreeMap::new();
    for (index, server) in trace.spans.iter().enumerate() {
        let Some(client) = trace.parent(index).map(|parent| &trace.spans[parent]) else { continue };
        let is_pair = client.kind == SpanKind::Client && server.kind == SpanKind::Server;
        let known = client.process.max(server.process) < trace.processes.len();
        if !is_pair || !known || client.process == server.process {
            continue;
        }
        let (least, most) = (difference(client.start, server.start), difference(client.end, server.end));
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

/// The offset that pairs agree on: the closest pair first, and then each that does not contradict it.
fn relate(samples: &[Bound]) -> Option<Offset> {
    let mut samples = samples.to_vec();
    samples.sort_by_key(|(least, most)| (most.saturating_sub(*least), *least));
    let (&(mut least, mut most), rest) = samples.split_first()?;
    let mut agreeing = 1;
    for &(from, to) in rest {
        if from.max(least) <= to.min(most) {
            (least, most) = (from.max(least), to.min(most));
            agreeing += 1;
        }
    }
    // Clocks that may be equal are taken for equal: most processes share a machine.
    let nanos = if least <= 0 && most >= 0 { 0 } else { least + (most.saturating_sub(least)) / 2 };
    let error = nanos.abs_diff(least).max(nanos.abs_diff(most));
    Some(Offset { nanos, error, samples: agreeing, contradictions: samples.len() - agreeing })
}
