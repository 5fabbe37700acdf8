//! `waylight trace URL`: sends one signed request, waits until its trace is complete, and prints it; with expectations,
//! whether it is as it should be.

pub(super) mod client;
pub(super) mod read;
mod show;

use std::{fs, path::Path, process::ExitCode, time::Duration};

use self::{
    client::{Reply, Request},
    read::Reader,
    show::Found,
};
use super::{
    cli::Trace,
    link::LinkError,
    source::{Loaded, Source},
    state, terminal,
    whereabouts::Whereabouts,
};
use crate::{
    error::BoxError,
    rules::{
        authority,
        reading::expect::{Expect, Met},
        session::force::{FORCE, Target},
    },
};

/// Exit code: something is not as it was expected to be.
pub const UNMET: u8 = 4;

/// Sends, waits, prints.
///
/// # Errors
/// No instance runs, nobody answers, or the request was not traced.
pub fn trace(source: &Source, options: &Trace) -> Result<ExitCode, LinkError> {
    let Loaded { config, .. } = source.load().map_err(LinkError::Faulty)?;
    let keys = state::keys(&config.state_dir, &config.access.secrets)?;
    let reader = Reader::of(&config, &keys)?;
    let host = options.url.authority().ok_or("the URL names no host")?.as_str();
    let host = authority::without_port(host).map_err(authority::AuthorityError::reason)?;
    let target = Target { host, method: &options.method, path: options.url.path() };
    let force = state::force_header(&keys, target, config.access.force_ttl.as_secs())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let timeout = options.timeout;
    let found = runtime.block_on(async {
        let request = Request { options, force: (FORCE, force) };
        let reply = tokio::time::timeout(timeout, client::send(&request))
            .await
            .map_err(|_| format!("{} did not answer within {timeout:?}", options.url))??;
        fetch(&reader, reply, timeout).await
    })?;
    print(&found, options)?;
    Ok(if found.all_met(&options.expect) { ExitCode::SUCCESS } else { ExitCode::from(UNMET) })
}

async fn fetch(reader: &Reader, reply: Reply, timeout: Duration) -> Result<Found, BoxError> {
    let id = reply.trace.ok_or_else(|| {
        format!(
            "the answer ({}) names no trace: is this host a site of the running instance, with a toolbar?",
            reply.status
        )
    })?;
    let complete = reader.wait(id, timeout).await?;
    let kept = reader.trace(id).await?;
    let requests = reader.requests(id).await?;
    Ok(Found { id, status: reply.status, complete, kept, requests })
}

fn print(found: &Found, options: &Trace) -> Result<(), BoxError> {
    if let Some(path) = &options.html {
        fs::write(path, found.html()).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    if options.json {
        terminal::say(found.json(&options.expect));
    } else if options.otlp {
        terminal::say(found.otlp());
    } else {
        terminal::say(found.text(&options.expect).trim_end());
        told(options.html.as_deref());
    }
    Ok(())
}

fn told(html: Option<&Path>) {
    if let Some(path) = html {
        terminal::say(format_args!("\nwritten to {}", path.display()));
    }
}

/// Where the running instance of this state directory answers.
///
/// # Errors
/// None runs, or its admin listener is switched off.
pub(super) fn admin(state_dir: &Path) -> Result<String, BoxError> {
    let found = Whereabouts::read(state_dir)
        .map_err(|error| format!("no running instance was found in {}: {error}", state_dir.display()))?;
    found.admin.ok_or_else(|| "the admin listener is switched off: nobody can be asked".into())
}

/// Reads an expectation of the command line.
///
/// # Errors
/// It is none; clap prints where.
pub(super) fn expectation(text: &str) -> Result<Expect, String> {
    Expect::parse(text).map_err(|error| error.to_string())
}

/// Reads a length of time of the command line: `30s`, `500ms`.
///
/// # Errors
/// It is none.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let nanos = crate::rules::length::parse(text).filter(|nanos| *nanos > 0);
    nanos.map(Duration::from_nanos).ok_or_else(|| "a length is expected, as in 30s or 500ms".to_owned())
}

impl Found {
    fn all_met(&self, expectations: &[Expect]) -> bool {
        let facts = self.facts();
        expectations.iter().all(|expect| expect.verify(&facts.of(&self.kept.trace)).result == Met::Passed)
    }
}

#[cfg(test)]
mod tests;
