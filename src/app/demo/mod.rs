//! The demo: a small shop behind Waylight, so that the first trace is one command away.

pub mod shop;

use std::{
    fs::DirBuilder,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use http::Uri;

use super::{
    cli::Demo,
    instance::Running,
    link,
    run::{Run, RunError, run},
    source::{DEFAULT_FILE, Source},
    terminal::{self, FAINT, GOOD, LINK, STRONG, Styled},
};
use crate::{
    config::model::{Role, Toggle},
    error::BoxError,
};

/// Runs the demo until a signal asks to stop.
///
/// # Errors
/// What could not be started.
pub fn demo(options: &Demo) -> Result<(), RunError> {
    let directory = Directory::make()?;
    let text = configuration(options, &directory.0)?;
    // For `waylight link`; the demo itself does not follow it.
    let file = directory.0.join(DEFAULT_FILE);
    std::fs::write(&file, &text)?;
    let run_options = Run {
        source: Source::Text(text),
        print: Toggle::On,
        ephemeral: Toggle::Off,
        started: Box::new(move |running| welcome(running, &file)),
    };
    run(run_options)
}

fn configuration(options: &Demo, directory: &Path) -> Result<String, BoxError> {
    let program = std::env::current_exe()?;
    let program = program.to_str().ok_or("the path of this program is no text")?;
    let directory = directory.to_str().ok_or("the path of the temporary directory is no text")?;
    let listen = options.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let on_site = if listen.ip().is_loopback() { "all" } else { "session" };
    let mut text = format!(
        r#"state_dir = {directory}

[log]
level = "warn"
access = false

[[listener]]
address = {listen}

[admin]
address = {admin}

[[site]]
hosts = ["*"]
[[site.route]]
path = "/products/:slug"
upstream = "shop"
[[site.route]]
path = "/api/*"
upstream = "shop"
[[site.route]]
path = "/*"
upstream = "shop"
cache = {{}}

[upstream.shop.start]
command = [{program}, "demo-app"]
directory = {directory}
port_variable = "PORT"

[trace]
service_name = "waylight"

[access]
on_site = "{on_site}"

[receive]
http = "127.0.0.1:0"
grpc = "off"
"#,
        directory = quoted(directory),
        // No port: it is for `waylight trace` of whoever may read the directory.
        admin = quoted(&format!("unix:{directory}/admin")),
        program = quoted(program),
        listen = quoted(&listen.to_string()),
    );
    if let Some(otlp) = &options.otlp {
        text.push_str(&format!("[[export]]\nname = \"otlp\"\nendpoint = {}\n", quoted(&traces_url(otlp))));
    }
    Ok(text)
}

/// The URL of an OTLP/HTTP receiver, with the usual path where there is none.
fn traces_url(otlp: &Uri) -> String {
    let url = otlp.to_string();
    if otlp.path() == "/" { format!("{}/v1/traces", url.trim_end_matches('/')) } else { url }
}

/// A TOML string. JSON's escapes are TOML's, and `${` is kept from being looked up.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

fn welcome(running: &Running, file: &Path) {
    let Some(origin) = running.origins.first() else { return };
    let link = link::for_site(running, Some(origin), ("you", Role::Admin));
    let link = link.unwrap_or_else(|error| format!("(no link: {error})"));
    let minutes = running.config.access.link_ttl.as_secs() / 60;
    terminal::say(format_args!(
        "
{}

  The shop      {}
  Sign in       {}
                {}
  Another link  {}

  1. Open the sign-in link and confirm.
  2. Press {}: from then on every request of that browser is traced.
  3. Click around in the shop; its pages are slow, broken or streaming on purpose.
  4. Look here: each request's spans appear below, the shop's own joined in.

{}
",
        Styled(GOOD, "Waylight runs, with a small shop behind it."),
        Styled(LINK, origin),
        Styled(LINK, &link),
        Styled(FAINT, format_args!("works once, for {minutes} minutes; `Ctrl-C` ends the demo")),
        Styled(STRONG, format_args!("waylight link --config {}", file.display())),
        Styled(STRONG, "Start"),
        Styled(FAINT, "The shop is started by the first request that needs it."),
    ));
}

/// A directory of the demo's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn make() -> Result<Self, BoxError> {
        // The name cannot be guessed, and a directory that is there already is refused.
        let path = std::env::temp_dir().join(format!("waylight-demo-{:016x}", fastrand::u64(..)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests;
