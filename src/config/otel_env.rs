//! The `OTEL_*` variables that every OpenTelemetry SDK knows. They make exactly one back end, named `env`, and describe
//! this service; no other back end sees anything of them. An empty variable is an unset one, and a value that cannot
//! be understood is reported and ignored (OpenTelemetry specification, "Environment Variable Specification").

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use super::model::{Config, Export, ExportProtocol, Secret, Toggle};

/// The name of the back end that these variables make.
pub const ENV_EXPORT: &str = "env";

/// What the variables say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OtelEnv {
    /// The back end, if one is asked for.
    pub export: Option<Export>,
    /// `service.name`.
    pub service_name: Option<String>,
    /// Attributes of the resource, `service.name` not among them.
    pub resource: BTreeMap<String, String>,
    /// The share of requests to trace.
    pub ratio: Option<f64>,
    /// What could not be understood.
    pub faults: Vec<EnvFault>,
}

/// A variable that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFault {
    /// Its name.
    pub variable: String,
    /// What is wrong; never its value, which may be secret.
    pub message: String,
}

impl OtelEnv {
    /// Reads the variables through `lookup`.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader { lookup, faults: Vec::new() };
        if reader.text("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Self::default();
        }
        let mut resource = reader.resource();
        let named = resource.remove("service.name");
        let service_name = reader.text("OTEL_SERVICE_NAME").or(named);
        let ratio = reader.ratio();
        let export = reader.export();
        Self { export, service_name, resource, ratio, faults: reader.faults }
    }

    /// Adds to `config` what was read. The environment wins over the file, as it does for an SDK; attributes of the
    /// resource and back ends of the file stay beside it.
    pub fn apply(&self, config: &mut Config) {
        if let Some(name) = &self.service_name {
            config.trace.service_name.clone_from(name);
        }
        config.trace.resource.extend(self.resource.clone());
        if let Some(ratio) = self.ratio {
            config.trace.ratio = ratio;
        }
        if let Some(export) = &self.export {
            config.exports.retain(|other| other.name != ENV_EXPORT);
            config.exports.push(export.clone());
        }
    }
}

struct Reader<L> {
    lookup: L,
    faults: Vec<EnvFault>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn fault(&mut self, variable: &str, message: impl Into<String>) {
        self.faults.push(EnvFault { variable: variable.to_owned(), message: message.into() });
    }

    /// A value that is understood, or a fault.
    fn parsed<T>(&mut self, variable: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(variable)?;
        let value = parse(&text);
        if value.is_none() {
            self.fault(variable, format!("expected {expected}"));
        }
        value
    }

    /// The variable for traces alone goes before the one for all signals.
    fn otlp(&self, setting: &str) -> Option<String> {
        let traces = format!("OTEL_EXPORTER_OTLP_TRACES_{setting}");
        if self.text(&traces).is_some() {
            return Some(traces);
        }
        let all = format!("OTEL_EXPORTER_OTLP_{setting}");
        self.text(&all).is_some().then_some(all)
    }

    fn otlp_parsed<T>(&mut self, setting: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let variable = self.otlp(setting)?;
        self.parsed(&variable, expected, parse)
    }

    fn millis(&mut self, variable: &str) -> Option<Duration> {
        self.parsed(variable, "milliseconds", |text| text.parse().ok().map(Duration::from_millis))
    }

    fn count(&mut self, variable: &str) -> Option<usize> {
        self.parsed(variable, "a number above 0", |text| text.parse().ok().filter(|count| *count > 0))
    }

    fn resource(&mut self) -> BTreeMap<String, String> {
        let variable = "OTEL_RESOURCE_ATTRIBUTES";
        let Some(text) = self.text(variable) else { return BTreeMap::new() };
        let pairs = pairs(&text);
        if pairs.is_none() {
            // All or nothing, as the specification of resources says.
            self.fault(variable, "expected key=value,key=value with values percent-encoded");
        }
        pairs.unwrap_or_default().into_iter().collect()
    }

    fn ratio(&mut self) -> Option<f64> {
        let variable = "OTEL_TRACES_SAMPLER";
        let sampler = self.text(variable)?;
        match sampler.strip_prefix("parentbased_").unwrap_or(&sampler) {
            "always_on" => Some(1.0),
            "always_off" => Some(0.0),
            "traceidratio" => {
                let parse = |text: &str| text.parse().ok().filter(|ratio: &f64| (0.0..=1.0).contains(ratio));
                let argument = "OTEL_TRACES_SAMPLER_ARG";
                if self.text(argument).is_none() {
                    return Some(1.0);
                }
                self.parsed(argument, "a number from 0 to 1", parse)
            }
            _ => {
                self.fault(variable, "expected always_on, always_off, traceidratio, or one of them after parentbased_");
                None
            }
        }
    }

