//! The chart's rules and dashboards on a real Prometheus: each rule is evaluated, each expression of a dashboard asked.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use serde_json::{Value, json};
use telecom_tests::cluster;
use telecom_tests::scenario::{Scenario, scenario};

use super::monitoring::{prometheus, rules};

/// Rules of the scenario's namespace: how many there are, and those that are not well.
async fn evaluated(s: &Scenario) -> Result<(usize, Vec<Value>)> {
    let data = prometheus(s, "/api/v1/rules").await?;
    let file = format!("{}-", s.namespace);
    let groups = data["groups"].as_array().cloned().unwrap_or_default();
    let ours = groups.iter().filter(|group| {
        group["file"]
            .as_str()
            .is_some_and(|name| name.contains(&file))
    });
    let rules: Vec<_> = ours
        .filter_map(|group| group["rules"].as_array())
        .flatten()
        .cloned()
        .collect();
    let count = rules.len();
    let unwell = rules.into_iter().filter(|rule| rule["health"] != "ok");
    Ok((count, unwell.collect()))
}

/// What the chart has, by its files.
fn expected() -> Result<usize> {
    let folder = cluster::checkout().join("charts/telecom-operator/files/rules");
    let mut count = 0;
    for file in std::fs::read_dir(folder)? {
        let groups: Value = serde_yaml::from_str(&std::fs::read_to_string(file?.path())?)?;
        let groups = groups["groups"].as_array().context("groups")?;
        count += groups
            .iter()
            .filter_map(|group| group["rules"].as_array())
            .map(Vec::len)
            .sum::<usize>();
    }
    Ok(count)
}

#[tokio::test]
async fn each_rule_and_each_expression_of_a_dashboard_is_taken_by_a_real_prometheus() {
    let _kinds = super::OPTIONAL_KINDS.lock().await;
    scenario("dashboards", async |s| {
        let interval = json!({"serviceMonitor": {"interval": "5s", "scrapeTimeout": "4s"}});
        s.apply_cluster("demo", json!({"metrics": interval}))
            .await?;
        rules(&s)?;
        s.ready("demo").await?;
        let all = expected()?;
        ensure!(all > 30, "{all} rules");
        s.wait("all rules to be well", || async {
            let (count, unwell) = evaluated(&s).await?;
            ensure!(
                count == all && unwell.is_empty(),
                "{count} of {all}, unwell: {unwell:?}"
            );
            Ok(Some(()))
        })
        .await?;

        let services = Api::<Service>::namespaced(s.client.clone(), "monitoring");
        let address = services
            .get("prometheus")
            .await?
            .spec
            .and_then(|spec| spec.cluster_ip);
        let url = format!("http://{}:9090", address.context("an address")?);
        // Of a cluster that has just been made: what has nothing to show says so in its description.
        let output = Command::new(cluster::checkout().join("tests/dashboards.sh"))
            .args([
                "--prometheus",
                &url,
                "--namespace",
                &s.namespace,
                "--name",
                "demo",
            ])
            .args([
                "--operator",
                "telecom-system",
                "--minutes",
                "5",
                "--require-data",
                "none",
            ])
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        ensure!(said.contains("expressions"), "{said}");
        Ok(())
    })
    .await;
}
