//! `waylight backup`: a copy of what is stored, taken at one moment, while the server runs or not.

use super::{
    cli::Backup,
    link::LinkError,
    source::{Loaded, Source},
    terminal,
};
use crate::trace::store::sqlite;

/// Copies the store's file.
///
/// # Errors
/// The configuration is faulty, nothing is stored, or the new file cannot be written or is there already.
pub fn backup(source: &Source, options: &Backup) -> Result<(), LinkError> {
    let Loaded { config, .. } = source.load().map_err(LinkError::Faulty)?;
    sqlite::backup(&config.state_dir.join(sqlite::FILE), &options.file)?;
    terminal::say(format_args!("{}", options.file.display()));
    Ok(())
}
