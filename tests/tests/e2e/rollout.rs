//! A bad change never takes the serving version away: not by a failed migration, an image without a
//! server in it, or a configuration that the new version refuses; nor when the old Pod is rescheduled.

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;
use telecom_crds::TelecomCluster;
use telecom_tests::database;
use telecom_tests::scenario::{Scenario, scenario};

/// The server answers `/healthz/ready` with 200.
async fn serves(s: &Scenario) -> Result<()> {
    s.wait("the server to serve", || async {
        let forward = s.forward("demo", "server", 8080).await?;
        let (status, body) =
            telecom_tests::telecom::get(forward.address, "/healthz/ready", None).await?;
        anyhow::ensure!(status == 200, "{status} {body}");
        Ok(Some(()))
    })
    .await
}

/// Deletes the serving Pod; its replacement must serve as well, since the template is the last good one.
async fn reschedule(s: &Scenario) -> Result<()> {
    let pod = s.pods("demo", "server").await?.into_iter().next().unwrap();
    s.api::<Pod>()
        .delete(&pod.name_any(), &DeleteParams::default())
        .await?;
    s.gone::<Pod>(&pod.name_any()).await?;
    serves(s).await
}

#[tokio::test]
async fn a_failed_migration_leaves_the_old_version_serving_and_heals() {
    scenario("migration", async |s| {
        s.apply_cluster("base", json!({"replicas": 0})).await?;
        s.condition("base", "DatabaseReady", "True", "").await?;
        let good = database::create(&s, "base", "good").await?;
        let broken = database::create(&s, "base", "broken").await?;
        let obstacle = database::connect(&s, "base", Some("broken")).await?;
        sqlx::query("CREATE TABLE node_server (somebody_elses int)")
            .execute(&obstacle.pool)
            .await?;

        s.secret("db", json!({"uri": good})).await?;
        s.apply_cluster(
            "demo",
            json!({"database": {"urlSecretRef": {"name": "db", "key": "uri"}}}),
        )
        .await?;
        s.ready("demo").await?;

        s.secret("db-broken", json!({"uri": broken})).await?;
        s.merge::<TelecomCluster>(
            "demo",
            json!({"spec": {"database": {"urlSecretRef": {"name": "db-broken"}}}}),
        )
        .await?;
        let message = s
            .condition("demo", "MigrationsApplied", "False", "MigrationFailed")
            .await?;
        assert!(
            message.contains("node_server"),
            "the cause is not in the message: {message}"
        );
        serves(&s).await?;
        reschedule(&s).await?;

        sqlx::query("DROP TABLE node_server")
            .execute(&obstacle.pool)
            .await?;
        s.ready("demo").await?;
        serves(&s).await
    })
    .await;
}

#[tokio::test]
async fn an_image_that_does_not_start_leaves_the_old_version_serving() {
    scenario("bad-image", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;
        let before = image(&s).await?;

        s.merge::<TelecomCluster>(
            "demo",
            json!({"spec": {"image": "docker.io/telecom-operator/none:1"}}),
        )
        .await?;
        s.condition("demo", "MigrationsApplied", "False", "ImagePullFailed")
            .await?;
        assert_eq!(image(&s).await?, before);
        reschedule(&s).await?;

        s.merge::<TelecomCluster>("demo", json!({"spec": {"image": null}}))
            .await?;
        s.ready("demo").await?;
        assert_eq!(image(&s).await?, before);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_configuration_that_the_server_refuses_leaves_the_old_version_serving() {
    scenario("bad-config", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;
        let telemetry =
            json!({"endpoint": "http://collector:4317/with/a/path", "exportMetrics": true});
        s.merge::<TelecomCluster>("demo", json!({"spec": {"telemetry": telemetry}}))
            .await
            .ok();
        // Refused by the schema or said in a condition: either way the old version goes on.
        serves(&s).await?;
        reschedule(&s).await?;
        s.merge::<TelecomCluster>("demo", json!({"spec": {"telemetry": null}}))
            .await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn a_new_configuration_rolls_without_touching_what_old_pods_read() {
    scenario("config-roll", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;
        let first = config(&s).await?;
        s.merge::<TelecomCluster>("demo", json!({"spec": {"logging": {"level": "debug"}}}))
            .await?;
        s.wait("another ConfigMap", || async {
            Ok((config(&s).await? != first).then_some(()))
        })
        .await?;
        s.ready("demo").await?;
        // The Deployment's old ReplicaSet still names the first ConfigMap, so a rollback would find it.
        s.api::<k8s_openapi::api::core::v1::ConfigMap>()
            .get(&first)
            .await?;
        Ok(())
    })
    .await;
}

async fn image(s: &Scenario) -> Result<Option<String>> {
    Ok(template(s)
        .await?
        .containers
        .first()
        .and_then(|container| container.image.clone()))
}

/// The name of the ConfigMap that the Pod template mounts.
async fn config(s: &Scenario) -> Result<String> {
    let projected = template(s)
        .await?
        .volumes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|volume| volume.projected);
    let sources = projected.flat_map(|projected| projected.sources.unwrap_or_default());
    let mut names = sources
        .filter_map(|source| source.config_map)
        .map(|map| map.name);
    names
        .find(|name| name.starts_with("demo-config-"))
        .context("no ConfigMap is mounted")
}

async fn template(s: &Scenario) -> Result<k8s_openapi::api::core::v1::PodSpec> {
    let deployment = s.api::<Deployment>().get("demo-server").await?;
    Ok(deployment
        .spec
        .and_then(|spec| spec.template.spec)
        .unwrap_or_default())
}
