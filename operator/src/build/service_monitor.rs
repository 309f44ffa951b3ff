//! The ServiceMonitor by which the Prometheus Operator has the server scraped, each Pod once.

use serde_json::{Value, json};
use telecom_crds::{RelabelConfig, ServiceMonitor};

use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, CLUSTER_LABEL, Component, SCRAPE_LABEL};
use crate::references::Live;
use crate::validate::Validated;

/// `None` when none is wanted, or when the kind is not there.
pub(super) fn build(cluster: &Validated, live: &Live) -> Result<Option<Object>, BuildError> {
    let Some(wanted) = cluster
        .metrics
        .service_monitor
        .as_ref()
        .filter(|_| live.service_monitor_kind)
    else {
        return Ok(None);
    };
    let name = names::server(&cluster.name);
    let failed = |source| BuildError::Object {
        kind: Kind::ServiceMonitor,
        name: name.clone(),
        source,
    };
    let mut metadata = metadata(cluster, name.clone(), Component::Server);
    let mut labels = wanted.labels.clone();
    labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(labels);
    let metadata = serde_json::to_value(metadata).map_err(failed)?;
    let endpoint = endpoint(cluster, wanted).map_err(failed)?;
    // A custom resource is stored as it is sent: nothing to bring into canonical form.
    let monitor = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata,
        "spec": {
            // Targets carry job="telecom-server" and the cluster's name in telecom_dev_cluster.
            "jobLabel": "app.kubernetes.io/name",
            "targetLabels": [CLUSTER_LABEL],
            "selector": {"matchLabels": {
                CLUSTER_LABEL: cluster.name,
                SCRAPE_LABEL: "true",
            }},
            "endpoints": [endpoint],
        },
    });
    Ok(Some(Object::from_value(
        Kind::ServiceMonitor,
        &name,
        monitor,
    )))
}

fn endpoint(cluster: &Validated, wanted: &ServiceMonitor) -> Result<Value, serde_json::Error> {
    let mut endpoint = json!({"port": "http", "path": "/metrics"});
    if let Some(token) = &cluster.metrics.token {
        endpoint["authorization"] = json!({
            "type": "Bearer",
            "credentials": {"name": token.name, "key": token.key},
        });
    }
    if let Some(interval) = &wanted.interval {
        endpoint["interval"] = interval.as_str().into();
    }
    if let Some(timeout) = &wanted.scrape_timeout {
        endpoint["scrapeTimeout"] = timeout.as_str().into();
    }
    let rules = [
        ("relabelings", &wanted.relabelings),
        ("metricRelabelings", &wanted.metric_relabelings),
    ];
    for (field, rules) in rules {
        if !rules.is_empty() {
            let rules: Vec<&RelabelConfig> = rules.iter().collect();
            endpoint[field] = serde_json::to_value(rules)?;
        }
    }
    Ok(endpoint)
}
