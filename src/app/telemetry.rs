//! Waylight's own log: lines for people, coloured on a terminal, or JSON; to standard error.
//! Format and level may change while it runs.

use std::io::IsTerminal as _;

use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    layer::{Layered, SubscriberExt as _},
    reload,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::config::model::{Log, LogFormat};

/// The filter, which stands before the lines: a filter of one layer cannot be replaced while it runs.
type Filter = reload::Layer<EnvFilter, Registry>;
type Filtered = Layered<Filter, Registry>;
type Format = Box<dyn Layer<Filtered> + Send + Sync>;

/// How the log looks and what it holds, ready to be put in place.
pub struct Lines {
    filter: EnvFilter,
    format: Format,
}

impl Lines {
    /// What `log` wishes.
    ///
    /// # Errors
    /// A level that cannot be read.
    pub fn new(log: &Log) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::builder().parse(&log.level).map_err(TelemetryError::Level)?;
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let format = match log.format {
            LogFormat::Human => {
                let wanted = std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
                layer.with_ansi(wanted && std::io::stderr().is_terminal()).boxed()
            }
            LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        Ok(Self { filter, format })
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// The log, once it is installed.
pub struct Telemetry {
    filter: reload::Handle<EnvFilter, Registry>,
    format: reload::Handle<Format, Filtered>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

/// Why the log could not be set up.
#[derive(Debug)]
pub enum TelemetryError {
    /// The level is no filter.
    Level(tracing_subscriber::filter::ParseError),
    /// Another log is installed in this process.
    Installed(TryInitError),
}

impl std::fmt::Display for TelemetryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Level(error) => write!(f, "log.level is no filter: {error}"),
            Self::Installed(error) => write!(f, "the log cannot be installed: {error}"),
        }
    }
}

impl std::error::Error for TelemetryError {}

impl Telemetry {
    /// Installs the log for this process.
    ///
    /// # Errors
    /// A log that is there already.
    pub fn install(lines: Lines) -> Result<Self, TelemetryError> {
        let (filter, filter_handle) = reload::Layer::new(lines.filter);
        let (format, format_handle) = reload::Layer::new(lines.format);
        tracing_subscriber::registry().with(filter).with(format).try_init().map_err(TelemetryError::Installed)?;
        // A panic is a line of the log like any other, in its format.
        std::panic::set_hook(Box::new(|panic| {
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(panic = text, place, "something panicked; this is a fault of Waylight");
        }));
        Ok(Self { filter: filter_handle, format: format_handle })
    }

    /// Changes format and level.
    pub fn apply(&self, lines: Lines) {
        // Both only fail where the log is gone: then nobody reads.
        self.format.modify(|old| *old = lines.format).ok();
        self.filter.reload(lines.filter).ok();
    }
}
