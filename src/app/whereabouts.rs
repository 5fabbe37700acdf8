//! Where a running instance can be found: a small file in the state directory, for `waylight link` and
//! `waylight health`, which would otherwise not know a port that the system chose.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The file's name.
const FILE: &str = "instance.json";

/// Where a running instance can be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// Its process.
    pub pid: u32,
    /// Its admin listener: `http://127.0.0.1:9180` or `unix:/run/waylight.sock`.
    pub admin: Option<String>,
    /// Its listeners: `https://127.0.0.1:8443`.
    pub listeners: Vec<String>,
}

impl Whereabouts {
    /// Reads what the instance of this state directory wrote.
    ///
    /// # Errors
    /// No file: no instance runs there, or another user's.
    pub fn read(state_dir: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(state_dir.join(FILE))?).map_err(io::Error::other)
    }

    /// Writes it, for as long as the result lives.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, state_dir: &Path) -> io::Result<Written> {
        let path = state_dir.join(FILE);
        let fresh = state_dir.join(format!("{FILE}.{}", self.pid));
        fs::write(&fresh, serde_json::to_vec(self)?)?;
        // In one step: nobody reads half a file.
        fs::rename(&fresh, &path)?;
        Ok(Written(path))
    }
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
pub struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}
