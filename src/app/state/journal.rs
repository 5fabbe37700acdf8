//! The journal: revocations, what was lifted of them, and used nonces, one line each, written before they count. Lines
//! are appended in one call; a process that ends half-way, or a disk that is full, leaves at most one torn line, which is
//! reported and skipped.
//!
//! A revocation is also flushed to the disk. A used nonce is not, for workers write those: it outlives the process,
//! and after a loss of power it is spent by its expiry within minutes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use tracing::warn;

use crate::{
    clock,
    error::BoxError,
    rules::session::Id,
    trace::sessions::{Entry, EntryKind, Journal},
};

/// A journal in a file.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    // Rewritten without expired entries when it has grown to this many lines.
    lines_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    lines: usize,
}

/// Opens the journal, drops what has expired, and gives back what still counts.
///
/// # Errors
/// The file cannot be read or written.
pub fn open(path: &Path, now: u64, entries_max: usize) -> io::Result<(FileJournal, Vec<Entry>)> {
    let entries = read(path, now)?;
    let file = rewrite(path, &entries)?;
    let open = Mutex::new(Open { file, lines: entries.len() });
    let lines_max = entries_max.saturating_mul(4).saturating_add(1024);
    Ok((FileJournal { path: path.into(), lines_max, open }, entries))
}

impl Journal for FileJournal {
    fn append(&self, entry: Entry) -> Result<(), BoxError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.lines >= self.lines_max {
            let entries = read(&self.path, clock::unix_seconds())?;
            *open = Open { file: rewrite(&self.path, &entries)?, lines: entries.len() };
        }
        // One that was torn, as on a full disk, must not take this one with it.
        let end = if super::is_torn(&open.file)? { "\n" } else { "" };
        open.file.write_all(format!("{end}{}", line(entry)).as_bytes())?;
        if entry.kind != EntryKind::Used {
            open.file.sync_data()?;
        }
        open.lines += 1;
        Ok(())
    }
}

/// The entries of a file that have not expired.
pub(super) fn read(path: &Path, now: u64) -> io::Result<Vec<Entry>> {
    let bytes = super::contents(path)?;
    let mut entries = Vec::new();
    for (index, text) in bytes.split_inclusive(|&octet| octet == b'\n').enumerate() {
        match parse(text) {
            Some(Entry { kind: EntryKind::Lifted, id, .. }) => {
                entries.retain(|entry: &Entry| (entry.kind, entry.id) != (EntryKind::Barred, id));
            }
            Some(entry) if entry.expiry > now => entries.push(entry),
            Some(_) => {}
            None => warn!(path = %path.display(), line = index + 1, "a line of the journal cannot be read; skipped"),
        }
    }
    Ok(entries)
}

/// Puts a file with just these entries in place, open for appending.
fn rewrite(path: &Path, entries: &[Entry]) -> io::Result<File> {
    super::replace(path, &entries.iter().copied().map(line).collect::<String>())?;
    OpenOptions::new().read(true).append(true).mode(0o600).open(path)
}

/// The dot shows that the line is whole: a number cut short would still be a number.
fn line(entry: Entry) -> String {
    let kind = match entry.kind {
        EntryKind::Used => "used",
        EntryKind::Revoked => "revoked",
        EntryKind::Person => "person",
        EntryKind::Barred => "barred",
        EntryKind::Lifted => "lifted",
    };
    format!("{kind} {} {} .\n", entry.id, entry.expiry)
}

fn parse(line: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix(" .\n")?;
    let mut words = text.split(' ');
    let kind = match words.next()? {
        "used" => EntryKind::Used,
        "revoked" => EntryKind::Revoked,
        "person" => EntryKind::Person,
        "barred" => EntryKind::Barred,
        "lifted" => EntryKind::Lifted,
        _ => return None,
    };
    let (id, expiry) = (Id::parse(words.next()?)?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(Entry { kind, id, expiry })
}
