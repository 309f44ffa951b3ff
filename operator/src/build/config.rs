//! The server's configuration: one immutable ConfigMap for each content, so that a Pod of an old
//! generation never reads a new configuration.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;
use serde_yaml::{Mapping, Value};
use telecom_crds::{LogFormat, LogLevel, TelemetryProtocol};

use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::validate::{self, Validated};

/// Folder in which the server finds its configuration and certificates.
pub(super) const FOLDER: &str = "/etc/telecom";
/// Name of the configuration file, and its key in the ConfigMap.
pub(super) const FILE: &str = "config.yaml";
/// File with the certificates that the database's certificate is checked against.
pub(super) const DATABASE_CA: &str = "database-ca.crt";
/// File with the certificates that the collector's certificate is checked against.
pub(super) const TELEMETRY_CA: &str = "telemetry-ca.crt";
/// Port of gRPC.
pub const GRPC_PORT: u16 = 50051;
/// Port of HTTP.
pub const HTTP_PORT: u16 = 8080;
/// What the server takes where its configuration says nothing, as YAML.
pub const SERVER_DEFAULTS: &str = include_str!("config/server-defaults.yaml");

/// The rendered configuration.
pub(super) struct Config {
    /// Hash of the content.
    pub hash: String,
    /// The ConfigMap.
    pub object: Object,
}

/// The file as the server reads it, whole. What is a secret goes by environment instead.
#[derive(Serialize)]
struct File<'a> {
    grpc: Listen,
    http: Listen,
    database: Database,
    auth: Auth<'a>,
    node_health_check: NodeHealthCheck<'a>,
    calls: Calls<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_center: Option<CallCenter<'a>>,
    retention: Retention,
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    otel: Option<Otel<'a>>,
    logging: Logging,
    shutdown: Shutdown,
}

#[derive(Serialize)]
struct Listen {
    listen: String,
}

#[derive(Serialize)]
struct Database {
    max_connections: i32,
    pooler: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
}

#[derive(Serialize)]
struct Auth<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<&'a str>,
    role_claim: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    role_mapping: BTreeMap<&'a str, &'static str>,
}

#[derive(Serialize)]
struct NodeHealthCheck<'a> {
    offline_timeout: &'a str,
    access_ttl: &'a str,
}

#[derive(Serialize)]
struct Calls<'a> {
    mask_numbers: bool,
    pbx_poll_interval: &'a str,
}

#[derive(Serialize)]
struct CallCenter<'a> {
    queues: BTreeMap<&'a str, Queue>,
}

#[derive(Serialize)]
struct Queue {
    sla_seconds: i32,
    sla_target_percent: i32,
    exclude_short_abandons: bool,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the server's names")]
struct Retention {
    raw_usage_days: i32,
    quarter_hour_days: i32,
    hourly_days: i32,
    daily_days: i32,
    status_history_days: i32,
    job_run_days: i32,
    call_record_days: i32,
}

#[derive(Serialize)]
struct Metrics {
    enabled: bool,
    export_interval_secs: i32,
}

#[derive(Serialize)]
struct Otel<'a> {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    endpoints: BTreeMap<&'static str, &'a str>,
    protocol: &'static str,
    service_name: &'a str,
    sample_ratio: f64,
    export_metrics: bool,
    export_logs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
    resource_attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Logging {
    level: &'static str,
    format: &'static str,
}

/// How the server spends the Pod's grace period.
#[derive(Serialize)]
struct Shutdown {
    delay: String,
    drain_timeout: String,
}

pub(super) fn build(cluster: &Validated) -> Result<Config, BuildError> {
    let text = text(&file(cluster))?;
    let hash = names::short_hash(&text);
    let name = names::config(&cluster.name, &hash);
    let config_map = ConfigMap {
        metadata: metadata(cluster, name.clone(), Component::Server),
        data: Some([(FILE.to_owned(), text)].into()),
        immutable: Some(true),
        binary_data: None,
    };
    let object = Object::applied(Kind::ConfigMap, &name, &config_map)?;
    Ok(Config { hash, object })
}

/// Without what the server takes anyway: under `upgradePolicy: Manual` it may be older than the operator,
/// and a server stops at a key that it does not know.
fn text(file: &File) -> Result<String, serde_yaml::Error> {
    let file = serde_yaml::to_value(file)?;
    let defaults = serde_yaml::from_str(SERVER_DEFAULTS)?;
    let differing = differing(file, &defaults);
    serde_yaml::to_string(&differing.unwrap_or_else(|| Mapping::new().into()))
}

/// What `given` says otherwise than `defaults`, or beyond them.
fn differing(given: Value, defaults: &Value) -> Option<Value> {
    let (given, defaults) = match (given, defaults) {
        (Value::Mapping(given), Value::Mapping(defaults)) => (given, defaults),
        (given, defaults) => return (given != *defaults).then_some(given),
    };
    let kept: Mapping = given
        .into_iter()
        .filter_map(|(key, value)| {
            let value = match defaults.get(&key) {
                Some(default) => differing(value, default)?,
                None => value,
            };
            Some((key, value))
        })
        .collect();
    (!kept.is_empty()).then_some(kept.into())
}

fn file(cluster: &Validated) -> File<'_> {
    let database = &cluster.database;
    File {
        grpc: listen(GRPC_PORT),
        http: listen(HTTP_PORT),
        database: Database {
            max_connections: database.max_connections,
            pooler: database.pooler,
            ca_file: database
                .ca
                .as_ref()
                .map(|_| format!("{FOLDER}/{DATABASE_CA}")),
        },
        auth: auth(&cluster.auth),
        node_health_check: NodeHealthCheck {
            offline_timeout: &cluster.node_health_check.offline_timeout,
            access_ttl: &cluster.node_health_check.access_ttl,
        },
        calls: Calls {
            mask_numbers: cluster.calls.mask_numbers,
            pbx_poll_interval: &cluster.calls.pbx_poll_interval,
        },
        call_center: call_center(&cluster.call_center),
        retention: retention(&cluster.retention),
        metrics: Metrics {
            enabled: cluster.metrics.enabled,
            export_interval_secs: cluster.metrics.export_interval_seconds,
        },
        otel: otel(cluster),
        logging: Logging {
            level: level(cluster.logging.level),
            format: match cluster.logging.format {
                LogFormat::Json => "json",
                LogFormat::Text => "text",
            },
        },
        shutdown: shutdown(cluster.pod.grace_period),
    }
}

