//! Counters in the text form of OpenMetrics 1.0.0.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    app::instance::{Instance, Reloaded},
    trace::export::ExportStatus,
};

/// The media type of that form.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is counted in this process.
pub fn render(instance: &Instance) -> String {
    let mut text = Exposition::default();
    let version: &[_] = &[("version", env!("CARGO_PKG_VERSION"))];
    text.family(Kind::Info, "build", "What runs.", [(version, 1)]);
    let started = instance.started.unix_nanos() / 1_000_000_000;
    text.one(Kind::Gauge, "start_time_seconds", "When it started, since the Unix epoch.", started);
    let generation = instance.running.borrow().generation;
    text.one(Kind::Gauge, "config_generation", "The configuration that runs, counted from 1.", generation);
    let failed = instance.last_reload.borrow().as_ref().is_some_and(Reloaded::is_err);
    text.one(Kind::Gauge, "config_reload_failed", "1 if the last reload failed.", failed.into());
    text.counters(instance);
    text.cache(instance);
    text.exports(&instance.exporters.status());
    let labels: Vec<_> = instance.receivers.iter().map(|one| [("protocol", one.protocol)]).collect();
    let listening = instance.receivers.iter().map(|one| u64::from(one.fault.is_none()));
    text.family(
        Kind::Gauge,
        "receiver_listening",
        "1 where spans of apps are received, 0 where they cannot be.",
        labels.iter().map(|label| &label[..]).zip(listening),
    );
    text.finish()
}

/// What a family of metrics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// Facts, in labels.
    Info,
}

/// A text that grows by one family of metrics after the other.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Writes a family: `name` without prefix and suffix, and its samples by label.
    pub fn family<'a>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (&'a [(&'a str, &'a str)], u64)>,
    ) {
        let (kind, suffix) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Info => ("info", "_info"),
        };
        self.line(format_args!("# TYPE waylight_{name} {kind}"));
        // A unit is stated where the name ends with it, as the form demands.
        for unit in ["bytes", "seconds"] {
            if name.ends_with(unit) {
                self.line(format_args!("# UNIT waylight_{name} {unit}"));
            }
        }
        self.line(format_args!("# HELP waylight_{name} {}", escaped(help.trim())));
        for (labels, value) in samples {
            self.line(format_args!("waylight_{name}{suffix}{} {value}", Labels(labels)));
        }
    }

    /// A family of one sample without labels.
    pub fn one(&mut self, kind: Kind, name: &str, help: &str, value: u64) {
        self.family(kind, name, help, [(&[] as &[_], value)]);
    }

    fn counters(&mut self, instance: &Instance) {
        let Some(first) = instance.counters.first() else { return };
        // Every set has the same names in the same order. What one worker put up another may have put down: so the sum
        // wraps.
        for (index, (name, help, _)) in first.counters().enumerate() {
            let values = instance.counters.iter().filter_map(|set| set.counters().nth(index));
            self.one(Kind::Counter, name, help, values.fold(0, |sum: u64, (.., value)| sum.wrapping_add(value)));
        }
        for (index, (name, help, _)) in first.gauges().enumerate() {
            let values = instance.counters.iter().filter_map(|set| set.gauges().nth(index));
            self.one(Kind::Gauge, name, help, values.fold(0, |sum: u64, (.., value)| sum.wrapping_add(value)));
        }
    }

    fn cache(&mut self, instance: &Instance) {
        let cache = Arc::clone(&instance.running.borrow().cache);
        let (urls, octets) = cache.size();
        self.one(Kind::Gauge, "cache_urls", "URLs that something is stored for in memory.", urls as u64);
        self.one(Kind::Gauge, "cache_memory_bytes", "Octets of memory that stored responses take.", octets);
        if let Some((files, octets)) = cache.disk_size() {
            self.one(Kind::Gauge, "cache_disk_files", "Responses that are stored on disk.", files as u64);
            self.one(Kind::Gauge, "cache_disk_bytes", "Octets of disk that stored responses take.", octets);
        }
        let help = "Requests that ask the upstream for others too.";
        self.one(Kind::Gauge, "cache_requests_leading", help, cache.flights() as u64);
    }

    fn exports(&mut self, back_ends: &[ExportStatus]) {
        type Pick = fn(&ExportStatus) -> u64;
        let families: [(Kind, &str, &str, Pick); 8] = [
            (Kind::Counter, "export_spans_sent", "Spans that a back end took.", |one| one.sent),
            (Kind::Counter, "export_spans_rejected", "Spans that a back end refused.", |one| one.rejected),
            (Kind::Counter, "export_spans_dropped_queue", "Spans dropped: the queue was full.", |one| {
                one.dropped_queue
            }),
            (Kind::Counter, "export_spans_dropped_failed", "Spans dropped: retries ended.", |one| one.dropped_failed),
            (Kind::Counter, "export_spans_dropped_shutdown", "Spans dropped at the end.", |one| one.dropped_shutdown),
            (Kind::Counter, "export_retries", "Attempts made again.", |one| one.retries),
            (Kind::Gauge, "export_queue_spans", "Spans that wait now.", |one| one.queue_spans as u64),
            (Kind::Gauge, "export_queue_bytes", "Octets that wait now.", |one| one.queue_bytes as u64),
        ];
        let labels: Vec<_> = back_ends.iter().map(|one| [("backend", one.name.as_str())]).collect();
        for (kind, name, help, pick) in families {
            self.family(kind, name, help, labels.iter().map(|label| &label[..]).zip(back_ends.iter().map(pick)));
        }
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        writeln!(self.text, "{line}").ok();
    }
}

struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl std::fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{name}=\"{}\"", escaped(value))?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests;
