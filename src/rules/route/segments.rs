//! A tree of path segments in one flat array, with one hash table for all edges: a step costs the same with ten
//! routes and with ten thousand. It knows where routes end, not what they demand.

use super::path::{PathPattern, RequestPath, Segment, Tail};

/// Where the routes of a table stand, by path.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    nodes: Vec<Node>,
    // Open addressing: 0 is free, else the number of a node, whose `parent` and `text` are the key.
    slots: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    parent: u32,
    text: Box<str>,
    param: Option<u32>,
    // Routes that end here, and routes whose wildcard begins here; best first.
    ends: Vec<u32>,
    tails: Vec<u32>,
}

impl Segments {
    /// A tree of `patterns`, numbered in this order; of those that end at one place, `ranked` brings the best first.
    pub(super) fn new<'p>(patterns: impl Iterator<Item = &'p PathPattern>, ranked: impl Fn(&mut [u32])) -> Self {
        let mut tree = Self { nodes: vec![Node::default()], slots: vec![0; 16] };
        for (route, pattern) in (0_u32..).zip(patterns) {
            let mut node = 0;
            for segment in &pattern.segments {
                node = match segment {
                    Segment::Exact(text) => tree.child(node, text).unwrap_or_else(|| tree.insert(node, text)),
                    Segment::Param(_) => tree.param(node),
                };
            }
            let place = &mut tree.nodes[node as usize];
            match pattern.tail {
                Tail::None => place.ends.push(route),
                Tail::Any(_) => place.tails.push(route),
            }
        }
        for node in &mut tree.nodes {
            ranked(&mut node.ends);
            ranked(&mut node.tails);
        }
        tree
    }

    /// Calls `visit` with every route that takes `path`, best first, until it says stop by giving something back.
    pub(super) fn walk<R>(&self, path: &RequestPath<'_>, visit: &mut impl FnMut(u32) -> Option<R>) -> Option<R> {
        self.walk_from(0, &path.segments, visit)
    }

    // As deep as the deepest pattern, never as deep as the path.
    fn walk_from<R, S: AsRef<str>>(&self, at: u32, rest: &[S], visit: &mut impl FnMut(u32) -> Option<R>) -> Option<R> {
        let node = &self.nodes[at as usize];
        let Some((first, after)) = rest.split_first() else {
            return node.ends.iter().chain(&node.tails).copied().find_map(visit);
        };
        if let Some(child) = self.child(at, first.as_ref())
            && let Some(found) = self.walk_from(child, after, visit)
        {
            return Some(found);
        }
        if let Some(param) = node.param
            && !first.as_ref().is_empty()
            && let Some(found) = self.walk_from(param, after, visit)
        {
            return Some(found);
        }
        node.tails.iter().copied().find_map(visit)
    }

    fn child(&self, parent: u32, text: &str) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut slot = hash(parent, text) & mask;
        loop {
            let number = self.slots[slot];
            if number == 0 {
                return None;
            }
            let node = &self.nodes[number as usize];
            if node.parent == parent && *node.text == *text {
                return Some(number);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn insert(&mut self, parent: u32, text: &str) -> u32 {
        let number = self.push(Node { parent, text: text.into(), ..Node::default() });
        // A quarter full at most, so that misses end at the first slot as a rule.
        if self.nodes.len() * 4 > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 2];
            let edges = (1..number).filter(|&known| !self.is_param(known));
            for known in edges.collect::<Vec<_>>() {
                self.place(known);
            }
        }
        self.place(number);
        number
    }

    fn place(&mut self, number: u32) {
        let node = &self.nodes[number as usize];
        let mask = self.slots.len() - 1;
        let mut slot = hash(node.parent, &node.text) & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = number;
    }

    fn param(&mut self, parent: u32) -> u32 {
        if let Some(param) = self.nodes[parent as usize].param {
            return param;
        }
        let number = self.push(Node { parent, ..Node::default() });
        self.nodes[parent as usize].param = Some(number);
        number
    }

    fn is_param(&self, number: u32) -> bool {
        let parent = self.nodes[number as usize].parent;
        self.nodes[parent as usize].param == Some(number)
    }

    fn push(&mut self, node: Node) -> u32 {
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(node);
        number
    }
}

/// Eight octets a step. The keys come from the configuration, so nobody outside can make them collide.
fn hash(parent: u32, text: &str) -> usize {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(K);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let mut state = mix(u64::from(parent) ^ K, text.len() as u64);
    let mut words = text.as_bytes().chunks_exact(8);
    for word in &mut words {
        state = mix(state, u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(state, u64::from_le_bytes(last)) as usize
}
