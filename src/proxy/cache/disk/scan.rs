//! What an earlier process left in the directory: complete responses are found again, all else is removed.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, atomic::Ordering},
};

use tracing::info;

use super::{
    Shared,
    index::Name,
    large::{self, Large},
    lock, record,
};

impl Shared {
    /// Finds what an earlier process left, and removes what is not whole.
    pub(super) fn look_around(self: &Arc<Self>) {
        let mut found = Vec::new();
        let mut larges: HashMap<Name, Vec<(u64, u64)>> = HashMap::new();
        let folders = fs::read_dir(&self.directory).into_iter().flatten().filter_map(Result::ok);
        for folder in folders.filter(|entry| entry.file_name().len() == 2) {
            for file in fs::read_dir(folder.path()).into_iter().flatten().filter_map(Result::ok) {
                let text = file.file_name();
                let text = text.to_str().unwrap_or_default();
                let is_here = |name: &Name| folder.file_name() == name.folder().as_str();
                let (name, large) = (Name::parse(text), large::parse(text));
                match (name.filter(is_here), large.filter(|(name, _)| is_here(name)), file.metadata()) {
                    (Some(name), _, Ok(facts)) => found.push((facts.modified().ok(), name, facts.len())),
                    (_, Some((name, id)), Ok(facts)) => larges.entry(name).or_default().push((id, facts.len())),
                    // Half of a file that was being written, or none of ours.
                    _ => drop(fs::remove_file(file.path())),
                }
            }
        }
        found.sort_by_key(|(modified, ..)| *modified);
        for (_, name, octets) in found {
            let large = larges.remove(&name).and_then(|files| self.large(name, &files));
            lock(&self.index).put(name, octets, large);
        }
        for (name, files) in larges {
            self.large(name, &files);
        }
        self.looked.store(true, Ordering::Release);
        let (files, octets) = lock(&self.index).size();
        self.make_room(Vec::new());
        info!(files, octets, "the cache's directory was looked at");
    }

    /// Of the large bodies of a name that one which its record names. The others go.
    fn large(self: &Arc<Self>, name: Name, files: &[(u64, u64)]) -> Option<Arc<Large>> {
        let named = record::large(&self.path(name));
        let mut own = None;
        for (id, length) in files {
            let large = |octets| Large::found(self, name, (*id, octets));
            match named {
                Some((named, octets)) if named == *id && large::on_disk(octets) == *length => own = Some(large(octets)),
                _ => large(0).remove(),
            }
        }
        own
    }
}
