//! The audit log's files: JSON lines, 0600, appended in one call each. The file that is written is `audit.jsonl`; when
//! it has grown to its bound it becomes `audit.1.jsonl`, and so on, and the eldest is removed.
//!
//! A line is with the operating system before what it tells is done: it outlives the process. It is not flushed to the
//! disk one by one, so a loss of power can cost the last seconds.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{console::audit::AuditLog, error::BoxError};

/// An audit log in files.
#[derive(Debug)]
pub struct FileAudit {
    directory: PathBuf,
    bytes_max: u64,
    files_max: u32,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl FileAudit {
    /// Opens the log in `directory`.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn open(directory: &Path, bytes_max: u64, files_max: u32) -> io::Result<Self> {
        let open = append_to(&path(directory, 0))?;
        Ok(Self { directory: directory.to_owned(), bytes_max, files_max: files_max.max(1), open: Mutex::new(open) })
    }

    /// Every file moves one place back; the eldest falls off the end.
    fn rotate(&self) -> io::Result<Open> {
        for place in (0..self.files_max).rev() {
            let from = path(&self.directory, place);
            let moved = if place + 1 == self.files_max {
                fs::remove_file(&from)
            } else {
                fs::rename(&from, path(&self.directory, place + 1))
            };
            match moved {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        append_to(&path(&self.directory, 0))
    }
}

impl AuditLog for FileAudit {
    fn append(&self, line: &str) -> Result<(), BoxError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = line.len() as u64 + 1;
        if open.bytes > 0 && open.bytes + bytes > self.bytes_max {
            *open = self.rotate()?;
        }
        // What a process that ended half-way, or a full disk, left without its end does not take this one with it.
        let end = if super::is_torn(&open.file)? { "\n" } else { "" };
        open.file.write_all(format!("{end}{line}\n").as_bytes())?;
        open.bytes += bytes;
        Ok(())
    }

    fn recent(&self, max: usize) -> Result<Vec<String>, BoxError> {
        // Held, so that no file moves while it is read.
        let _open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for place in 0..self.files_max {
            match fs::read(path(&self.directory, place)) {
                // A line may be torn within a letter.
                Ok(octets) => {
                    let text = String::from_utf8_lossy(&octets);
                    lines.extend(text.lines().rev().take(max - lines.len()).map(str::to_owned));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error.into()),
            }
            if lines.len() == max {
                break;
            }
        }
        Ok(lines)
    }
}

fn append_to(path: &Path) -> io::Result<Open> {
    let file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok(Open { file, bytes })
}

/// `audit.jsonl`, `audit.1.jsonl`, and so on.
fn path(directory: &Path, place: u32) -> PathBuf {
    match place {
        0 => directory.join("audit.jsonl"),
        place => directory.join(format!("audit.{place}.jsonl")),
    }
}

#[cfg(test)]
mod tests;
