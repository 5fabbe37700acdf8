//! The time between browser and edge: what is left of a browser's request when the edge's part of it is taken away. It is
//! derived, not measured, and only where real pairs tell how far the two clocks are apart. How long both ways are together
//! no clock can get wrong; how they divide is right to the error of the clocks.

use super::{Maker, Trace, clocks::Offset, pairs::pairs};

/// Both ways of one request. Lengths in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The browser's span, by its index.
    pub browser: usize,
    /// The edge's.
    pub edge: usize,
    /// From the browser's beginning to the edge's.
    pub out: u64,
    /// From the edge's end to the browser's.
    pub back: u64,
    /// The truth is at most so far from each of them.
    pub error: u64,
}

/// The ways of a trace whose times are by the edge's clock ([`super::clocks::aligned`]), in its order. A request that
/// contradicts the others has none.
pub fn network(trace: &Trace, offsets: &[Option<Offset>]) -> Vec<Network> {
    let ways = pairs(trace).into_iter().filter_map(|pair| {
        let [browser, edge] = [pair.client, pair.server];
        if trace.maker(browser) != Maker::Browser || trace.maker(edge) != Maker::Edge {
            return None;
        }
        let clock = (*offsets.get(trace.spans[browser].process)?)?;
        let [asked, answered] = [browser, edge].map(|index| &trace.spans[index]);
        let out = way(asked.start, answered.start, clock.error)?;
        let back = way(answered.end, asked.end, clock.error)?;
        (clock.samples > 0).then_some(Network { browser, edge, out, back, error: clock.error })
    });
    ways.collect()
}

/// The time from one moment to another; none at all where they are in the other order within the error.
fn way(from: u64, to: u64, error: u64) -> Option<u64> {
    to.checked_sub(from).or_else(|| (from - to <= error).then_some(0))
}
