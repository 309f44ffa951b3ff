//! Replicas: the manifest's, `kubectl scale`'s and the autoscaler's, without a fight.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::json;
use telecom_tests::cluster;
use telecom_tests::scenario::{Scenario, scenario};

async fn replicas(s: &Scenario, wanted: i32) -> Result<()> {
    s.wait(&format!("{wanted} replicas"), || async {
        let deployment = s.api::<Deployment>().get("demo-server").await?;
        let status = deployment.status.unwrap_or_default();
        let desired = deployment.spec.and_then(|spec| spec.replicas);
        Ok((desired == Some(wanted) && status.ready_replicas.unwrap_or(0) == wanted).then_some(()))
    })
    .await
}

/// The live count stays at `wanted` for ten seconds, in which the operator would have acted many times.
async fn stays(s: &Scenario, wanted: i32) -> Result<()> {
    for _ in 0..20 {
        let deployment = s.api::<Deployment>().get("demo-server").await?;
        assert_eq!(deployment.spec.unwrap().replicas, Some(wanted));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

#[tokio::test]
async fn kubectl_scale_and_the_autoscaler_do_not_fight_the_operator() {
    scenario("scaling", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;

        // kubectl scale writes spec.replicas of the manifest by its scale subresource.
        cluster::run(
            "kubectl",
            &[
                "-n",
                &s.namespace,
                "scale",
                "telecomcluster/demo",
                "--replicas=2",
            ],
        )?;
        replicas(&s, 2).await?;

        // Off → on: the two replicas are handed over; the autoscaler's minimum then makes it three.
        let autoscaling =
            json!({"minReplicas": 3, "maxReplicas": 4, "targetCPUUtilizationPercentage": 80});
        s.merge::<telecom_crds::TelecomCluster>(
            "demo",
            json!({"spec": {"autoscaling": autoscaling}}),
        )
        .await?;
        replicas(&s, 3).await?;
        stays(&s, 3).await?;

        // On → off: the autoscaler goes first, then the manifest's count holds.
        s.merge::<telecom_crds::TelecomCluster>("demo", json!({"spec": {"autoscaling": null}}))
            .await?;
        s.gone::<HorizontalPodAutoscaler>("demo-server").await?;
        replicas(&s, 2).await?;
        stays(&s, 2).await?;

        // And on again.
        let autoscaling =
            json!({"minReplicas": 1, "maxReplicas": 4, "targetCPUUtilizationPercentage": 80});
        s.merge::<telecom_crds::TelecomCluster>(
            "demo",
            json!({"spec": {"autoscaling": autoscaling}}),
        )
        .await?;
        s.wait("the autoscaler", || async {
            Ok(s.api::<HorizontalPodAutoscaler>()
                .get_opt("demo-server")
                .await?
                .map(drop))
        })
        .await?;
        stays(&s, 2).await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn zero_replicas_is_a_state_and_not_a_failure() {
    scenario("zero", async |s| {
        s.apply_cluster("demo", json!({"replicas": 0})).await?;
        s.condition("demo", "MigrationsApplied", "True", "").await?;
        let message = s
            .condition("demo", "ServerAvailable", "False", "ScaledToZero")
            .await?;
        assert!(!message.is_empty());
        assert!(s.pods("demo", "server").await?.is_empty());
        s.merge::<telecom_crds::TelecomCluster>("demo", json!({"spec": {"replicas": 1}}))
            .await?;
        s.ready("demo").await
    })
    .await;
}
