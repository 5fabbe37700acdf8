//! What is on disk: names and sizes by URL, and who was used least recently. Some 150 octets of memory for each file.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

use super::super::object::Object;
use crate::rules::cache::key;

/// A file's name: its URL's hash, and that of its variant. The same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) url: u64,
    variant: u64,
}

impl Name {
    pub(super) fn of(object: &Object) -> Self {
        let variant =
            Sha256::new().chain_update(object.key()).chain_update([0_u8]).chain_update(object.vary()).finalize();
        Self { url: url_hash(object.url()), variant: first(variant.as_slice()) }
    }

    /// As the file is called.
    pub(super) fn text(self) -> String {
        format!("{:016x}{:016x}", self.url, self.variant)
    }

    /// `None` for a file that is none of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| u64::from_str_radix(text.get(range)?, 16).ok();
        (text.len() == 32).then_some(())?;
        Some(Self { url: number(0..16)?, variant: number(16..32)? })
    }

    /// The folder it is in: one of 256.
    pub(super) fn folder(self) -> String {
        format!("{:02x}", self.url >> 56)
    }
}

/// The hash of a URL, the same in every process.
pub(super) fn url_hash(text: &str) -> u64 {
    first(Sha256::digest(key::url(text)).as_slice())
}

fn first(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets))
}

#[derive(Debug, Default)]
pub(super) struct Index {
    files: HashMap<Name, File>,
    by_url: HashMap<u64, Vec<Name>>,
    by_use: BTreeMap<u64, Name>,
    octets: u64,
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
struct File {
    octets: u64,
    used: u64,
}

impl Index {
    /// There is such a file now.
    pub(super) fn put(&mut self, name: Name, octets: u64) {
        self.remove(name);
        self.uses += 1;
        self.files.insert(name, File { octets, used: self.uses });
        self.by_use.insert(self.uses, name);
        self.by_url.entry(name.url).or_default().push(name);
        self.octets += octets;
    }

    /// There is no such file any more.
    pub(super) fn remove(&mut self, name: Name) {
        let Some(file) = self.files.remove(&name) else { return };
        self.by_use.remove(&file.used);
        self.octets -= file.octets;
        if let Some(names) = self.by_url.get_mut(&name.url) {
            names.retain(|known| *known != name);
            if names.is_empty() {
                self.by_url.remove(&name.url);
            }
        }
    }

    pub(super) fn knows(&self, name: Name) -> bool {
        self.files.contains_key(&name)
    }

    pub(super) fn has(&self, url: u64) -> bool {
        self.by_url.contains_key(&url)
    }

    /// The latest files of a URL, as many as have `octets_max` together.
    pub(super) fn latest(&self, url: u64, octets_max: u64) -> Vec<Name> {
        let mut octets = 0;
        let names = self.by_url.get(&url).into_iter().flatten().rev().copied();
        let fits = |name: &Name| {
            octets += self.files.get(name).map_or(0, |file| file.octets);
            octets <= octets_max
        };
        names.take_while(fits).collect()
    }

    /// The oldest files of a URL, where there are more than `count`.
    pub(super) fn crowd(&self, url: u64, count: usize) -> Vec<Name> {
        let names = self.by_url.get(&url).map_or(&[][..], Vec::as_slice);
        names[..names.len().saturating_sub(count)].to_vec()
    }

    /// The files of a URL.
    pub(super) fn of_url(&self, url: u64) -> Vec<Name> {
        self.by_url.get(&url).cloned().unwrap_or_default()
    }

    /// A file was of use.
    pub(super) fn used(&mut self, name: Name) {
        let Some(file) = self.files.get_mut(&name) else { return };
        self.by_use.remove(&file.used);
        self.uses += 1;
        file.used = self.uses;
        self.by_use.insert(self.uses, name);
    }

    /// Whoever has to go so that all fits into `octets_max`.
    pub(super) fn excess(&self, octets_max: u64) -> Vec<Name> {
        let mut over = self.octets.saturating_sub(octets_max);
        let mut names = Vec::new();
        for name in self.by_use.values() {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(self.files.get(name).map_or(0, |file| file.octets));
            names.push(*name);
        }
        names
    }

    pub(super) fn all(&self) -> Vec<Name> {
        self.files.keys().copied().collect()
    }

    pub(super) fn size(&self) -> (usize, u64) {
        (self.files.len(), self.octets)
    }
}
