//! The server's Prometheus metrics and the ServiceMonitor that has them scraped.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SecretKeyRef, rules};

/// The server's `/metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Whether `/metrics` is served. `/healthz` works either way.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Token that a scraper must send (`Authorization: Bearer …`). Unset: open to whoever reaches the
    /// port. A key that is referenced but empty closes `/metrics` to everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_token_secret_ref: Option<SecretKeyRef>,
    /// Seconds between two samples of what comes from the database, and between two OTLP exports.
    #[serde(default = "default_export_interval")]
    #[schemars(range(min = 1, max = 3600))]
    pub export_interval_seconds: i32,
    /// ServiceMonitor for the Prometheus Operator.
    #[serde(default)]
    pub service_monitor: ServiceMonitor,
}

/// A ServiceMonitor (monitoring.coreos.com/v1) that selects the server's Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::not_longer("scrapeTimeout", "interval", "must not be longer than serviceMonitor.interval"))]
pub struct ServiceMonitor {
    /// Whether the ServiceMonitor exists. It is created when the cluster knows the kind, also later.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Labels of the ServiceMonitor, beside the operator's own, for a Prometheus that selects by label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = rules::label_keys(), validation = rules::label_values(),
        validation = Rule::new("self.all(key, !key.startsWith('app.kubernetes.io/') && !key.startsWith('telecom.dev/'))")
        .message("labels that start with app.kubernetes.io/ or telecom.dev/ are set by the operator: remove them"))]
    pub labels: BTreeMap<String, String>,
    /// Time between two scrapes, such as `30s`. Unset: as the Prometheus is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = rules::duration("30s or 1m30s"))]
    pub interval: Option<String>,
    /// Time until a scrape without an answer has failed, such as `10s`; not longer than `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = rules::duration("10s or 1m30s"))]
    pub scrape_timeout: Option<String>,
    /// Rules that rewrite the target's labels before the scrape.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub relabelings: Vec<RelabelConfig>,
    /// Rules that rewrite or drop samples after the scrape.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub metric_relabelings: Vec<RelabelConfig>,
}

/// One relabelling rule, as in Prometheus' `relabel_config`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::required(
        "!(self.action in ['Replace', 'HashMod', 'Lowercase', 'Uppercase', 'KeepEqual', 'DropEqual']) || has(self.targetLabel)",
        ".targetLabel",
        "needed by this action",
    ),
    validation = rules::required("self.action != 'HashMod' || has(self.modulus)", ".modulus", "needed by action: HashMod"),
)]
pub struct RelabelConfig {
    /// Labels whose values are joined and matched against `regex`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 256)))]
    pub source_labels: Vec<String>,
    /// Text between the joined values. Unset: `;`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub separator: Option<String>,
    /// Label that receives the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub target_label: Option<String>,
    /// Regular expression (RE2) that must match the whole value. Unset: everything matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub regex: Option<String>,
    /// Divisor of the hash, with `action: HashMod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub modulus: Option<i64>,
    /// What is written to `targetLabel`; `$1` is the first group of `regex`. Unset: `$1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub replacement: Option<String>,
    /// What the rule does. Unset: `Replace`.
    #[serde(default)]
    pub action: RelabelAction,
}

/// What a relabelling rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RelabelAction {
    /// Writes `replacement` to `targetLabel` when `regex` matches.
    #[default]
    Replace,
    /// Keeps only what matches.
    Keep,
    /// Drops what matches.
    Drop,
    /// Writes the hash of the source labels, modulo `modulus`.
    HashMod,
    /// Copies labels whose name matches.
    LabelMap,
    /// Drops labels whose name matches.
    LabelDrop,
    /// Drops labels whose name does not match.
    LabelKeep,
    /// Writes the value in lower case.
    Lowercase,
    /// Writes the value in upper case.
    Uppercase,
    /// Keeps only what equals `targetLabel`.
    KeepEqual,
    /// Drops what equals `targetLabel`.
    DropEqual,
}

fn yes() -> bool {
    true
}

fn default_export_interval() -> i32 {
    15
}

impl Default for ServiceMonitor {
    fn default() -> Self {
        Self {
            enabled: true,
            labels: BTreeMap::new(),
            interval: None,
            scrape_timeout: None,
            relabelings: Vec::new(),
            metric_relabelings: Vec::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            bearer_token_secret_ref: None,
            export_interval_seconds: default_export_interval(),
            service_monitor: ServiceMonitor::default(),
        }
    }
}
