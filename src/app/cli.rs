//! The command line: what may be asked of `waylight`, and what it exits with.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anstyle::AnsiColor;
use clap::{Args, Parser, Subcommand, builder::Styles};
use http::{HeaderName, HeaderValue, Method, Uri};

use super::{
    backup, cache, demo, force, health,
    instance::Running,
    link::{self, LinkError},
    run::{self, RunError},
    running,
    source::{self, LoadError, Source},
    terminal, trace, traces,
};
use crate::{
    config::model::{Role, Toggle},
    rules::reading::expect::Expect,
};

/// Exit code: it could not start, or it failed.
pub const FAILED: u8 = 1;
/// Exit code: the command line is wrong. clap's own.
pub const MISUSED: u8 = 2;
/// Exit code: the configuration is faulty.
pub const FAULTY: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  waylight                                     run ./proxy.toml
  waylight --config edge.toml                  run another file
  waylight --upstream http://localhost:3000    run without a file
  waylight check                               print all faults of ./proxy.toml
  waylight link --site shop.example            print a sign-in link of a running instance
  waylight link --trace --path /cart           print a link that has a visitor traced, once he agrees
  curl -H \"$(waylight force URL)\" URL          have one request of a client traced
  waylight backup traces.db                    copy what is stored, while the server runs
  waylight trace URL --expect 'ttfb<200ms'     send one request, print its trace, and check it
  waylight traces --q 'status:5xx' --since 1h  list traced requests
  waylight explain https://shop.example/a      tell what is cached of it, and why
  waylight purge --prefix https://shop.example/images/
  waylight demo                                a small shop, traced: nothing else is needed

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 faulty configuration, 4 not as expected,
5 not decided: spans are missing.
Logs go to standard error. Colours are for terminals; NO_COLOR switches them off.";

/// An edge reverse proxy with built-in session tracing.
#[derive(Debug, Parser)]
#[command(name = "waylight", version, after_help = EXAMPLES, styles = STYLES, disable_help_subcommand = true)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Cli {
    /// What to do; run, if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The configuration file
    #[arg(long, short, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// How to run.
    #[command(flatten)]
    pub run: Run,
}

/// How to run without a file.
#[derive(Args, Debug)]
pub struct Run {
    /// Run without a file: send everything to this upstream
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub upstream: Option<Uri>,
    /// Where to listen, with --upstream [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", requires = "upstream")]
    pub listen: Option<SocketAddr>,
    /// Keep requests and traces in memory only: nothing of them is left on disk
    #[arg(long)]
    pub ephemeral: bool,
}

/// What may be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print all faults of a configuration file, and exit
    Check,
    /// Print a one-time sign-in link for a running instance
    Link(Link),
    /// Print the header that has one request of a command-line client traced
    Force(Force),
    /// Send one traced request, wait for its trace, and print it
    Trace(Box<Trace>),
    /// List and search the traced requests of a running instance
    Traces(Traces),
    /// Let a person in again whose name was revoked
    Lift(Lift),
    /// Forget responses that a running instance has stored
    Purge(Purge),
    /// Tell what a running instance has stored for a URL, and whether it would answer from it
    Explain(Explain),
    /// Run a small traced shop behind Waylight
    Demo(Demo),
    /// Ask a running instance whether it is healthy; exit 1 if not
    Health,
    /// Copy the stored requests and traces into a new file, while the server runs or not
    Backup(Backup),
    /// Print the version
    Version,
    /// The demo's app; the demo starts it by itself
    #[command(hide = true)]
    DemoApp,
}

/// What a sign-in link is for.
#[derive(Args, Debug)]
pub struct Link {
    /// The site's host, if there are several; or its whole origin, behind another proxy
    #[arg(long, value_name = "HOST")]
    pub site: Option<String>,
    /// Who is signed in with it, as shown in traces
    #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
    pub name: String,
    /// What he may do: "viewer" reads, "tracer" also traces, "admin" does everything
    #[arg(long, value_name = "ROLE", default_value = "tracer", value_parser = role)]
    pub role: Role,
    /// Make a trace link instead: whoever opens it is asked, and then traced
    #[arg(long)]
    pub trace: bool,
    /// With --trace: the page that is opened then
    #[arg(long, value_name = "PATH", default_value = "/", requires = "trace")]
    pub path: String,
    /// With --trace: at most so many minutes [default: access.guest_ttl]
    #[arg(long, value_name = "COUNT", requires = "trace")]
    pub minutes: Option<u64>,
    /// With --trace: at most so many requests [default: access.guest_requests_max]
    #[arg(long, value_name = "COUNT", requires = "trace")]
    pub requests: Option<u64>,
}

