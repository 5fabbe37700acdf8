//! Where the configuration comes from, and how it is read: this is where `config` reaches files and the environment.

use std::{
    cell::RefCell,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use http::Uri;

use super::{receivers::own_back_ends, verify, whereabouts::Whereabouts};
use crate::config::{
    self, Diagnostics,
    model::{AdminAddress, Config, StoreKind, Toggle},
    otel_env::OtelEnv,
};

/// Read, if nothing else is said.
pub const DEFAULT_FILE: &str = "proxy.toml";
/// Where to listen without a file, if nothing else is said.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Stands for an upstream that does not matter.
static ANY_UPSTREAM: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("http://localhost"));
/// The largest file that is read for a configuration, in octets.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// The command line alone.
    Upstream {
        /// Where everything goes.
        url: Uri,
        /// Where clients connect.
        listen: SocketAddr,
    },
    /// A text in memory: the demo's.
    Text(String),
}

/// A configuration, and what it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is wished.
    pub config: Config,
    /// What is probably not as wished, one line each.
    pub warnings: Vec<String>,
    /// Every file that it depends on.
    pub files: Vec<PathBuf>,
}

impl Loaded {
    /// The same, but with nothing kept on disk, if so wished.
    pub(super) fn kept_in_memory(mut self, ephemeral: Toggle) -> Self {
        if ephemeral.is_on() && self.config.store.kind == StoreKind::Disk {
            self.config.store.kind = StoreKind::Memory;
        }
        self
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is faulty; these files were read for it.
    Faulty(Diagnostics, Vec<PathBuf>),
}

impl LoadError {
    /// Files that, changed, may make it good.
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Unreadable(path, _) => std::slice::from_ref(path),
            Self::Faulty(_, files) => files,
        }
    }

    /// What is wrong, for a person, ending in a newline.
    pub fn render(&self, colours: Toggle) -> String {
        match self {
            Self::Unreadable(path, error) if error.kind() == io::ErrorKind::NotFound => format!(
                "there is no file {}\n  hint: name one with --config FILE, run without one with --upstream URL, or try `waylight demo`\n",
                path.display()
            ),
            Self::Unreadable(path, error) => format!("{} cannot be read: {error}\n", path.display()),
            Self::Faulty(diagnostics, _) => diagnostics.render(colours),
        }
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(Toggle::Off))
    }
}

impl std::error::Error for LoadError {}

impl Source {
    /// The file of the command line, or the usual one.
    pub fn file(path: Option<PathBuf>) -> Self {
        Self::File(path.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE)))
    }

    /// Where a running instance's configuration comes from: without a file, and with the traces of an instance that
    /// runs here without one, it is the same as that one's.
    pub fn of_running(path: Option<PathBuf>) -> Self {
        let bare = path.is_none() && !Path::new(DEFAULT_FILE).exists();
        match Config::minimal(&ANY_UPSTREAM, LISTEN) {
            // Only the upstream may differ, and nobody asks for it.
            Ok(config) if bare && Whereabouts::read(&config.state_dir).is_ok() => {
                Self::Upstream { url: ANY_UPSTREAM.clone(), listen: LISTEN }
            }
            _ => Self::file(path),
        }
    }

    /// Reads the configuration, and adds what the `OTEL_*` variables say.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        let read = RefCell::new(Vec::new());
        let parsed = match self {
            Self::File(path) => {
                let text = read_text(path).map_err(|error| LoadError::Unreadable(path.clone(), error))?;
                read.borrow_mut().push(path.clone());
                with_source(path, &read, |source| config::parse(&text, source))
            }
            Self::Upstream { url, listen } => Config::minimal(url, *listen).map(|config| (bare(config), Vec::new())),
            Self::Text(text) => with_source(Path::new("demo"), &read, |source| config::parse(text, source)),
        };
        let mut files = read.into_inner();
        let (mut config, warnings) = match parsed {
            Ok(parsed) => parsed,
            Err(diagnostics) => return Err(LoadError::Faulty(diagnostics, files)),
        };
        let env = OtelEnv::read(|name| std::env::var(name).ok());
        env.apply(&mut config);
        let faults = env.faults.iter().map(|fault| format!("{}: {}", fault.variable, fault.message));
        let own = own_back_ends(&config);
        let warnings = warnings.iter().map(ToString::to_string).chain(faults).chain(own).collect();
        files.extend(named(&config));
        Ok(Loaded { config, warnings, files })
    }
}

/// Several instances may run without a file: each has an admin listener, at any free port.
fn bare(mut config: Config) -> Config {
    if let Some(admin) = &mut config.admin {
        admin.address = AdminAddress::Tcp((Ipv4Addr::LOCALHOST, 0).into());
    }
    config
}

/// Checks a file for `waylight check`.
///
/// # Errors
/// A file that cannot be read.
pub fn check(path: &Path, colours: Toggle) -> Result<config::Report, LoadError> {
    let text = read_text(path).map_err(|error| LoadError::Unreadable(path.to_owned(), error))?;
    Ok(with_source(path, &RefCell::default(), |source| config::check(&text, source, colours, verify::files)))
}

fn with_source<T>(path: &Path, read: &RefCell<Vec<PathBuf>>, parse: impl FnOnce(&config::Source<'_>) -> T) -> T {
    // Whole, so that what a relative path means does not change with the working directory.
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let base = whole.parent().unwrap_or(Path::new("/"));
    let env = |name: &str| std::env::var(name).ok();
    let file = |path: &Path| {
        read.borrow_mut().push(path.to_owned());
        read_text(path).map_err(|error| error.to_string())
    };
    parse(&config::Source { name: &path.display().to_string(), base, env: &env, file: &file })
}

/// Every file that a configuration names, and that is read when it is built.
fn named(config: &Config) -> Vec<PathBuf> {
    let certificates = config.certificates.iter().flat_map(|one| [one.cert_file.clone(), one.key_file.clone()]);
    let upstreams = config.upstreams.values().filter_map(|upstream| upstream.tls.ca_file.clone());
    let exports = config.exports.iter().flat_map(|export| {
        let client = export.client_certificate.clone().map(|(chain, key)| [chain, key]);
        export.ca_file.clone().into_iter().chain(client.into_iter().flatten())
    });
    certificates.chain(upstreams).chain(exports).collect()
}

fn read_text(path: &Path) -> io::Result<String> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return Err(io::Error::other("not a file"));
    }
    if meta.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
    }
    fs::read_to_string(path)
}
