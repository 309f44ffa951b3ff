//! Deleting a manifest: what goes, what stays, and what comes back.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use kube::api::{DeleteParams, ListParams};
use serde_json::json;
use telecom_crds::TelecomCluster;
use telecom_tests::database;
use telecom_tests::scenario::scenario;

#[tokio::test]
async fn delete_policy_takes_every_object_with_it() {
    scenario("delete", async |s| {
        s.apply_cluster("demo", json!({"deletionPolicy": "Delete"}))
            .await?;
        s.ready("demo").await?;
        s.api::<TelecomCluster>()
            .delete("demo", &DeleteParams::default())
            .await?;

        s.gone::<Deployment>("demo-server").await?;
        s.gone::<StatefulSet>("demo-postgres").await?;
        s.gone::<PersistentVolumeClaim>("demo-postgres-data")
            .await?;
        s.gone::<Secret>("demo-postgres").await?;
        s.gone::<Secret>("demo-jwt").await?;
        s.gone::<Secret>("demo-operator-token").await?;
        s.gone::<Service>("demo-server").await?;
        s.gone::<ServiceAccount>("demo-server").await?;
        s.wait("the ConfigMaps to be gone", || async {
            let mine = ListParams::default().labels("telecom.dev/cluster=demo");
            Ok(s.api::<ConfigMap>()
                .list(&mine)
                .await?
                .items
                .is_empty()
                .then_some(()))
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn retain_policy_keeps_data_and_keys_and_the_next_cluster_adopts_them() {
    scenario("retain", async |s| {
        s.apply_cluster("demo", json!({"deletionPolicy": "Retain"}))
            .await?;
        s.ready("demo").await?;
        let before = database::connect(&s, "demo", None).await?;
        sqlx::query("CREATE TABLE kept (word text)")
            .execute(&before.pool)
            .await?;
        let password = database::secret_key(&s, "demo-postgres", "password").await?;
        let key = database::secret_key(&s, "demo-jwt", "secret").await?;
        let token = database::secret_key(&s, "demo-operator-token", "token").await?;
        drop(before);

        s.api::<TelecomCluster>()
            .delete("demo", &DeleteParams::default())
            .await?;
        s.gone::<Deployment>("demo-server").await?;
        s.gone::<StatefulSet>("demo-postgres").await?;
        let claim = s
            .api::<PersistentVolumeClaim>()
            .get("demo-postgres-data")
            .await?;
        assert_eq!(claim.metadata.deletion_timestamp, None);

        s.apply_cluster("demo", json!({"deletionPolicy": "Retain"}))
            .await?;
        s.ready("demo").await?;
        assert_eq!(
            database::secret_key(&s, "demo-postgres", "password").await?,
            password
        );
        assert_eq!(database::secret_key(&s, "demo-jwt", "secret").await?, key);
        assert_eq!(
            database::secret_key(&s, "demo-operator-token", "token").await?,
            token
        );
        let after = database::connect(&s, "demo", None).await?;
        sqlx::query("SELECT word FROM kept")
            .fetch_all(&after.pool)
            .await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_volume_without_its_secret_is_said_and_never_given_a_new_password() {
    scenario("lost-secret", async |s| {
        s.apply_cluster("demo", json!({"deletionPolicy": "Retain"}))
            .await?;
        s.ready("demo").await?;
        let kept = s.api::<Secret>().get("demo-postgres").await?;
        s.api::<TelecomCluster>()
            .delete("demo", &DeleteParams::default())
            .await?;
        s.gone::<StatefulSet>("demo-postgres").await?;
        s.api::<Secret>()
            .delete("demo-postgres", &DeleteParams::default())
            .await?;

        s.apply_cluster("demo", json!({"deletionPolicy": "Retain"}))
            .await?;
        let message = s
            .condition("demo", "DatabaseReady", "False", "DatabaseSecretLost")
            .await?;
        assert!(message.contains("demo-postgres-data"), "{message}");
        assert!(s.api::<Secret>().get_opt("demo-postgres").await?.is_none());

        // Restored from a backup, the pair is whole again.
        let data: serde_json::Map<_, _> = kept
            .data
            .unwrap()
            .into_iter()
            .map(|(key, value)| (key, json!(String::from_utf8(value.0).unwrap())))
            .collect();
        s.secret("demo-postgres", data.into()).await?;
        s.ready("demo").await
    })
    .await;
}
