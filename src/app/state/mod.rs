//! The state directory: the secret, what must outlive the process, and the lock that gives it one owner.
//!
//! `waylight link` reads the secret while the server runs; only the server takes the lock.

pub mod audit;
pub mod journal;
mod used;

use std::{
    fmt,
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

pub use self::used::UsedKeeper;
use crate::{
    clock,
    config::model::{Access, Secret},
    console,
    rules::{
        access::{Role, Way},
        session::{Force, Id, Identity, SignInLink, TraceLink, force},
        token::{Keys, KeysError, TokenError},
    },
    trace::sessions::{Ephemeral, Sessions},
};

/// The secret made at first run, in octets; it is kept as hexadecimal digits.
const SECRET_BYTES: usize = 32;
const SECRET_FILE: &str = "secret";
const LOCK_FILE: &str = "lock";
const JOURNAL_FILE: &str = "journal";
const USED_FILE: &str = "sessions";

/// The state directory, owned by this process until the value is dropped.
#[derive(Debug)]
pub struct State {
    directory: PathBuf,
    // Held, not read: the lock ends with the file.
    _lock: File,
}

impl State {
    /// Takes the directory, and makes it where it is missing (0700).
    ///
    /// # Errors
    /// It cannot be made or written, or another process owns it.
    pub fn take(directory: &Path) -> Result<Self, StateError> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(at(directory))?;
        let path = directory.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Without its number the message is still clear.
                drop(lock.read_to_string(&mut owner));
                return Err(StateError::Taken { directory: directory.into(), owner: owner.trim().into() });
            }
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
        let owner = format!("{}\n", std::process::id());
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(owner.as_bytes()))
            .map_err(at(&path))?;
        Ok(Self { directory: directory.into(), _lock: lock })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The keys: of the configured secrets, or else of one that is made at first run.
    ///
    /// # Errors
    /// A secret is too short, or the file cannot be read or made.
    pub fn keys(&self, configured: &[Secret]) -> Result<Keys, StateError> {
        if configured.is_empty() {
            make_secret(&self.directory)?;
        }
        keys(&self.directory, configured)
    }

    /// The audit log.
    ///
    /// # Errors
    /// Its file cannot be made or written.
    pub fn audit(&self, access: &Access) -> Result<audit::FileAudit, StateError> {
        audit::FileAudit::open(&self.directory, access.audit_bytes_max, access.audit_files_max)
            .map_err(at(&self.directory))
    }

    /// What is remembered of sessions, this and earlier processes' revocations, used nonces and what live sessions have used
    /// included. At most `sessions_max` entries count; lines that cannot be read are reported and skipped.
    ///
    /// # Errors
    /// The journal cannot be read or written, or what sessions have used cannot be read.
    pub fn sessions(&self, sessions_max: usize) -> Result<Sessions, StateError> {
        let path = self.directory.join(JOURNAL_FILE);
        let now = clock::unix_seconds();
        let (journal, entries) = journal::open(&path, now, sessions_max).map_err(at(&path))?;
        let sessions = Sessions::new(sessions_max, Box::new(journal), entries);
        let path = self.directory.join(USED_FILE);
        sessions.resume(used::read(&path, now).map_err(at(&path))?);
        Ok(sessions)
    }

    /// Keeps on the disk what sessions have used, on the current tokio runtime.
    pub fn keep_used(&self, sessions: Arc<Sessions>) -> UsedKeeper {
        UsedKeeper::begin(self.directory.join(USED_FILE), sessions)
    }
}

/// The keys that a running server uses: of the configured secrets, or else of the one in its state directory.
///
/// # Errors
/// A secret is too short; there is none yet; or others may read it.
pub fn keys(directory: &Path, configured: &[Secret]) -> Result<Keys, StateError> {
    if !configured.is_empty() {
        let secrets: Vec<_> = configured.iter().map(Secret::expose).collect();
        return Keys::new(&secrets).map_err(StateError::Keys);
    }
    let path = directory.join(SECRET_FILE);
    let mut file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StateError::NoSecret { path: path.clone() },
        _ => at(&path)(error),
    })?;
    let mode = file.metadata().map_err(at(&path))?.mode();
    if mode & 0o077 != 0 {
        return Err(StateError::Readable { path });
    }
    let mut secret = String::new();
    file.read_to_string(&mut secret).map_err(at(&path))?;
    Keys::new(&[secret.trim()]).map_err(StateError::Keys)
}

/// Whether a name was revoked and not let in again, as the journal of a running server has it.
///
/// # Errors
/// The journal cannot be read.
pub fn is_barred(directory: &Path, name: &str) -> Result<bool, StateError> {
    let path = directory.join(JOURNAL_FILE);
    let entries = journal::read(&path, clock::unix_seconds()).map_err(at(&path))?;
    Ok(Sessions::new(entries.len(), Box::new(Ephemeral), entries).is_person_barred(name))
}

