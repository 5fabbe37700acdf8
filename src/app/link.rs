//! `waylight link`: a one-time link for a running instance, that signs in or has a visitor traced.

use std::fmt;

use super::{
    cli::Link,
    instance::Running,
    print,
    source::{LoadError, Loaded, Source},
    state, terminal,
    whereabouts::Whereabouts,
};
use crate::{
    clock,
    config::model::{Config, Role, Site},
    console,
    error::BoxError,
    rules::{
        session::{Id, TraceLink},
        token::Keys,
    },
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
    counts(&config, &options.name)?;
    let origin = origin(&config, options.site.as_deref(), &found.listeners)?;
    let link = if options.trace {
        trace(&config, &keys, &origin, options)?
    } else {
        sign_in(&config, &keys, &origin, (&options.name, options.role))?
    };
    terminal::say(link);
    Ok(())
}

/// A link of a running instance for somebody at the site asked for, or at the only one.
///
/// # Errors
/// His name was revoked, the site cannot be told, or the operating system gave no random octets.
pub fn for_site(running: &Running, asked: Option<&str>, who: (&str, Role)) -> Result<String, NoLink> {
    if running.console.is_out(who.0) {
        return Err(NoLink::Revoked(who.0.to_owned()));
    }
    let origin = origin(&running.config, asked, &running.origins).map_err(NoLink::Failed)?;
    sign_in(&running.config, &running.keys, &origin, who).map_err(NoLink::Failed)
}

/// Why a running instance makes no link.
#[derive(Debug)]
pub enum NoLink {
    /// This name was revoked: a link for it would be refused when it is opened, by whoever it was sent to.
    Revoked(String),
    /// Anything else.
    Failed(BoxError),
}

impl fmt::Display for NoLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked(name) => {
                let name = print::clean(name);
                let what = "so a link for it would not count; let it in again with";
                write!(f, "the name {name:?} was revoked, {what} `waylight lift {name:?}`")
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoLink {}

/// A link for somebody, at `origin`.
fn sign_in(config: &Config, keys: &Keys, origin: &str, who: (&str, Role)) -> Result<String, BoxError> {
    Ok(state::sign_in_link(origin, keys, who, config.access.link_ttl.as_secs())?)
}

/// A trace link at `origin`.
fn trace(config: &Config, keys: &Keys, origin: &str, options: &Link) -> Result<String, BoxError> {
    let origin = origin.trim_end_matches('/');
    let host = origin.parse::<http::Uri>()?.host().ok_or("the site has no host")?.to_ascii_lowercase();
    let path = console::own_path(&options.path).ok_or("the path must begin with one slash, as in /products?page=2")?;
    let (now, access) = (clock::unix_seconds(), &config.access);
    let link = TraceLink {
        nonce: Id::from_bytes([0; 16]),
        issued: now,
        expiry: now.saturating_add(access.link_ttl.as_secs()),
        name: options.name.clone(),
        host,
        path,
        seconds: options
            .minutes
            .map_or(u64::MAX, |minutes| minutes.saturating_mul(60))
            .clamp(1, access.guest_ttl.as_secs()),
        requests_max: options.requests.unwrap_or(u64::MAX).clamp(1, access.guest_requests_max),
    };
    Ok(state::trace_link(origin, keys, link)?)
}

/// Another process knows from the journal who was revoked.
fn counts(config: &Config, name: &str) -> Result<(), BoxError> {
    if state::is_barred(&config.state_dir, name)? {
        return Err(NoLink::Revoked(name.to_owned()).into());
    }
    Ok(())
}

/// The origin that a person opens: of the site asked for, or of the only one.
fn origin(config: &Config, asked: Option<&str>, listeners: &[String]) -> Result<String, BoxError> {
    // Whoever stands behind another proxy knows the origin himself.
    if let Some(origin) = asked.filter(|asked| asked.starts_with("https://") || asked.starts_with("http://")) {
        return Ok(origin.trim_end_matches('/').to_owned());
    }
    let listener = listeners.iter().find(|origin| origin.starts_with("https://")).or_else(|| listeners.first());
    let listener = listener.ok_or("the running instance has no listener")?;
    let mut sites: Vec<_> = config.sites.iter().filter(|site| site.toolbar.is_on()).collect();
    if let Some(host) = asked {
        let host = host.to_ascii_lowercase();
        if !sites.iter().any(|site| site.hosts.iter().any(|pattern| pattern.matches(&host))) {
            return Err(format!("no site with a toolbar has the host {host}; there are {}", names(&sites)).into());
        }
        return Ok(at(listener, &host));
    }
    // People are traced at apps; whoever wants the console's own site names it.
    sites.retain(|site| !site.console.is_on());
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