fn auth(auth: &validate::Auth) -> Auth<'_> {
    let roles = auth.role_mapping.iter();
    Auth {
        jwks_url: auth.keys.url(),
        issuer: auth.issuer.as_deref(),
        audience: auth.audience.as_deref(),
        role_claim: &auth.role_claim,
        role_mapping: roles
            .map(|(word, role)| (word.as_str(), role.as_str()))
            .collect(),
    }
}

fn retention(days: &telecom_crds::Retention) -> Retention {
    Retention {
        raw_usage_days: days.raw_usage_days,
        quarter_hour_days: days.quarter_hour_days,
        hourly_days: days.hourly_days,
        daily_days: days.daily_days,
        status_history_days: days.status_history_days,
        job_run_days: days.job_run_days,
        call_record_days: days.call_record_days,
    }
}

fn call_center(center: &telecom_crds::CallCenter) -> Option<CallCenter<'_>> {
    let queues: BTreeMap<_, _> = center
        .queues
        .iter()
        .map(|queue| {
            let rules = Queue {
                sla_seconds: queue.sla_seconds,
                sla_target_percent: queue.sla_target_percent,
                exclude_short_abandons: queue.exclude_short_abandons,
            };
            (queue.name.as_str(), rules)
        })
        .collect();
    (!queues.is_empty()).then_some(CallCenter { queues })
}

/// First the Pod says that it is not ready and goes on serving while Services and load balancers look
/// away, then it finishes its calls; a little is left for the last telemetry before the kubelet kills.
fn shutdown(grace_period: i64) -> Shutdown {
    let delay = if grace_period >= 10 { 3 } else { 0 };
    let flush = if grace_period >= 10 { 4 } else { 1 };
    let drain = (grace_period - delay - flush).max(0);
    Shutdown {
        delay: format!("{delay}s"),
        drain_timeout: format!("{drain}s"),
    }
}

fn listen(port: u16) -> Listen {
    Listen {
        listen: format!("0.0.0.0:{port}"),
    }
}

fn otel(cluster: &Validated) -> Option<Otel<'_>> {
    let telemetry = cluster.telemetry.as_ref()?;
    let endpoints = [
        ("traces", &telemetry.traces),
        ("metrics", &telemetry.metrics),
        ("logs", &telemetry.logs),
    ];
    // Which cluster a span comes from; what the manifest says about the same names wins.
    let mut resource_attributes = BTreeMap::from([
        ("k8s.namespace.name", cluster.namespace.as_str()),
        ("telecom.cluster", cluster.name.as_str()),
    ]);
    for (name, value) in &telemetry.resource_attributes {
        resource_attributes.insert(name, value);
    }
    Some(Otel {
        enabled: true,
        endpoint: telemetry.endpoint.as_deref(),
        endpoints: endpoints
            .into_iter()
            .filter_map(|(signal, url)| url.as_deref().map(|url| (signal, url)))
            .collect(),
        protocol: match telemetry.protocol {
            TelemetryProtocol::Grpc => "grpc",
            TelemetryProtocol::Http => "http",
        },
        service_name: &telemetry.service_name,
        sample_ratio: telemetry.sample_ratio,
        export_metrics: telemetry.export_metrics,
        export_logs: telemetry.export_logs,
        ca_file: telemetry
            .ca
            .as_ref()
            .map(|_| format!("{FOLDER}/{TELEMETRY_CA}")),
        resource_attributes,
    })
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    //! The grace period is spent whole and never overspent.

    use super::*;

    #[test]
    fn shutdown_fits_the_grace_period() {
        let cases = [
            (1, ("0s", "0s")),
            (5, ("0s", "4s")),
            (10, ("3s", "3s")),
            (30, ("3s", "23s")),
            (3600, ("3s", "3593s")),
        ];
        for (grace, (delay, drain)) in cases {
            let shutdown = shutdown(grace);
            let found = (shutdown.delay.as_str(), shutdown.drain_timeout.as_str());
            assert_eq!(found, (delay, drain), "{grace}");
        }
    }
}
