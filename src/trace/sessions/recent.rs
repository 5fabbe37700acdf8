//! The entries used last, at most so many, in two generations: when the younger is half full, the elder is forgotten.

use std::{collections::HashMap, hash::Hash};

/// A map that forgets what was not used for long.
pub(super) struct Recent<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Copy, V: Copy> Recent<K, V> {
    pub(super) fn new(max: usize) -> Self {
        Self { half: (max / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn get_or_insert(&mut self, key: K, value: V) -> &V {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let known = self.old.remove(&key).unwrap_or(value);
        self.young.entry(key).or_insert(known)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.get_or_insert(key, value);
        self.young.insert(key, value);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.young.iter().chain(&self.old)
    }

    pub(super) fn find(&self, key: &K) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }
}
