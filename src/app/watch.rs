//! Whether a configuration changed on disk: the file itself and every file it names.
//!
//! Files are looked at by path, not watched by inode, so an editor that renames a new file into place, a symlink that
//! is swapped and a file that comes back are all seen.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::clock;

/// How often files are looked at.
pub const EVERY: Duration = Duration::from_secs(1);
/// Two looks this far apart must agree before a change counts: an editor may be half-way through.
pub const SETTLE: Duration = Duration::from_millis(200);
/// A file changed this lately is read, whatever its stamp says: clocks of file systems are coarse.
const FRESH: Duration = Duration::from_secs(3);
/// Larger files are judged by their stamp alone, in octets.
const READ_MAX: u64 = 4 << 20;

/// Files, and how they looked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Look>);

/// How a file looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Look {
    stamp: Option<Stamp>,
    content: u64,
}

/// What can be told of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Files {
    /// Looks at these files.
    pub fn look(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(
            paths
                .into_iter()
                .map(|path| {
                    let look = Look::at(&path, None);
                    (path, look)
                })
                .collect(),
        )
    }

    /// Looks at the same files again.
    #[must_use]
    pub fn again(&self) -> Self {
        Self(self.0.iter().map(|(path, old)| (path.clone(), Look::at(path, Some(old)))).collect())
    }

    /// Looks at the same files again, and at these.
    #[must_use]
    pub fn with(&self, more: &[PathBuf]) -> Self {
        let mut files = self.again();
        files.0.extend(Self::look(more.iter().cloned()).0);
        files
    }

    /// Whether another look shows other content: a file that was only touched or moved is the same.
    pub fn differs(&self, other: &Self) -> bool {
        self.0.len() != other.0.len()
            || self.0.iter().zip(&other.0).any(|((path, look), (other_path, other))| {
                path != other_path || look.content != other.content || look.stamp.is_some() != other.stamp.is_some()
            })
    }
}

impl Look {
    fn at(path: &Path, old: Option<&Self>) -> Self {
        let Some(stamp) = Stamp::at(path) else { return Self::default() };
        let unchanged = old.filter(|old| old.stamp.as_ref() == Some(&stamp) && !stamp.is_fresh());
        if let Some(old) = unchanged {
            return old.clone();
        }
        let mut hasher = DefaultHasher::new();
        if stamp.size <= READ_MAX {
            match fs::read(&stamp.path) {
                Ok(content) => content.hash(&mut hasher),
                Err(_) => return Self::default(),
            }
        } else {
            (stamp.modified, stamp.size).hash(&mut hasher);
        }
        Self { stamp: Some(stamp), content: hasher.finish() }
    }
}

impl Stamp {
    fn at(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let meta = fs::metadata(&path).ok()?;
        Some(Self {
            path,
            device: meta.dev(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            size: meta.size(),
        })
    }

    fn is_fresh(&self) -> bool {
        let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
        now.saturating_sub(self.modified.0) <= i64::try_from(FRESH.as_secs()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
