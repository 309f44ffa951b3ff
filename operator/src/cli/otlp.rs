//! Where the operator's own traces, metrics and logs go: the same settings as the server's.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use percent_encoding::percent_decode_str;
use telecom_telemetry::{Endpoints, InvalidSetting, Otel, Protocol};

/// The environment variable with the headers of each export. A secret, so there is no such flag: everybody on the
/// machine can read a process's arguments.
pub const HEADERS: &str = "TELECOM_OPERATOR_OTLP_HEADERS";

/// What a user types for each setting; a key that begins with another comes first.
const NAMES: [(&str, &str); 11] = [
    ("logging.level", "--log-level"),
    ("metrics.export_interval_secs", "--otlp-metrics-interval"),
    ("otel.endpoints.traces", "--otlp-traces-endpoint"),
    ("otel.endpoints.metrics", "--otlp-metrics-endpoint"),
    ("otel.endpoints.logs", "--otlp-logs-endpoint"),
    ("otel.endpoints", "--otlp-traces-endpoint"),
    ("otel.endpoint", "--otlp-endpoint"),
    ("otel.headers", HEADERS),
    ("otel.protocol: ", "--otlp-protocol "),
    ("otel.resource_attributes", "--otlp-resource-attributes"),
    ("otel.sample_ratio", "--otlp-sample-ratio"),
];

/// Flags of the collector. Each may be given by environment instead.
#[derive(Debug, Args)]
pub struct Otlp {
    /// Base URL of an OTLP collector for the operator's own traces and metrics. Empty: none.
    #[arg(
        long = "otlp-endpoint",
        env = "TELECOM_OPERATOR_OTLP_ENDPOINT",
        default_value = ""
    )]
    pub endpoint: String,
    /// URL for traces, used exactly as it is, before --otlp-endpoint.
    #[arg(
        long = "otlp-traces-endpoint",
        env = "TELECOM_OPERATOR_OTLP_TRACES_ENDPOINT",
        default_value = ""
    )]
    pub traces_endpoint: String,
    /// The same for metrics.
    #[arg(
        long = "otlp-metrics-endpoint",
        env = "TELECOM_OPERATOR_OTLP_METRICS_ENDPOINT",
        default_value = ""
    )]
    pub metrics_endpoint: String,
    /// The same for logs.
    #[arg(
        long = "otlp-logs-endpoint",
        env = "TELECOM_OPERATOR_OTLP_LOGS_ENDPOINT",
        default_value = ""
    )]
    pub logs_endpoint: String,
    /// Wire format of OTLP.
    #[arg(long = "otlp-protocol", env = "TELECOM_OPERATOR_OTLP_PROTOCOL", value_enum, default_value_t = Wire::Grpc)]
    pub protocol: Wire,
    /// `service.name`. Empty: telecom-operator.
    #[arg(
        long = "otlp-service-name",
        env = "TELECOM_OPERATOR_OTLP_SERVICE_NAME",
        default_value = ""
    )]
    pub service_name: String,
    /// Share of the traces that is recorded, 0 to 1.
    #[arg(
        long = "otlp-sample-ratio",
        env = "TELECOM_OPERATOR_OTLP_SAMPLE_RATIO",
        default_value_t = 0.1
    )]
    pub sample_ratio: f64,
    /// Send the metrics of /metrics too.
    #[arg(
        long = "otlp-export-metrics",
        env = "TELECOM_OPERATOR_OTLP_EXPORT_METRICS",
        action = ArgAction::Set,
        default_value_t = true
    )]
    pub export_metrics: bool,
    /// Send log records too.
    #[arg(
        long = "otlp-export-logs",
        env = "TELECOM_OPERATOR_OTLP_EXPORT_LOGS",
        action = ArgAction::Set,
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    pub export_logs: bool,
    /// PEM file of those who may have signed the collector's certificate. Unset: the system's.
    #[arg(long = "otlp-ca-file", env = "TELECOM_OPERATOR_OTLP_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Added to every span, metric and log record: `key=value,key2=value2`, values percent-encoded.
    #[arg(
        long = "otlp-resource-attributes",
        env = "TELECOM_OPERATOR_OTLP_RESOURCE_ATTRIBUTES",
        default_value = "",
        value_parser = attributes
    )]
    pub resource_attributes: Attributes,
    /// Seconds between two exports of metrics.
    #[arg(long = "otlp-metrics-interval", env = "TELECOM_OPERATOR_OTLP_METRICS_INTERVAL", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub metrics_interval: u64,
}

/// Wire format of OTLP.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Wire {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf bodies.
    Http,
}

/// Attributes by their names.
pub type Attributes = BTreeMap<String, String>;

/// A setting that cannot be used, named as the user typed it.
#[derive(Debug, thiserror::Error)]
#[error("{flag}: {reason}")]
pub struct BadFlag {
    flag: String,
    reason: String,
}

impl From<InvalidSetting> for BadFlag {
    fn from(invalid: InvalidSetting) -> Self {
        let named = |text: &str| {
            let names = NAMES.iter();
            names.fold(text.to_owned(), |text, (key, flag)| text.replace(key, flag))
        };
        Self {
            flag: named(invalid.key),
            reason: named(&invalid.reason),
        }
    }
}

impl Otlp {
    /// The section `otel` that says the same. Logs that go nowhere are an error, not a setting without effect.
    pub fn settings(&self, headers: String) -> Otel {
        let endpoints = Endpoints {
            traces: self.traces_endpoint.clone(),
            metrics: self.metrics_endpoint.clone(),
            logs: self.logs_endpoint.clone(),
        };
        Otel {
            enabled: self.export_logs
                || !self.endpoint.is_empty()
                || endpoints != Endpoints::default(),
            endpoint: self.endpoint.clone(),
            endpoints,
            protocol: match self.protocol {
                Wire::Grpc => Protocol::Grpc,
                Wire::Http => Protocol::Http,
            },
            service_name: self.service_name.clone(),
            sample_ratio: self.sample_ratio,
            export_metrics: self.export_metrics,
            export_logs: self.export_logs,
            ca_file: self
                .ca_file
                .clone()
                .filter(|file| !file.as_os_str().is_empty()),
            resource_attributes: self.resource_attributes.clone(),
            headers,
        }
    }
}

/// Reads the form of `OTEL_RESOURCE_ATTRIBUTES`
/// (<https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable>).
fn attributes(text: &str) -> Result<Attributes, String> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let read = |pair: &str| {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` has no `=`"))?;
        let value = percent_decode_str(value.trim()).decode_utf8();
        let value = value.map_err(|_| format!("`{pair}` is not UTF-8 when it is decoded"))?;
        if key.trim() == "service.name" {
            return Err("service.name is set by --otlp-service-name".to_owned());
        }
        Ok((key.trim().to_owned(), value.into_owned()))
    };
    pairs.map(read).collect()
}
