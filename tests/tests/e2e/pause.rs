//! `paused`: the operator looks and does not touch.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use telecom_crds::TelecomCluster;
use telecom_tests::scenario::scenario;

#[tokio::test]
async fn a_paused_cluster_is_left_alone_until_it_is_resumed() {
    scenario("pause", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;

        s.merge::<TelecomCluster>("demo", json!({"spec": {"paused": true, "replicas": 2}}))
            .await?;
        s.condition("demo", "Paused", "True", "").await?;
        s.merge::<Deployment>("demo-server", json!({"spec": {"minReadySeconds": 7}}))
            .await?;
        // Drift is put back within two seconds when the operator acts; five show that it does not.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let deployment = s
            .api::<Deployment>()
            .get("demo-server")
            .await?
            .spec
            .unwrap();
        assert_eq!(
            (deployment.replicas, deployment.min_ready_seconds),
            (Some(1), Some(7))
        );

        s.merge::<TelecomCluster>("demo", json!({"spec": {"paused": false}}))
            .await?;
        s.condition("demo", "Paused", "False", "").await?;
        s.wait("the rollout to go on", || async {
            let deployment = s
                .api::<Deployment>()
                .get("demo-server")
                .await?
                .spec
                .unwrap();
            let resumed = deployment.replicas == Some(2) && deployment.min_ready_seconds != Some(7);
            Ok(resumed.then_some(()))
        })
        .await
    })
    .await;
}
