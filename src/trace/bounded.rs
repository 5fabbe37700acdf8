//! A map with a bound, for what the background remembers for a while.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

use foldhash::fast::RandomState;

/// A map that forgets what was put in first.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    max: usize,
    entries: HashMap<K, V, RandomState>,
    order: VecDeque<K>,
}

impl<K: Eq + Hash + Copy, V> Bounded<K, V> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, entries: HashMap::default(), order: VecDeque::new() }
    }

    /// What is there under `key`.
    pub(super) fn find(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Puts `value` in the place of what is there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_none() {
            self.order.push_back(key);
            self.forget();
        }
    }

    /// What is there under `key`; made where nothing is.
    pub(super) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.entries.contains_key(&key) {
            self.insert(key, V::default());
        }
        self.entries.entry(key).or_default()
    }

    /// Takes out what is there.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        if self.entries.is_empty() {
            return None;
        }
        // Its place in the order is left behind, and falls out in time.
        self.entries.remove(key)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, in no order.
    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values()
    }

    fn forget(&mut self) {
        while self.order.len() > self.max {
            let Some(eldest) = self.order.pop_front() else { return };
            self.entries.remove(&eldest);
        }
    }
}
