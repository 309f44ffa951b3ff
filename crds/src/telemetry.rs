//! OTLP export of the server's traces, metrics and logs.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SecretKeyRef, rules};

/// OTLP export. Off unless the section is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::required(
        "has(self.endpoint) || has(self.endpoints.traces) || has(self.endpoints.metrics) || has(self.endpoints.logs)",
        ".endpoint",
        "needed, unless telemetry.endpoints names a URL; remove the section to turn the export off",
    ),
    validation = rules::required(
        "!self.exportLogs || has(self.endpoint) || has(self.endpoints.logs)",
        ".endpoint",
        "needed by telemetry.exportLogs: true, unless telemetry.endpoints.logs is set",
    ),
)]
pub struct Telemetry {
    /// Base URL of the collector, without a path, such as `http://otel-collector:4317`. With
    /// `protocol: Http` the path `/v1/{signal}` is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::base_url())]
    pub endpoint: Option<String>,
    /// URLs for single signals, taken as they are. They win over `endpoint`.
    #[serde(default)]
    pub endpoints: SignalEndpoints,
    /// `Grpc` (usually port 4317) or `Http` (protobuf over HTTP, usually port 4318).
    #[serde(default)]
    pub protocol: TelemetryProtocol,
    /// Resource attribute `service.name`.
    #[serde(default = "default_service_name")]
    #[schemars(length(min = 1, max = 255))]
    pub service_name: String,
    /// Share of the traces that are kept, from 0 to 1. A caller's decision is honoured only from
    /// authenticated nodes, PBXs and the operator.
    #[serde(default = "default_sample_ratio")]
    #[schemars(range(min = 0, max = 1))]
    pub sample_ratio: f64,
    /// Whether metrics are exported as well, the same ones as on `/metrics`, each `metrics.exportIntervalSeconds`.
    /// With neither `endpoint` nor `endpoints.metrics` they have nowhere to go and stay.
    #[serde(default = "yes")]
    pub export_metrics: bool,
    /// Whether log records are exported as well.
    #[serde(default)]
    pub export_logs: bool,
    /// Headers sent with each export, as `name=value,name2=value2` with percent-encoded values (the
    /// form of `OTEL_EXPORTER_OTLP_HEADERS`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_secret_ref: Option<SecretKeyRef>,
    /// PEM certificates of the authority that signed the collector's certificate. A change is picked up
    /// without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
    /// Further resource attributes, such as `deployment.environment.name: production`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("!('service.name' in self)")
        .message("service.name is set by telemetry.serviceName"))]
    pub resource_attributes: BTreeMap<String, String>,
}

/// URLs for single signals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalEndpoints {
    /// URL that receives traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::signal_url("traces"))]
    pub traces: Option<String>,
    /// URL that receives metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::signal_url("metrics"))]
    pub metrics: Option<String>,
    /// URL that receives log records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::signal_url("logs"))]
    pub logs: Option<String>,
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TelemetryProtocol {
    /// gRPC.
    #[default]
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

fn default_service_name() -> String {
    "telecom-server".into()
}

fn default_sample_ratio() -> f64 {
    0.1
}

fn yes() -> bool {
    true
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            endpoint: None,
            endpoints: SignalEndpoints::default(),
            protocol: TelemetryProtocol::default(),
            service_name: default_service_name(),
            sample_ratio: default_sample_ratio(),
            export_metrics: true,
            export_logs: false,
            headers_secret_ref: None,
            ca_secret_ref: None,
            resource_attributes: BTreeMap::new(),
        }
    }
}