fn role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| "one of viewer, tracer, admin".to_owned())
}

/// Which request is traced.
#[derive(Args, Debug)]
pub struct Force {
    /// The URL, as the client will ask for it
    #[arg(value_name = "URL")]
    pub url: Uri,
    /// The method that the client will use
    #[arg(long, short = 'X', value_name = "METHOD", default_value = "GET")]
    pub method: Method,
}

/// Where the copy goes.
#[derive(Args, Debug)]
pub struct Backup {
    /// The new file; to restore, stop the server and put it in the state directory as `traces.db`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Which request is sent, and what is made of its trace.
#[derive(Args, Debug)]
pub struct Trace {
    /// The URL; its host is a site of the running instance
    #[arg(value_name = "URL")]
    pub url: Uri,
    /// The method
    #[arg(long, short = 'X', value_name = "METHOD", default_value = "GET")]
    pub method: Method,
    /// A header field of the request: `name: value`; may be repeated
    #[arg(long, short = 'H', value_name = "FIELD", value_parser = header)]
    pub header: Vec<(HeaderName, HeaderValue)>,
    /// The request's body
    #[arg(long, short = 'd', value_name = "TEXT")]
    pub data: Option<String>,
    /// Authorities for https, instead of the system's: a PEM file
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// What the trace is expected to be, such as `cache=hit`, `ttfb<200ms`, `spans(name=db.query)<10`; may be repeated
    #[arg(long, value_name = "EXPECTATION", value_parser = trace::expectation)]
    pub expect: Vec<Expect>,
    /// The longest time for the answer, and for the trace
    #[arg(long, value_name = "LENGTH", default_value = "30s", value_parser = trace::duration)]
    pub timeout: Duration,
    /// Print the trace as JSON
    #[arg(long, conflicts_with = "otlp")]
    pub json: bool,
    /// Print the trace as OTLP in JSON
    #[arg(long)]
    pub otlp: bool,
    /// Write the trace as one HTML file, which opens offline
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("`name: value` is expected")?;
    let name = name.trim().parse::<HeaderName>().map_err(|error| error.to_string())?;
    Ok((name, value.trim().parse::<HeaderValue>().map_err(|error| error.to_string())?))
}

/// Which traced requests are listed.
#[derive(Args, Debug)]
pub struct Traces {
    /// What they hold, as in the Logs: `checkout status:5xx >200ms`
    #[arg(long, value_name = "SEARCH")]
    pub q: Option<String>,
    /// No older than this: 15m, 24h
    #[arg(long, value_name = "LENGTH", value_parser = trace::duration)]
    pub since: Option<Duration>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub limit: u16,
    /// Print them as JSON
    #[arg(long)]
    pub json: bool,
}

/// Who is let in again.
#[derive(Args, Debug)]
pub struct Lift {
    /// His name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// What is purged.
#[derive(Args, Debug)]
pub struct Purge {
    /// This URL, with all of its variants
    #[arg(
        value_name = "URL",
        required_unless_present_any = ["prefix", "tag", "all"],
        conflicts_with_all = ["prefix", "tag", "all"]
    )]
    pub url: Option<String>,
    /// Every URL that begins so
    #[arg(long, value_name = "URL", conflicts_with_all = ["tag", "all"])]
    pub prefix: Option<String>,
    /// Whatever the upstream named so in Cache-Tag or Surrogate-Key
    #[arg(long, value_name = "TAG", conflicts_with = "all")]
    pub tag: Option<String>,
    /// Everything
    #[arg(long)]
    pub all: bool,
    /// Only make it stale: it may still be validated, and answer where a stale response may
    #[arg(long)]
    pub soft: bool,
}

