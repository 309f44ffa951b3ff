//! What a user may set about telemetry, and the checked form the rest of the crate works with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod endpoints;
mod headers;
#[cfg(test)]
mod tests;

pub(crate) use endpoints::Targets;
use tracing_subscriber::filter;

/// How log lines are written to standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line, with the trace and span id of the current span.
    #[default]
    Json,
    /// Lines for a person at a terminal.
    Text,
}

impl std::str::FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            other => Err(format!("`{other}` is neither `json` nor `text`")),
        }
    }
}

/// The wire format of OTLP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OTLP/gRPC, by custom on port 4317.
    #[default]
    Grpc,
    /// OTLP/HTTP with protobuf bodies, by custom on port 4318.
    Http,
}

impl std::str::FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "grpc" => Ok(Self::Grpc),
            "http" => Ok(Self::Http),
            other => Err(format!("`{other}` is neither `grpc` nor `http`")),
        }
    }
}

/// The `logging` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// A level, or a level per target: `info`, `info,sqlx=warn`.
    pub level: String,
    /// The form of the lines.
    pub format: LogFormat,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::default(),
        }
    }
}

/// URLs of single signals, each used exactly as given; empty means "from `endpoint`".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoints {
    /// Where spans go.
    pub traces: String,
    /// Where metrics go.
    pub metrics: String,
    /// Where log records go.
    pub logs: String,
}

/// The `otel` section, as a person writes it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otel {
    /// Whether anything is exported at all.
    pub enabled: bool,
    /// Base URL of the collector, without a path: `http://collector:4317`. Without it, traces and
    /// metrics go only where `endpoints` says.
    pub endpoint: String,
    /// URLs of single signals, before `endpoint`.
    pub endpoints: Endpoints,
    /// The wire format.
    pub protocol: Protocol,
    /// `service.name`; empty means the program's own name.
    pub service_name: String,
    /// The share of traces that is recorded, 0 to 1.
    pub sample_ratio: f64,
    /// Whether the metrics of `/metrics` are sent too.
    pub export_metrics: bool,
    /// Whether log records are sent too.
    pub export_logs: bool,
    /// PEM file with the certificate authorities that may sign the collector's certificate;
    /// without it, those of the machine.
    pub ca_file: Option<PathBuf>,
    /// Added to every span, metric and log record.
    pub resource_attributes: BTreeMap<String, String>,
    /// Sent with each export, as `OTEL_EXPORTER_OTLP_HEADERS` has it: `key=value,key2=value2`.
    /// A secret: never logged, never serialized.
    #[serde(skip_serializing)]
    pub headers: String,
}

impl Default for Otel {
    fn default() -> Self {
        Self {
            enabled: false,
            endpoint: String::new(),
            endpoints: Endpoints::default(),
            protocol: Protocol::default(),
            service_name: String::new(),
            sample_ratio: 0.1,
            export_metrics: true,
            export_logs: false,
            ca_file: None,
            resource_attributes: BTreeMap::new(),
            headers: String::new(),
        }
    }
}

impl std::fmt::Debug for Otel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers = if self.headers.is_empty() {
            ""
        } else {
            "<redacted>"
        };
        f.debug_struct("Otel")
            .field("enabled", &self.enabled)
            .field("endpoint", &self.endpoint)
            .field("endpoints", &self.endpoints)
            .field("protocol", &self.protocol)
            .field("service_name", &self.service_name)
            .field("sample_ratio", &self.sample_ratio)
            .field("export_metrics", &self.export_metrics)
            .field("export_logs", &self.export_logs)
            .field("ca_file", &self.ca_file)
            .field("resource_attributes", &self.resource_attributes)
            .field("headers", &headers)
            .finish()
    }
}

/// The program that speaks, as its telemetry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `service.name` unless the `otel` section says otherwise.
    pub name: String,
    /// `service.version`.
    pub version: String,
    /// `service.instance.id`, by custom the Pod's name; left out when empty.
    pub instance: String,
    /// What the names of this crate's own metrics begin with: `telecom`, `telecom_operator`.
    pub metric_prefix: String,
}

