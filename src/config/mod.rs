//! Floor 2, what is wished: `proxy.toml` as written ([`document`], a spanned TOML document) and as meant ([`model`]).
//!
//! [`parse`] takes text and look-up functions, so that it touches no file and no environment by itself. It reads to the
//! end whatever it meets, and reports all faults of all tables at once. A key is known when some reader asks for it:
//! there is no second list of keys to keep in step.

pub mod diagnostic;
pub mod model;
pub mod otel_env;

mod document;
mod effective;
mod interpolate;
mod mask;
mod read;
mod value;
mod write;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use http::Uri;

pub use diagnostic::{Diagnostic, Diagnostics, Warning};
pub use effective::{cache_settings, effective};
use model::{Config, Toggle};

/// Where a configuration's text comes from, and how it reaches what lies outside it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What the text is called in diagnostics: the file, as the user wrote it.
    pub name: &'a str,
    /// The file's folder; relative paths begin here.
    pub base: &'a Path,
    /// Looks up `${NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file that a `*_file` setting names; the error is shown as it is.
    pub file: &'a dyn Fn(&Path) -> Result<String, String>,
}

/// Reads a configuration.
///
/// # Errors
/// Every fault of the text, with its place and a hint.
pub fn parse(text: &str, source: &Source<'_>) -> Result<(Config, Vec<Warning>), Diagnostics> {
    let toml = document::Toml::new(text);
    let document = document::Document::new(&toml, source);
    let config = read::config(&document);
    document.finish(config)
}

/// What `waylight check` says of a configuration.
#[derive(Clone, Debug)]
pub struct Report {
    /// All that was found, and a summary.
    pub text: String,
    /// How many faults there are; none: the configuration can be run.
    pub faults: usize,
}

/// A file that the configuration names, and that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The file; none: something else cannot be used.
    pub path: Option<PathBuf>,
    /// The keys that may name it: `cert_file`.
    pub keys: &'static [&'static str],
    /// What is wrong with it.
    pub what: String,
}

/// Checks a configuration for `waylight check`. `verify` looks into the files that it names.
pub fn check(
    text: &str,
    source: &Source<'_>,
    colours: Toggle,
    verify: impl FnOnce(&Config) -> Vec<Unusable>,
) -> Report {
    let toml = document::Toml::new(text);
    let document = document::Document::new(&toml, source);
    let config = read::config(&document);
    for unusable in config.as_ref().map(verify).unwrap_or_default() {
        document.unusable(&unusable);
    }
    let (diagnostics, faults) = match document.finish(config) {
        Ok((_, warnings)) => (Diagnostics::new(source.name, warnings), 0),
        Err(diagnostics) => {
            let faults = diagnostics.faults();
            (diagnostics, faults)
        }
    };
    let warnings = diagnostics.len() - faults;
    let count = |count: usize, noun| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let verdict = match (faults, warnings) {
        (0, 0) => "no faults".to_owned(),
        (0, warnings) => format!("no faults, {}", count(warnings, "warning")),
        (faults, 0) => count(faults, "fault"),
        (faults, warnings) => format!("{}, {}", count(faults, "fault"), count(warnings, "warning")),
    };
    Report { text: format!("{}{}: {verdict}\n", diagnostics.render(colours), source.name), faults }
}

impl Config {
    /// The configuration of `waylight --upstream URL`: one listener, one site for every host, toolbar on. On loopback
    /// people are given all that their role allows.
    ///
    /// # Errors
    /// If the URL cannot be an upstream.
    pub fn minimal(upstream: &Uri, listen: SocketAddr) -> Result<Self, Diagnostics> {
        let on_site = if listen.ip().is_loopback() { "all" } else { "session" };
        let (address, endpoint) = (write::quoted(&listen.to_string()), write::quoted(&upstream.to_string()));
        let text = format!(
            "[[listener]]\naddress = {address}\n\
             [[site]]\nhosts = [\"*\"]\ntoolbar = true\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
             [upstream.app]\nendpoints = [{endpoint}]\n[admin]\naddress = \"127.0.0.1:0\"\n\
             [access]\non_site = \"{on_site}\"\n"
        );
        let file = |_: &Path| Err("there is no file".to_owned());
        let source = Source { name: "--upstream", base: Path::new(""), env: &|_| None, file: &file };
        parse(&text, &source).map(|(config, _)| config)
    }
}

#[cfg(test)]
mod tests;
