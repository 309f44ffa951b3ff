//! More than one operator: two at once, one killed, a newer one in its place, a manifest that cannot be read.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;
use telecom_tests::operator::{Operator, SHARD, Settings};
use telecom_tests::scenario::{Scenario, scenario};

fn shard(s: &Scenario) -> Value {
    json!({SHARD: s.namespace})
}

/// Who holds the Lease of the scenario's own operators.
pub(super) async fn holder(s: &Scenario) -> Result<String> {
    s.wait("a leader", || async {
        let lease = s.api::<Lease>().get_opt("telecom-operator").await?;
        let holder = lease
            .and_then(|lease| lease.spec)
            .and_then(|spec| spec.holder_identity);
        Ok(holder.filter(|name| !name.is_empty()))
    })
    .await
}

#[tokio::test]
async fn of_two_operators_one_acts_and_the_other_takes_over_when_it_is_killed() {
    scenario("leader", async |s| {
        let mut first = Operator::start(&Settings::shard(&s.namespace, &s.namespace, "first"))?;
        assert_eq!(holder(&s).await?, "first");
        let second = Operator::start(&Settings::shard(&s.namespace, &s.namespace, "second"))?;
        s.apply_labelled("demo", shard(&s), json!({"replicas": 0}))
            .await?;
        s.condition("demo", "MigrationsApplied", "True", "").await?;
        assert_eq!(holder(&s).await?, "first");

        first.kill()?;
        s.merge::<TelecomCluster>("demo", json!({"spec": {"minReadySeconds": 3}}))
            .await?;
        s.wait_for(
            "the second operator to act",
            Duration::from_mins(1),
            || async {
                let deployment = s.api::<Deployment>().get("demo-server").await?;
                Ok(
                    (deployment.spec.unwrap_or_default().min_ready_seconds == Some(3))
                        .then_some(()),
                )
            },
        )
        .await?;
        assert_eq!(holder(&s).await?, "second", "{}", second.log_text());
        Ok(())
    })
    .await;
}

/// Uids of the server's Pods.
async fn pods(s: &Scenario) -> Result<Vec<String>> {
    let mut uids: Vec<_> = s
        .pods("demo", "server")
        .await?
        .iter()
        .filter_map(ResourceExt::uid)
        .collect();
    uids.sort();
    Ok(uids)
}

#[tokio::test]
async fn an_operator_upgrade_restarts_no_operand_under_the_manual_policy() {
    scenario("upgrade", async |s| {
        let mut old = Operator::start(&Settings::shard(&s.namespace, &s.namespace, "old"))?;
        s.apply_labelled("demo", shard(&s), json!({"upgradePolicy": "Manual"}))
            .await?;
        s.ready("demo").await?;
        let before = pods(&s).await?;
        old.kill()?;

        let newer = "docker.io/telecom-operator/server:0.1.1";
        let mut settings = Settings::shard(&s.namespace, &s.namespace, "new");
        settings.server_image = newer;
        let new = Operator::start(&settings)?;
        s.wait("the new operator to lead", || async {
            Ok((holder(&s).await? == "new").then_some(()))
        })
        .await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(pods(&s).await?, before, "{}", new.log_text());

        // Asked for, the newer image is taken; it does not exist here, so the old one goes on serving.
        s.merge::<TelecomCluster>("demo", json!({"spec": {"upgradePolicy": "Automatic"}}))
            .await?;
        let message = s
            .condition("demo", "MigrationsApplied", "False", "ImagePullFailed")
            .await?;
        assert!(message.contains(newer), "{message}");
        assert_eq!(pods(&s).await?, before);
        Ok(())
    })
    .await;
}
