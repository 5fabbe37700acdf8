//! `waylight force`: the signed header that has one request of a command-line client traced.

use super::{
    cli::Force,
    link::LinkError,
    source::{Loaded, Source},
    state, terminal,
};
use crate::rules::{
    authority,
    session::force::{FORCE, Target},
};

/// Prints the header, as `curl --header` takes it.
///
/// # Errors
/// The configuration is faulty, the state directory cannot be read, or the URL names no host.
pub fn force(source: &Source, options: &Force) -> Result<(), LinkError> {
    let Loaded { config, .. } = source.load().map_err(LinkError::Faulty)?;
    let keys = state::keys(&config.state_dir, &config.access.secrets)?;
    let host = options.url.authority().ok_or("the URL names no host")?.as_str();
    let host = authority::without_port(host).map_err(authority::AuthorityError::reason)?;
    let target = Target { host, method: &options.method, path: options.url.path() };
    let value = state::force_header(&keys, target, config.access.force_ttl.as_secs())?;
    terminal::say(format_args!("{FORCE}: {value}"));
    Ok(())
}
