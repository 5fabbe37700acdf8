//! `waylight trace URL`: sends one signed request, waits until its trace is complete, and prints it; with expectations,
//! whether it is as it should be.

pub(super) mod client;
pub(super) mod read;
mod show;

use std::{fs, path::Path, process::ExitCode, time::Duration};

use self::{
    client::{Reply, Request},
    read::{ASK_EVERY, Complete, Reader},
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
    clock,
    error::BoxError,
    rules::{
        authority,
        reading::{
            expect::{Expect, Facts, Met},
            holes::is_settled,
        },
        session::force::{FORCE, Target},
    },
};

/// Exit code: something is not as it was expected to be.
pub const UNMET: u8 = 4;
/// Exit code: nothing is known to be otherwise, but spans are missing that would tell.
pub const UNDECIDED: u8 = 5;

/// Services that an app called send their spans so much later, by themselves: SDKs send every five seconds.
const SETTLE: Duration = Duration::from_secs(6);

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
        fetch(&reader, reply, options).await
    })?;
    print(&found, options)?;
    Ok(match found.judge(&options.expect) {
        Met::Passed => ExitCode::SUCCESS,
        Met::Failed => ExitCode::from(UNMET),
        Met::Unknown => ExitCode::from(UNDECIDED),
    })
}

async fn fetch(reader: &Reader, reply: Reply, options: &Trace) -> Result<Found, BoxError> {
    let id = reply.trace.ok_or_else(|| {
        format!(
            "the answer ({}) names no trace: is this host a site of the running instance, with a toolbar?",
            reply.status
        )
    })?;
    let complete = reader.wait(id, options.timeout).await?;
    let patience = if complete == Complete::Yes { options.timeout.min(SETTLE) } else { Duration::ZERO };
    let until = clock::now().plus(patience);
    let requests = reader.requests(id).await?;
    let mut found = Found { id, status: reply.status, complete, kept: reader.trace(id).await?, requests };
    while found.may_change(&options.expect) && clock::now() < until {
        tokio::time::sleep(ASK_EVERY).await;
        found.kept = reader.trace(id).await?;
    }
    Ok(found)
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
    /// Whether all are met. One that is not says more than one that cannot be told.
    fn judge(&self, expectations: &[Expect]) -> Met {
        let known = self.facts();
        let facts = known.of(&self.kept.trace);
        let results = || expectations.iter().map(|expect| expect.verify(&facts).result);
        let worst = [Met::Failed, Met::Unknown].into_iter().find(|worst| results().any(|result| result == *worst));
        worst.unwrap_or(Met::Passed)
    }

    /// Whether more spans may come, and could change how an expectation fares.
    fn may_change(&self, expectations: &[Expect]) -> bool {
        let known = self.facts();
        let facts = Facts { lack: Some("some are to come"), ..known.of(&self.kept.trace) };
        !is_settled(&self.kept.trace) && expectations.iter().any(|expect| expect.verify(&facts).result == Met::Unknown)
    }
}

#[cfg(test)]
mod tests;
