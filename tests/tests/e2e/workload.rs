//! What the cluster itself refuses: images that cannot be pulled, volumes that never bind, manifests from a newer CRD.

use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;
use telecom_crds::TelecomCluster;
use telecom_tests::scenario::scenario;

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_named_and_heals() {
    scenario("image", async |s| {
        s.apply_cluster("demo", json!({"image": "127.0.0.1:1/telecom/none:9"}))
            .await?;
        let message = s
            .condition("demo", "MigrationsApplied", "False", "ImagePullFailed")
            .await?;
        assert!(message.contains("127.0.0.1:1/telecom/none:9"), "{message}");
        s.merge::<TelecomCluster>("demo", json!({"spec": {"image": null}}))
            .await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn a_database_image_that_cannot_be_pulled_is_named_and_heals() {
    scenario("database-image", async |s| {
        let wrong = json!({"embedded": {"image": "127.0.0.1:1/postgres/none:9"}});
        s.apply_cluster("demo", json!({"database": wrong})).await?;
        let message = s
            .condition("demo", "DatabaseReady", "False", "ImagePullFailed")
            .await?;
        assert!(message.contains("127.0.0.1:1/postgres/none:9"), "{message}");
        let right = json!({"spec": {"database": {"embedded": {"image": null}}}});
        s.merge::<TelecomCluster>("demo", right).await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn a_volume_that_does_not_bind_is_named_and_heals_when_its_class_appears() {
    scenario("volume", async |s| {
        let classes = Api::<StorageClass>::all(s.client.clone());
        let class = format!("late-{}", s.namespace);
        let database = json!({"embedded": {"storage": {"size": "1Gi", "storageClassName": class}}});
        s.apply_cluster("demo", json!({"database": database}))
            .await?;
        let message = s
            .condition("demo", "DatabaseReady", "False", "StoragePending")
            .await?;
        assert!(message.contains("demo-postgres-data"), "{message}");

        let default = classes
            .list(&ListParams::default())
            .await?
            .items
            .into_iter()
            .find(|class| {
                let annotations = class.metadata.annotations.as_ref();
                annotations.is_some_and(|a| {
                    a.get("storageclass.kubernetes.io/is-default-class")
                        .is_some_and(|v| v == "true")
                })
            })
            .unwrap();
        let late = StorageClass {
            metadata: kube::core::ObjectMeta {
                name: Some(class.clone()),
                ..Default::default()
            },
            ..default
        };
        classes.create(&PostParams::default(), &late).await?;
        let healed = s.ready("demo").await;
        classes.delete(&class, &DeleteParams::default()).await?;
        healed
    })
    .await;
}

#[tokio::test]
async fn the_embedded_volume_grows_where_the_class_allows_it() {
    scenario("grow", async |s| {
        s.apply_cluster(
            "demo",
            json!({"database": {"embedded": {"storage": {"size": "1Gi"}}}}),
        )
        .await?;
        s.ready("demo").await?;
        s.merge::<TelecomCluster>(
            "demo",
            json!({"spec": {"database": {"embedded": {"storage": {"size": "2Gi"}}}}}),
        )
        .await?;
        s.wait("the claim to ask for 2Gi", || async {
            let claim = s
                .api::<PersistentVolumeClaim>()
                .get("demo-postgres-data")
                .await?;
            let asked = claim
                .spec
                .and_then(|spec| spec.resources)
                .and_then(|r| r.requests);
            Ok(asked
                .is_some_and(|r| r.get("storage").is_some_and(|q| q.0 == "2Gi"))
                .then_some(()))
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn a_manifest_deleted_while_it_starts_leaves_nothing() {
    scenario("early-delete", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        s.api::<TelecomCluster>()
            .delete("demo", &DeleteParams::default())
            .await?;
        s.gone::<k8s_openapi::api::apps::v1::StatefulSet>("demo-postgres")
            .await?;
        s.gone::<PersistentVolumeClaim>("demo-postgres-data")
            .await?;
        s.gone::<k8s_openapi::api::core::v1::Secret>("demo-postgres")
            .await
    })
    .await;
}
