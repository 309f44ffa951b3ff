//! How often a job should run, as an alert finds it in the operator's metrics.

use anyhow::{Context as _, Result};
use kube::api::DeleteParams;
use serde_json::json;
use telecom_crds::TelecomCluster;
use telecom_tests::operator::{Operator, SHARD, Settings};
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::telecom;

use super::jobs;

/// The value of a metric of billTraffic.
async fn metric(operator: &Operator, name: &str) -> Result<Option<f64>> {
    let (_, text) = telecom::get(operator.http.parse()?, "/metrics", None).await?;
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with(name) && line.contains("billTraffic"));
    let value = line.and_then(|line| line.rsplit_once(' '));
    value
        .map(|(_, value)| value.parse().context("no number"))
        .transpose()
}

async fn period(s: &Scenario, operator: &Operator, expected: Option<f64>) -> Result<()> {
    s.wait(&format!("a period of {expected:?}"), || async {
        let found = metric(operator, "telecom_operator_job_period_seconds{").await?;
        Ok((found == expected).then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_period_is_there_while_the_job_should_run() {
    scenario("periods", async |s| {
        let operator = Operator::start(&Settings::shard(&s.namespace, &s.namespace, "only"))?;
        let labels = json!({SHARD: s.namespace});
        s.apply_labelled("demo", labels, json!({"replicas": 1}))
            .await?;
        period(&s, &operator, Some(5.0)).await?;
        let success = metric(&operator, "telecom_operator_job_last_success").await?;
        assert!(success.is_some());

        jobs(&s, json!({"billTraffic": {"suspend": true}})).await?;
        period(&s, &operator, None).await?;
        let edited = json!({"billTraffic": {"suspend": false, "interval": "7s"}});
        jobs(&s, edited).await?;
        period(&s, &operator, Some(7.0)).await?;
        s.merge::<TelecomCluster>("demo", json!({"spec": {"replicas": 0}}))
            .await?;
        period(&s, &operator, None).await?;

        let clusters = s.api::<TelecomCluster>();
        clusters.delete("demo", &DeleteParams::background()).await?;
        s.wait("its series to go", || async {
            let left = metric(&operator, "telecom_operator_job_runs_total").await?;
            Ok(left.is_none().then_some(()))
        })
        .await
    })
    .await;
}