/// Which request is explained.
#[derive(Args, Debug)]
pub struct Explain {
    /// The URL, as clients ask for it
    #[arg(value_name = "URL")]
    pub url: String,
    /// A header field of the request: `name: value`; may be repeated
    #[arg(long, short = 'H', value_name = "FIELD", value_parser = header)]
    pub header: Vec<(HeaderName, HeaderValue)>,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// How the demo runs.
#[derive(Args, Debug)]
pub struct Demo {
    /// Export the traces there too, over OTLP/HTTP
    #[arg(long, value_name = "URL")]
    pub otlp: Option<Uri>,
    /// Where to listen [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Green.on_default());

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    let Cli { command, config, run } = Cli::parse();
    match command {
        None => serve(config, run),
        Some(Command::Check) => check(config),
        Some(Command::Link(options)) => minted(link::link(&Source::of_running(config), &options)),
        Some(Command::Force(options)) => minted(force::force(&Source::of_running(config), &options)),
        Some(Command::Trace(options)) => match trace::trace(&Source::of_running(config), &options) {
            Ok(code) => code,
            Err(error) => minted(Err(error)),
        },
        Some(Command::Traces(options)) => minted(traces::traces(&Source::of_running(config), &options)),
        Some(Command::Lift(options)) => minted(running::lift(&Source::of_running(config), &options)),
        Some(Command::Purge(options)) => minted(cache::purge(&Source::of_running(config), &options)),
        Some(Command::Explain(options)) => minted(cache::explain(&Source::of_running(config), &options)),
        Some(Command::Demo(options)) => outcome(demo::demo(&options)),
        Some(Command::Health) => match health::health(&Source::of_running(config)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&terminal::causes(&*error)),
        },
        Some(Command::Backup(options)) => minted(backup::backup(&Source::of_running(config), &options)),
        Some(Command::Version) => {
            terminal::say(format_args!("waylight {}", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
        Some(Command::DemoApp) => demo::shop::main(),
    }
}

fn minted(outcome: Result<(), LinkError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(LinkError::Faulty(error)) => faulty(&error),
        Err(LinkError::Failed(error)) => failed(&terminal::causes(&*error)),
    }
}

fn serve(config: Option<PathBuf>, options: Run) -> ExitCode {
    // A link belongs on a terminal, where somebody tries things out, and in no log.
    let greets = options.upstream.is_some() && std::io::stdout().is_terminal();
    let source = match options.upstream {
        Some(url) => Source::Upstream { url, listen: options.listen.unwrap_or(source::LISTEN) },
        None => Source::file(config),
    };
    outcome(run::run(run::Run {
        source,
        print: Toggle::Off,
        ephemeral: if options.ephemeral { Toggle::On } else { Toggle::Off },
        started: if greets { Box::new(greet) } else { Box::new(|_| {}) },
    }))
}

fn greet(running: &Running) {
    let Some(origin) = running.origins.first() else { return };
    if let Ok(link) = link::for_site(running, Some(origin), ("operator", Role::Admin)) {
        terminal::say(format_args!("Waylight listens at {origin}\nSign in to trace your own requests: {link}"));
    }
}

fn check(config: Option<PathBuf>) -> ExitCode {
    let path = config.unwrap_or_else(|| PathBuf::from(source::DEFAULT_FILE));
    match source::check(&path, Toggle::On) {
        Ok(report) => {
            // Printed through a stream that takes colours out where they are not wanted.
            terminal::say(report.text.trim_end());
            if report.faults == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAULTY) }
        }
        Err(error) => faulty(&error),
    }
}

fn outcome(outcome: Result<(), RunError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Faulty(error)) => faulty(&error),
        Err(RunError::Failed(error)) => failed(&terminal::causes(&*error)),
    }
}

fn faulty(error: &LoadError) -> ExitCode {
    let text = error.render(Toggle::On);
    match error {
        LoadError::Unreadable(..) => terminal::complain(text.trim_end()),
        LoadError::Faulty(..) => terminal::mutter(text.trim_end()),
    }
    ExitCode::from(FAULTY)
}

fn failed(why: &str) -> ExitCode {
    terminal::complain(why);
    ExitCode::from(FAILED)
}

#[cfg(test)]
mod tests;