/// A one-time link that signs `who` in, at the site that `origin` (`https://app.example`) leads to.
///
/// # Errors
/// The operating system gave no random octets.
pub fn sign_in_link(origin: &str, keys: &Keys, who: (&str, Role), ttl_seconds: u64) -> Result<String, StateError> {
    let nonce = Id::from_bytes(random().map_err(StateError::Random)?);
    let link = SignInLink::new(nonce, who, clock::unix_seconds(), ttl_seconds);
    Ok(format!("{}{}?token={}", origin.trim_end_matches('/'), console::SIGN_IN, link.seal(keys)))
}

/// A one-time link at `origin` that has a visitor's requests traced, with his consent; `link` without its nonce.
///
/// # Errors
/// The operating system gave no random octets, or the path is too long to be signed.
pub fn trace_link(origin: &str, keys: &Keys, link: TraceLink) -> Result<String, StateError> {
    let nonce = Id::from_bytes(random().map_err(StateError::Random)?);
    let token = TraceLink { nonce, ..link }.seal(keys).map_err(StateError::Token)?;
    Ok(format!("{origin}{}?token={token}", console::endpoints::TRACE))
}

/// The value of a `Waylight-Trace` header that has one request traced: this method, host (without port) and path.
///
/// # Errors
/// The operating system gave no random octets, or host and path are too long to be signed.
pub fn force_header(keys: &Keys, target: force::Target<'_>, ttl_seconds: u64) -> Result<String, StateError> {
    let force = Force {
        nonce: Id::from_bytes(random().map_err(StateError::Random)?),
        expiry: clock::unix_seconds().saturating_add(ttl_seconds),
        host: target.host.to_ascii_lowercase(),
        method: target.method.clone(),
        path: target.path.into(),
    };
    force.seal(keys).map_err(StateError::Token)
}

/// Whoever may read the state directory, signed in at `host` for so long: for commands that ask the running instance.
///
/// # Errors
/// The operating system gave no random octets.
pub fn operator(host: &str, ttl_seconds: u64) -> Result<Identity, StateError> {
    let id = Id::from_bytes(random().map_err(StateError::Random)?);
    let issued = clock::unix_seconds();
    let (name, expiry) = ("command line".to_owned(), issued.saturating_add(ttl_seconds));
    Ok(Identity { id, name, role: Role::Viewer, way: Way::Link, host: host.to_owned(), issued, expiry })
}

/// Makes the secret where there is none. It appears whole or not at all, so that whoever reads it meanwhile is safe.
fn make_secret(directory: &Path) -> Result<(), StateError> {
    let path = directory.join(SECRET_FILE);
    if path.exists() {
        return Ok(());
    }
    let secret: [u8; SECRET_BYTES] = random().map_err(StateError::Random)?;
    let digits: String = secret.iter().map(|octet| format!("{octet:02x}")).collect();
    replace(&path, &format!("{digits}\n")).map_err(at(&path))
}

/// What a file holds; nothing, where there is none.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        contents => contents,
    }
}

/// Writes a file (0600) beside its place and moves it there.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

/// Whether the last line of a file has no end.
fn is_torn(file: &File) -> io::Result<bool> {
    let Some(last) = file.metadata()?.len().checked_sub(1) else { return Ok(false) };
    let mut octet = [0];
    file.read_exact_at(&mut octet, last)?;
    Ok(octet != *b"\n")
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn at(path: &Path) -> impl Fn(io::Error) -> StateError {
    let path = path.to_owned();
    move |error| StateError::Io { path: path.clone(), error }
}

/// Why there is no state.
#[derive(Debug)]
pub enum StateError {
    /// Another process owns the directory.
    Taken {
        /// The directory.
        directory: PathBuf,
        /// The other process, if it could be read.
        owner: String,
    },
    /// There is no secret yet.
    NoSecret {
        /// Where it would be.
        path: PathBuf,
    },
    /// Others may read the secret.
    Readable {
        /// Where it is.
        path: PathBuf,
    },
    /// A secret is no good.
    Keys(KeysError),
    /// A file cannot be used.
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The operating system gave no random octets.
    Random(getrandom::Error),
    /// No token can say this.
    Token(TokenError),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { directory, owner } => write!(
                f,
                "{} belongs to another running Waylight (process {}); give this one a `state_dir` of its own",
                directory.display(),
                if owner.is_empty() { "unknown" } else { owner },
            ),
            Self::NoSecret { path } => {
                write!(f, "{} is missing; it is made when Waylight first runs with this `state_dir`", path.display())
            }
            Self::Readable { path } => {
                write!(f, "{} may be read by others; run `chmod 600 {0}`", path.display())
            }
            Self::Keys(error) => write!(f, "{error}"),
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Random(error) => write!(f, "no random numbers: {error}"),
            Self::Token(_) => f.write_str("host and path are too long to be signed"),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Keys(error) => Some(error),
            Self::Random(error) => Some(error),
            Self::Token(error) => Some(error),
            Self::Taken { .. } | Self::NoSecret { .. } | Self::Readable { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
