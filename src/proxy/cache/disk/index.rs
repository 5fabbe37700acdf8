//! What is on disk: names and sizes by URL, and who was used least recently. Some 150 octets of memory for each file.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::{
    super::object::Object,
    large::{self, Large},
};
use crate::rules::cache::key;

/// A file's name: its URL's hash, and that of its variant. The same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) url: u64,
    variant: u64,
}

impl Name {
    pub(super) fn of(object: &Object) -> Self {
        Self::new(object.key(), object.vary())
    }

    /// That of the variant under this key.
    pub(super) fn new(key: &str, vary: &str) -> Self {
        let variant = Sha256::new().chain_update(key).chain_update([0_u8]).chain_update(vary).finalize();
        Self { url: url_hash(key), variant: first(variant.as_slice()) }
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

#[derive(Clone, Debug)]
struct File {
    /// Of the record.
    octets: u64,
    used: u64,
    /// The body, if it has a file of its own.
    large: Option<Arc<Large>>,
}

impl File {
    /// What it takes, in octets, with its body.
    fn total(&self) -> u64 {
        self.octets + self.large.as_ref().map_or(0, |large| large::on_disk(large.octets()))
    }
}

impl Index {
    /// There is such a file now, and perhaps a large body. Gives back the one that it takes the place of.
    pub(super) fn put(&mut self, name: Name, octets: u64, large: Option<Arc<Large>>) -> Option<Arc<Large>> {
        let is_same = |before: &Arc<Large>| large.as_ref().is_some_and(|large| Arc::ptr_eq(before, large));
        let replaced = self.remove(name).filter(|before| !is_same(before));
        self.uses += 1;
        let file = File { octets, used: self.uses, large };
        self.octets += file.total();
        self.files.insert(name, file);
        self.by_use.insert(self.uses, name);
        self.by_url.entry(name.url).or_default().push(name);
        replaced
    }

    /// There is no such file any more; its large body, if it has one, is to go too.
    pub(super) fn remove(&mut self, name: Name) -> Option<Arc<Large>> {
        let file = self.files.remove(&name)?;
        self.by_use.remove(&file.used);
        self.octets -= file.total();
        if let Some(names) = self.by_url.get_mut(&name.url) {
            names.retain(|known| *known != name);
            if names.is_empty() {
                self.by_url.remove(&name.url);
            }
        }
        file.large
    }

    /// The large body of this number, if it is that of the file of this name.
    pub(super) fn large(&self, name: Name, id: u64) -> Option<Arc<Large>> {
        self.files.get(&name)?.large.clone().filter(|large| large.id() == id)
    }

    pub(super) fn knows(&self, name: Name) -> bool {
        self.files.contains_key(&name)
    }

    pub(super) fn has(&self, url: u64) -> bool {
        self.by_url.contains_key(&url)
    }

    /// The latest files of a URL, as many as have `octets_max` together, without large bodies.
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
            over = over.saturating_sub(self.files.get(name).map_or(0, File::total));
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
