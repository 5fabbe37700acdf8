//! The tree of a trace's spans: who hangs under whom, in which order, and how long each span was busy itself.
//! Spans come from several processes and in any order; a parent may be missing, and nothing that came in is trusted
//! to be a tree.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use opentelemetry::trace::SpanId;

/// What a tree needs to know of a span. Times are nanoseconds of any one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: SpanId,
    /// The span it hangs under; `SpanId::INVALID` for none.
    pub parent: SpanId,
    /// When it began.
    pub start: u64,
    /// When it ended.
    pub end: u64,
}

/// One span's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its index among the nodes.
    pub index: usize,
    /// How many spans it hangs under.
    pub depth: usize,
    /// Where it stands among those that hang under the same span.
    pub place: Place,
    /// Whether its parent is here.
    pub parentage: Parentage,
    /// The time in which none of its children ran, in nanoseconds.
    pub own: u64,
}

/// Where a span stands among its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Others follow.
    Middle,
    /// It is the last one.
    Last,
}

/// Whether a span's parent is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parentage {
    /// It has none.
    Root,
    /// It is in the tree.
    Known,
    /// It is said to have one, which is not here: it was made elsewhere, it was lost, or it is still to come.
    Missing,
}

/// For each of some nodes, those that hang under it: one list, in which every node's own stand together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Children {
    /// Where each node's children begin, and where the last one's end.
    starts: Vec<usize>,
    all: Vec<usize>,
}

impl Children {
    /// Of nodes that hang under `parents`; those of one parent stand in this order, which has every node once.
    pub fn new(parents: &[Option<usize>], order: impl Iterator<Item = usize>) -> Self {
        let mut starts = vec![0; parents.len() + 1];
        parents.iter().flatten().for_each(|parent| starts[parent + 1] += 1);
        for index in 0..parents.len() {
            starts[index + 1] += starts[index];
        }
        let mut all = vec![0; starts.last().copied().unwrap_or_default()];
        let mut next = starts.clone();
        for child in order {
            if let Some(parent) = parents[child] {
                all[next[parent]] = child;
                next[parent] += 1;
            }
        }
        Self { starts, all }
    }

    /// Those that hang under a node.
    pub fn of(&self, index: usize) -> &[usize] {
        &self.all[self.starts[index]..self.starts[index + 1]]
    }

    fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&usize) -> K) {
        for bounds in self.starts.windows(2) {
            self.all[bounds[0]..bounds[1]].sort_unstable_by_key(&key);
        }
    }
}

/// Every node once, each followed by what hangs under it, siblings in the order in which they began.
pub fn rows(nodes: &[Node]) -> Vec<Row> {
    let mut by_id = HashMap::with_capacity_and_hasher(nodes.len(), RandomState::default());
    for (index, node) in nodes.iter().enumerate() {
        // Of two spans with one id, the first keeps the children.
        by_id.entry(node.id).or_insert(index);
    }
    let parent = |(index, node): (usize, &Node)| {
        let known = by_id.get(&node.parent).copied().filter(|_| node.parent != SpanId::INVALID);
        known.filter(|parent| *parent != index)
    };
    let parents: Vec<Option<usize>> = nodes.iter().enumerate().map(parent).collect();
    let by_start = |index: &usize| (nodes[*index].start, *index);
    let mut children = Children::new(&parents, 0..nodes.len());
    children.sort_by_key(by_start);
    let mut roots: Vec<usize> = (0..nodes.len()).filter(|index| parents[*index].is_none()).collect();
    roots.sort_unstable_by_key(by_start);

    let mut walk =
        Walk { nodes, children: &children, seen: vec![false; nodes.len()], rows: Vec::with_capacity(nodes.len()) };
    walk.from(&roots);
    // Spans that hang under each other in a circle are under no root: the circle is cut where it began.
    let mut rest: Vec<usize> = (0..nodes.len()).filter(|index| !walk.seen[*index]).collect();
    rest.sort_by_key(by_start);
    for index in rest {
        if !walk.seen[index] {
            walk.from(&[index]);
        }
    }
    walk.rows
}

struct Walk<'a> {
    nodes: &'a [Node],
    children: &'a Children,
    seen: Vec<bool>,
    rows: Vec<Row>,
}

impl Walk<'_> {
    fn from(&mut self, roots: &[usize]) {
        let mut open: Vec<(usize, usize, Place)> = Vec::new();
        push(&mut open, roots, 0);
        while let Some((index, depth, place)) = open.pop() {
            if std::mem::replace(&mut self.seen[index], true) {
                continue;
            }
            let parentage = match (depth, self.nodes[index].parent) {
                (1.., _) => Parentage::Known,
                (0, SpanId::INVALID) => Parentage::Root,
                (0, _) => Parentage::Missing,
            };
            self.rows.push(Row { index, depth, place, parentage, own: self.own(index) });
            push(&mut open, self.children.of(index), depth + 1);
        }
    }

    /// The length of a span, less the union of its children's times within it.
    fn own(&self, index: usize) -> u64 {
        let Node { start, end, .. } = self.nodes[index];
        let mut own = end.saturating_sub(start);
        let mut until = start;
        for &child in self.children.of(index) {
            let from = self.nodes[child].start.max(until);
            let to = self.nodes[child].end.min(end);
            own = own.saturating_sub(to.saturating_sub(from));
            until = until.max(to);
        }
        own
    }
}

/// The first of `siblings` comes to lie on top.
fn push(open: &mut Vec<(usize, usize, Place)>, siblings: &[usize], depth: usize) {
    for (back, &index) in siblings.iter().rev().enumerate() {
        open.push((index, depth, if back == 0 { Place::Last } else { Place::Middle }));
    }
}

#[cfg(test)]
mod tests;