    fn export(&mut self) -> Option<Export> {
        let wanted = match self.text("OTEL_TRACES_EXPORTER").as_deref() {
            Some("none") => return None,
            Some("otlp") => true,
            Some(_) => {
                self.fault("OTEL_TRACES_EXPORTER", "expected otlp or none");
                false
            }
            None => false,
        };
        let protocol = self
            .otlp_parsed("PROTOCOL", "grpc, http/protobuf or http/json", |text| match text {
                "grpc" => Some(ExportProtocol::Grpc),
                "http/protobuf" => Some(ExportProtocol::HttpProtobuf),
                "http/json" => Some(ExportProtocol::HttpJson),
                _ => None,
            })
            .unwrap_or(ExportProtocol::HttpProtobuf);
        let variable = self.otlp("ENDPOINT");
        let text = variable.as_ref().and_then(|variable| self.text(variable));
        let text = match (text, protocol) {
            (Some(text), _) => text,
            (None, _) if !wanted => return None,
            (None, ExportProtocol::Grpc) => "http://localhost:4317".to_owned(),
            (None, _) => "http://localhost:4318/v1/traces".to_owned(),
        };
        let base = variable.as_deref() == Some("OTEL_EXPORTER_OTLP_ENDPOINT") && protocol != ExportProtocol::Grpc;
        let endpoint = if base { format!("{}/v1/traces", text.trim_end_matches('/')) } else { text };
        let Some(endpoint) = endpoint_of(&endpoint) else {
            let variable = variable.unwrap_or_default();
            self.fault(&variable, "expected a URL beginning with http:// or https://, without user and password");
            return None;
        };
        Some(self.export_to(endpoint, protocol))
    }

    fn export_to(&mut self, endpoint: Uri, protocol: ExportProtocol) -> Export {
        let gzip = self.otlp_parsed("COMPRESSION", "gzip or none", |text| match text {
            "gzip" => Some(Toggle::On),
            "none" => Some(Toggle::Off),
            _ => None,
        });
        let certificate = self.otlp("CLIENT_CERTIFICATE").and_then(|variable| self.text(&variable));
        let key = self.otlp("CLIENT_KEY").and_then(|variable| self.text(&variable));
        if certificate.is_some() != key.is_some() {
            let missing = if key.is_some() { "CLIENT_CERTIFICATE" } else { "CLIENT_KEY" };
            self.fault(&format!("OTEL_EXPORTER_OTLP_{missing}"), "a client certificate needs both chain and key");
        }
        let timeout = self.otlp_parsed("TIMEOUT", "milliseconds", |text| text.parse().ok().map(Duration::from_millis));
        Export {
            name: ENV_EXPORT.to_owned(),
            endpoint,
            protocol,
            headers: self.headers(),
            gzip: gzip.unwrap_or(Toggle::Off),
            ca_file: self.otlp("CERTIFICATE").and_then(|variable| self.text(&variable)).map(Into::into),
            client_certificate: certificate.zip(key).map(|(certificate, key)| (certificate.into(), key.into())),
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            batch_spans_max: self.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").unwrap_or(512),
            batch_delay: self.millis("OTEL_BSP_SCHEDULE_DELAY").unwrap_or(Duration::from_secs(1)),
            queue_spans_max: self.count("OTEL_BSP_MAX_QUEUE_SIZE").unwrap_or(32_768),
            queue_bytes_max: 32 << 20,
            retry_max: self.millis("OTEL_BSP_EXPORT_TIMEOUT").unwrap_or(Duration::from_secs(60)),
        }
    }

    fn headers(&mut self) -> Vec<(HeaderName, Secret)> {
        let Some(variable) = self.otlp("HEADERS") else { return Vec::new() };
        let text = self.text(&variable).unwrap_or_default();
        let headers = pairs(&text).and_then(|pairs| {
            pairs
                .into_iter()
                .map(|(name, value)| {
                    HeaderValue::from_str(&value).ok()?;
                    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, Secret::new(value)))
                })
                .collect()
        });
        headers.unwrap_or_else(|| {
            self.fault(&variable, "expected name=value,name=value with values percent-encoded");
            Vec::new()
        })
    }
}

/// The members of a W3C Baggage string, without properties: `name=value`, the value percent-encoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
    members
        .map(|member| {
            let (name, value) = member.split_once('=')?;
            let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8().ok().map(String::from);
            Some((decoded(name).filter(|name| !name.is_empty())?, decoded(value)?))
        })
        .collect()
}

fn endpoint_of(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let plain = !uri.authority()?.as_str().contains('@');
    (plain && matches!(uri.scheme_str(), Some("http" | "https"))).then_some(uri)
}

#[cfg(test)]
mod tests;
