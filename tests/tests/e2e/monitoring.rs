//! A real Prometheus under the real Prometheus Operator scrapes the servers; the kind may come and go.
//! This test alone removes and brings back the Prometheus Operator's kinds.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;
use telecom_tests::forward::Forward;
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::{cluster, telecom};

/// Asks the Prometheus in namespace `monitoring` and returns `data` of its answer.
pub(super) async fn prometheus(s: &Scenario, path: &str) -> Result<Value> {
    let pods = Api::<Pod>::namespaced(s.client.clone(), "monitoring");
    let found = pods
        .list(&ListParams::default().labels("app.kubernetes.io/name=prometheus"))
        .await?;
    let pod = found
        .items
        .first()
        .and_then(|pod| pod.metadata.name.clone())
        .context("no Prometheus Pod")?;
    let forward = Forward::to_pod(pods, pod, 9090).await?;
    let (status, body) = telecom::get(forward.address, path, None).await?;
    anyhow::ensure!(status == 200, "{path}: {status} {body}");
    Ok(serde_json::from_str::<Value>(&body)?["data"].clone())
}

/// The chart's rules, in the scenario's namespace: the local cluster's chart is installed before the kind is there.
pub(super) fn rules(s: &Scenario) -> Result<()> {
    let chart = cluster::checkout().join("charts/telecom-operator");
    let chart = chart.to_string_lossy();
    let kind = "monitoring.coreos.com/v1/PrometheusRule";
    let template = [
        "template",
        "rules",
        &chart,
        "--api-versions",
        kind,
        "-n",
        &s.namespace,
    ];
    let show = ["-s", "templates/prometheusrule.yaml"];
    let manifest = cluster::run("helm", &[&template[..], &show].concat())?;
    let file = std::env::temp_dir().join(format!("{}-rules.yaml", s.namespace));
    std::fs::write(&file, manifest)?;
    let path = file.to_string_lossy();
    let applied = cluster::run("kubectl", &["apply", "-n", &s.namespace, "-f", &path]);
    std::fs::remove_file(&file)?;
    applied.map(drop)
}

/// The instances of `up == 1` in the scenario's namespace.
async fn up(s: &Scenario) -> Result<Vec<String>> {
    let query = format!("up%7Bnamespace%3D%22{}%22%7D%20%3D%3D%201", s.namespace);
    let data = prometheus(s, &format!("/api/v1/query?query={query}")).await?;
    let results = data["result"].as_array().cloned().unwrap_or_default();
    Ok(results
        .iter()
        .filter_map(|r| r["metric"]["instance"].as_str().map(String::from))
        .collect())
}

async fn targets(s: &Scenario, wanted: usize) -> Result<()> {
    s.wait(&format!("{wanted} targets up"), || async {
        let mut found = up(s).await?;
        let count = found.len();
        found.sort();
        found.dedup();
        // Each Pod once: as many series as instances.
        anyhow::ensure!(
            count == wanted && found.len() == wanted,
            "up: {found:?} in {count} series"
        );
        Ok(Some(()))
    })
    .await
}

async fn monitor(s: &Scenario) -> Result<Option<()>> {
    let found = s
        .dynamic(
            "monitoring.coreos.com",
            "v1",
            "ServiceMonitor",
            "demo-server",
        )
        .await;
    match found {
        Ok(found) => Ok(found.map(drop)),
        Err(error) if error.to_string().contains("404") => Ok(None),
        Err(error) => Err(error),
    }
}

fn stack(argument: &[&str]) -> Result<()> {
    let script = cluster::checkout().join("tests/cluster/prometheus.sh");
    let output = Command::new(script).args(argument).output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[tokio::test]
async fn prometheus_scrapes_each_pod_once_with_and_without_a_token_and_the_kind_may_come_and_go() {
    let _kinds = super::OPTIONAL_KINDS.lock().await;
    scenario("monitoring", async |s| {
        let interval = json!({"serviceMonitor": {"interval": "5s", "scrapeTimeout": "4s"}});
        s.apply_cluster("demo", json!({"replicas": 2, "metrics": interval})).await?;
        s.ready("demo").await?;
        s.condition("demo", "MonitoringReady", "True", "").await?;
        targets(&s, 2).await?;

        // With a token: refused without it, scraped with it.
        s.secret("scrape", json!({"token": "s3cret-of-the-scraper"})).await?;
        let token = json!({"spec": {"metrics": {"bearerTokenSecretRef": {"name": "scrape", "key": "token"}}}});
        s.merge::<TelecomCluster>("demo", token).await?;
        s.condition("demo", "Progressing", "False", "").await?;
        let forward = s.forward("demo", "server", 8080).await?;
        assert_eq!(telecom::get(forward.address, "/metrics", None).await?.0, 401);
        assert_eq!(telecom::get(forward.address, "/metrics", Some("s3cret-of-the-scraper")).await?.0, 200);
        targets(&s, 2).await?;

        // The kind goes away: said, and nothing else is harmed.
        stack(&["remove"])?;
        let patience = Duration::from_mins(3);
        s.wait_for("the absence to be said", patience, || async {
            let cluster = s.api::<TelecomCluster>().get("demo").await?;
            let found = telecom_tests::scenario::find_condition(&cluster, "MonitoringReady");
            Ok(found.filter(|c| c.reason == "ServiceMonitorKindAbsent").map(drop))
        })
        .await?;
        s.ready("demo").await?;

        // It comes back: so does the object, without a restart of the operator.
        stack(&[])?;
        s.wait_for("the ServiceMonitor to come back", patience, || monitor(&s)).await?;
        s.condition("demo", "MonitoringReady", "True", "").await?;
        targets(&s, 2).await
    })
    .await;
}
