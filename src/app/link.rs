//! `waylight link`: a one-time sign-in link for a running instance.

use super::{
    cli::Link,
    instance::Running,
    source::{LoadError, Loaded, Source},
    state, terminal,
    whereabouts::Whereabouts,
};
use crate::{
    config::model::{Config, Site},
    error::BoxError,
    rules::token::Keys,
};

/// Why there is no link. Not an `Error` itself, so that every `Error` becomes one with `?`.
#[derive(Debug)]
pub enum LinkError {
    /// There is no configuration.
    Faulty(LoadError),
    /// Anything else.
    Failed(BoxError),
}

impl<E: Into<BoxError>> From<E> for LinkError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Prints a link.
///
/// # Errors
/// No instance runs, or the site cannot be told.
pub fn link(source: &Source, options: &Link) -> Result<(), LinkError> {
    let Loaded { config, .. } = source.load().map_err(LinkError::Faulty)?;
    let found = Whereabouts::read(&config.state_dir)
        .map_err(|error| format!("no running instance was found in {}: {error}", config.state_dir.display()))?;
    let keys = state::keys(&config.state_dir, &config.access.secrets)?;
    let origin = origin(&config, options.site.as_deref(), &found.listeners)?;
    terminal::say(sign_in(&config, &keys, &origin, &options.name)?);
    Ok(())
}

/// A link for `name` at the site asked for, or at the only one.
///
/// # Errors
/// The site cannot be told, or the operating system gave no random octets.
pub fn for_site(running: &Running, asked: Option<&str>, name: &str) -> Result<String, BoxError> {
    let origin = origin(&running.config, asked, &running.origins)?;
    sign_in(&running.config, &running.keys, &origin, name)
}

/// A link for `name`, at `origin`.
///
/// # Errors
/// The operating system gave no random octets.
pub fn sign_in(config: &Config, keys: &Keys, origin: &str, name: &str) -> Result<String, BoxError> {
    Ok(state::sign_in_link(origin, keys, name, config.access.link_ttl.as_secs())?)
}

/// The origin that a person opens: of the site asked for, or of the only one.
fn origin(config: &Config, asked: Option<&str>, listeners: &[String]) -> Result<String, BoxError> {
    // Whoever stands behind another proxy knows the origin himself.
    if let Some(origin) = asked.filter(|asked| asked.starts_with("https://") || asked.starts_with("http://")) {
        return Ok(origin.trim_end_matches('/').to_owned());
    }
    let listener = listeners.iter().find(|origin| origin.starts_with("https://")).or_else(|| listeners.first());
    let listener = listener.ok_or("the running instance has no listener")?;
    let sites: Vec<_> = config.sites.iter().filter(|site| site.toolbar.is_on()).collect();
    if let Some(host) = asked {
        let host = host.to_ascii_lowercase();
        if !sites.iter().any(|site| site.hosts.iter().any(|pattern| pattern.matches(&host))) {
            return Err(format!("no site with a toolbar has the host {host}; there are {}", names(&sites)).into());
        }
        return Ok(at(listener, &host));
    }
    match sites.as_slice() {
        [] => Err("no site has a toolbar: set `toolbar = true`".into()),
        [site] => Ok(match site.hosts.iter().find(|host| host.is_exact()) {
            Some(host) => at(listener, &host.to_string()),
            None => listener.clone(),
        }),
        _ => Err(format!("there are several sites; choose one with --site: {}", names(&sites)).into()),
    }
}

/// The listener's origin with another host.
fn at(listener: &str, host: &str) -> String {
    let (scheme, authority) = listener.split_once("://").unwrap_or(("http", listener));
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let usual = if scheme == "https" { "443" } else { "80" };
    if port.is_empty() || port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
}

fn names(sites: &[&Site]) -> String {
    let hosts: Vec<_> = sites.iter().flat_map(|site| &site.hosts).map(ToString::to_string).collect();
    hosts.join(", ")
}

#[cfg(test)]
mod tests;
