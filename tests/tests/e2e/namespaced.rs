//! Namespaced mode: an operator of the chart that has Roles only, in the one namespace it watches.

use serde_json::json;
use telecom_tests::cluster;
use telecom_tests::operator::SHARD;
use telecom_tests::scenario::scenario;

#[tokio::test]
async fn with_roles_only_a_namespaced_operator_runs_a_cluster() {
    scenario("namespaced", async |s| {
        let chart = cluster::checkout().join("charts/telecom-operator");
        let chart = chart.to_string_lossy();
        let namespaces = format!("watch.namespaces={{{}}}", s.namespace);
        let selector = format!("watch.selector={SHARD}={}", s.namespace);
        let postgres = "postgresImage=docker.io/telecom-operator/postgres:15";
        let release = format!("own-{}", s.namespace);
        let install = [
            "-n",
            &s.namespace,
            "upgrade",
            "--install",
            &release,
            &chart,
            "--wait",
            "--timeout",
            "3m",
            "--set",
            &namespaces,
            "--set-string",
            &selector,
            "--set",
            postgres,
            // Another test takes these kinds away meanwhile.
            "--set",
            "monitoring.rules.enabled=false,metrics.serviceMonitor.enabled=false",
        ];
        cluster::run("helm", &install)?;
        let wide = cluster::run(
            "kubectl",
            &["get", "clusterroles,clusterrolebindings", "-o", "name"],
        )?;
        assert!(!wide.contains(&release), "{wide}");

        s.apply_labelled("demo", json!({SHARD: s.namespace}), json!({}))
            .await?;
        s.ready("demo").await?;

        // Upgrade and uninstall leave the operand alone.
        let upgrade = [&install[..], &["--set", "logging.level=debug"]].concat();
        cluster::run("helm", &upgrade)?;
        s.ready("demo").await?;
        cluster::run(
            "helm",
            &["-n", &s.namespace, "uninstall", &release, "--wait"],
        )?;
        assert_eq!(s.pods("demo", "server").await?.len(), 1);
        Ok(())
    })
    .await;
}
