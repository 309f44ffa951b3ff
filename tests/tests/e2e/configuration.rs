//! What only the world can tell: Secrets that are missing or empty, URLs that lead nowhere. Each is a
//! condition that says what to do, and heals without a restart.

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;
use telecom_tests::database;
use telecom_tests::scenario::{Scenario, scenario};

const EXTERNAL: &str = "external";

fn external() -> Value {
    json!({"database": {"urlSecretRef": {"name": EXTERNAL, "key": "uri"}}})
}

/// A cluster `base` whose PostgreSQL serves as the external one, without servers of its own.
async fn base(s: &Scenario) -> Result<()> {
    s.apply_cluster("base", json!({"replicas": 0})).await?;
    s.condition("base", "DatabaseReady", "True", "")
        .await
        .map(drop)
}

#[tokio::test]
async fn database_secrets_are_asked_for_by_name_and_key_and_heal() {
    scenario("secrets", async |s| {
        base(&s).await?;
        let uri = database::create(&s, "base", "mine").await?;

        s.apply_cluster("demo", external()).await?;
        let message = s
            .condition("demo", "ConfigurationValid", "False", "SecretNotFound")
            .await?;
        assert!(
            message.contains(EXTERNAL) && message.contains("uri"),
            "{message}"
        );
        let ready = s
            .condition("demo", "Ready", "False", "SecretNotFound")
            .await?;
        assert_eq!(ready, message);

        s.secret(EXTERNAL, json!({"url": uri})).await?;
        let message = s
            .condition("demo", "ConfigurationValid", "False", "SecretKeyMissing")
            .await?;
        assert!(message.contains("uri"), "{message}");

        s.secret(EXTERNAL, json!({"uri": ""})).await?;
        s.condition("demo", "ConfigurationValid", "False", "SecretKeyEmpty")
            .await?;

        s.secret(EXTERNAL, json!({"uri": "mysql://somewhere/else"}))
            .await?;
        let message = s
            .condition("demo", "ConfigurationValid", "False", "InvalidDatabaseUrl")
            .await?;
        assert!(message.contains("postgres"), "{message}");

        s.secret(EXTERNAL, json!({"uri": uri})).await?;
        s.ready("demo").await?;
        // One event per edge, none for what did not change.
        let events = s.events("demo").await?;
        for reason in [
            "SecretNotFound",
            "SecretKeyMissing",
            "SecretKeyEmpty",
            "InvalidDatabaseUrl",
        ] {
            let count = events.iter().filter(|(found, _)| found == reason).count();
            assert_eq!(count, 1, "{reason}: {events:?}");
        }
        assert!(
            events.iter().all(|(_, note)| !note.contains("mysql://")),
            "{events:?}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_unreachable_database_is_named_and_heals() {
    scenario("unreachable", async |s| {
        base(&s).await?;
        let uri = database::create(&s, "base", "mine").await?;
        s.secret(
            EXTERNAL,
            json!({"uri": "postgres://nobody:nothing@base-postgres:5999/mine"}),
        )
        .await?;
        s.apply_cluster("demo", external()).await?;
        let message = s
            .condition("demo", "DatabaseReady", "False", "DatabaseUnreachable")
            .await?;
        assert!(
            !message.contains("nothing"),
            "the password is in the condition: {message}"
        );

        s.secret(EXTERNAL, json!({"uri": uri})).await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_named_and_heals() {
    scenario("password", async |s| {
        base(&s).await?;
        s.secret(
            EXTERNAL,
            json!({"uri": "postgres://nobody:nothing@base-postgres:5432/mine"}),
        )
        .await?;
        s.apply_cluster("demo", external()).await?;
        s.condition(
            "demo",
            "DatabaseReady",
            "False",
            "DatabaseAuthenticationFailed",
        )
        .await?;
        let uri = database::create(&s, "base", "mine").await?;
        s.secret(EXTERNAL, json!({"uri": uri})).await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn an_empty_metrics_token_closes_metrics_and_is_said() {
    scenario("metrics-token", async |s| {
        s.secret("scrape", json!({"token": ""})).await?;
        s.apply_cluster(
            "demo",
            json!({"metrics": {"bearerTokenSecretRef": {"name": "scrape", "key": "token"}}}),
        )
        .await?;
        s.condition("demo", "MonitoringReady", "False", "MetricsTokenEmpty")
            .await?;
        s.ready("demo").await?;
        let forward = s.forward("demo", "server", 8080).await?;
        let (status, _) = telecom_tests::telecom::get(forward.address, "/metrics", None).await?;
        assert_eq!(status, 401);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_database_secret_rolls_the_servers() {
    scenario("roll", async |s| {
        base(&s).await?;
        let first = database::create(&s, "base", "first").await?;
        let second = database::create(&s, "base", "second").await?;
        s.secret(EXTERNAL, json!({"uri": first})).await?;
        s.apply_cluster("demo", external()).await?;
        s.ready("demo").await?;
        let before = generation(&s).await?;

        s.secret(EXTERNAL, json!({"uri": second})).await?;
        s.wait("a new rollout", || async {
            Ok((generation(&s).await? > before).then_some(()))
        })
        .await?;
        s.ready("demo").await?;
        let migrated = database::connect(&s, "base", Some("second")).await?;
        sqlx::query("SELECT 1 FROM node_server")
            .fetch_optional(&migrated.pool)
            .await?;

        // Embedded from the start has no way to lose its data by moving: the volume stays and is named.
        s.merge::<TelecomCluster>(
            "base",
            json!({"spec": {"database": {"urlSecretRef": {"name": EXTERNAL, "key": "uri"}}}}),
        )
        .await?;
        let message = s
            .condition("base", "DatabaseReady", "True", "EmbeddedDatabaseKept")
            .await?;
        assert!(message.contains("base-postgres-data"), "{message}");
        Ok(())
    })
    .await;
}

async fn generation(s: &Scenario) -> Result<i64> {
    let deployment = s.api::<Deployment>().get("demo-server").await?;
    Ok(deployment.metadata.generation.unwrap_or(0))
}
