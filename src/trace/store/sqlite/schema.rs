//! The file: how it is opened, what its tables are, and what happens to one that is newer or broken.
//!
//! Every commit is flushed to the disk (`synchronous = FULL`), for one commit holds what some hundred milliseconds
//! brought. A broken file is moved aside, never removed.

use std::{
    fmt, fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{clock, error::BoxError, trace::store::StoreError};

/// "Wayl", so that other tools can tell what the file is.
const APPLICATION_ID: i64 = 0x5761_796c;
/// Each brings a file from the version of its place in the list to the next one.
const MIGRATIONS: &[&str] = &[
    include_str!("schema1.sql"),
    include_str!("schema2.sql"),
    include_str!("schema3.sql"),
    include_str!("schema4.sql"),
];
/// The log file shrinks to this when it begins anew: a backup may have made it long.
const LOG_BYTES_MAX: i64 = 16 << 20;
/// Another process (a backup, somebody's `sqlite3`) may hold a lock so long.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Opens the file for writing, makes it where there is none, and brings it to this version.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    open_at(path, MIGRATIONS)
}

/// As [`open`], for a Waylight that knows these steps.
fn open_at(path: &Path, migrations: &[&str]) -> Result<Connection, OpenError> {
    // With the same rights as everything in the state directory; the log file gets those of this one.
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| OpenError::Unwritable(format!("{}: {error}", path.display()).into()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = migrations.len() as i64;
    if version > known {
        return Err(OpenError::Newer { path: path.into(), version, known });
    }
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_ours = db.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0))? == APPLICATION_ID;
    if version < 0 || (tables > 0 && !is_ours) {
        return Err(OpenError::Broken("it is another program's".into()));
    }
    if tables == 0 {
        db.pragma_update(None, "page_size", 8_192)?;
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // The writer says when ([`super::log`]).
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_MAX, |_| Ok(()))?;
    // What is removed is overwritten: somebody may have asked for it.
    db.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
    db.pragma_update(None, "cache_size", -16_384)?;
    db.set_prepared_statement_cache_capacity(32);
    for (index, migration) in migrations.iter().enumerate().skip(usize::try_from(version).unwrap_or_default()) {
        let step = db.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", index as i64 + 1)?;
        step.commit()?;
    }
    Ok(db)
}

/// Opens the file for reading, beside whoever writes it.
pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "cache_size", -8_192)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// Moves a broken file, and the log that belongs to it, aside. Gives back its new name.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let now = clock::unix_seconds();
    let name = |count: u64| with_suffix(path, &format!(".broken-{}", now + count));
    let Some(aside) = (0..1_000).map(name).find(|aside| !aside.exists()) else {
        return Err(io::Error::other("too many broken files"));
    };
    fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

/// Copies what a store file holds at this moment into a new file, which may stand in its place.
///
/// # Errors
/// There is no store, or the new file cannot be written or is there already.
pub fn backup(store: &Path, to: &Path) -> Result<(), BoxError> {
    if to.exists() {
        return Err(format!("{} is there already", to.display()).into());
    }
    let target = to.to_str().ok_or("the name of the new file is no text")?;
    let db = open_to_read(store).map_err(|error| format!("{}: {error}", store.display()))?;
    // Made here, so that nobody else may read it.
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    if let Err(error) = db.execute("VACUUM INTO ?1", [target]) {
        fs::remove_file(to).ok();
        return Err(error.into());
    }
    Ok(())
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Why a file cannot be written to.
#[derive(Debug)]
pub(super) enum OpenError {
    /// A newer Waylight wrote it.
    Newer { path: PathBuf, version: i64, known: i64 },
    /// It is no store, or a damaged one.
    Broken(BoxError),
    /// It, or its folder, cannot be written.
    Unwritable(BoxError),
    /// Anything else.
    Failed(BoxError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { path, version, known } => write!(
                f,
                "{} was written by a newer Waylight (version {version} of its tables; this one knows {known}): run that \
                 one, or move the file away",
                path.display()
            ),
            Self::Broken(error) | Self::Unwritable(error) | Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(code) if is_broken(code) => Self::Broken(error.into()),
            Some(code) if is_unwritable(code) => Self::Unwritable(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(code) if is_unwritable(code) => Self::Full(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

/// Whether an error says that the file is damaged.
pub(super) fn is_broken(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
}

fn is_unwritable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied
    )
}

#[cfg(test)]
mod tests;