impl Service {
    /// A service without an instance id, whose metrics begin with `telecom_`.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            instance: String::new(),
            metric_prefix: "telecom".to_owned(),
        }
    }
}

/// Everything about telemetry, not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The program that speaks.
    pub service: Service,
    /// Standard output.
    pub logging: Logging,
    /// The collector.
    pub otel: Otel,
    /// How often metrics are sent.
    pub export_interval: Duration,
}

impl Config {
    /// The defaults: JSON lines at `info`, no collector, metrics every 15 s.
    pub fn for_service(service: Service) -> Self {
        Self {
            service,
            logging: Logging::default(),
            otel: Otel::default(),
            export_interval: Duration::from_secs(15),
        }
    }

    /// Checks every value, so that nothing can be wrong with the settings later but the collector.
    pub fn validate(self) -> Result<Settings, InvalidSetting> {
        let log_levels = log_levels(&self.logging.level)?;
        let export = self.export()?;
        let mut service = self.service;
        if !self.otel.service_name.is_empty() {
            service.name = self.otel.service_name;
        }
        Ok(Settings {
            service,
            log_levels,
            log_format: self.logging.format,
            resource_attributes: self.otel.resource_attributes,
            export,
        })
    }

    fn export(&self) -> Result<Option<Export>, InvalidSetting> {
        let otel = &self.otel;
        // The ratio is checked even with the exporter off: a typo should not wait for the day it is turned on.
        if !(0.0..=1.0).contains(&otel.sample_ratio) {
            return Err(InvalidSetting::new(
                "otel.sample_ratio",
                format!("{} is not between 0 and 1", otel.sample_ratio),
            ));
        }
        if otel.resource_attributes.keys().any(String::is_empty) {
            return Err(InvalidSetting::new(
                "otel.resource_attributes",
                "an attribute has an empty name",
            ));
        }
        let headers = headers::parse(&otel.headers)?;
        if !otel.enabled {
            return Ok(None);
        }
        if otel.export_metrics && self.export_interval.is_zero() {
            return Err(InvalidSetting::new(
                "metrics.export_interval_secs",
                "must be at least 1",
            ));
        }
        Ok(Some(Export {
            targets: Targets::resolve(otel)?,
            protocol: otel.protocol,
            sample_ratio: otel.sample_ratio,
            headers,
            ca_file: otel.ca_file.clone(),
            metrics_interval: self.export_interval,
        }))
    }
}

/// Checked settings; the only way to get them is [`Config::validate`].
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) service: Service,
    pub(crate) log_levels: filter::Targets,
    pub(crate) log_format: LogFormat,
    pub(crate) resource_attributes: BTreeMap<String, String>,
    pub(crate) export: Option<Export>,
}

/// What is sent to a collector, and how.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) targets: Targets,
    pub(crate) protocol: Protocol,
    pub(crate) sample_ratio: f64,
    pub(crate) headers: http::HeaderMap,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) metrics_interval: Duration,
}

/// A setting that cannot be used, named as in the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct InvalidSetting {
    /// The key, with dots: `otel.sample_ratio`.
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl InvalidSetting {
    pub(crate) fn new(key: &'static str, reason: impl Into<String>) -> Self {
        Self {
            key,
            reason: reason.into(),
        }
    }
}

/// Reads `info,sqlx=warn`. Stricter than the parser it feeds, which takes a lone unknown word such
/// as `verbose` for the name of a target and then logs nothing else.
pub(crate) fn log_levels(text: &str) -> Result<filter::Targets, InvalidSetting> {
    for directive in text.split(',') {
        let level = directive.rsplit('=').next().unwrap_or(directive);
        if level.parse::<filter::LevelFilter>().is_err() || level.trim().is_empty() {
            return Err(InvalidSetting::new(
                "logging.level",
                format!("`{level}` is not a level: off, error, warn, info, debug or trace"),
            ));
        }
    }
    text.parse::<filter::Targets>()
        .map_err(|error| InvalidSetting::new("logging.level", format!("`{text}`: {error}")))
}
