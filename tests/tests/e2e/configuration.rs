//! What only the world can tell: Secrets that are missing or empty, URLs that lead nowhere. Each is a
//! condition that says what to do, and heals without a restart.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PodTemplateSpec};
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::node_server_manage_client::NodeServerManageClient;
use telecom_proto::v1::{
    CreateNodeServerRequest, HeartbeatRequest, ListNodeServersRequest, NodeServerConfig, NodeStatus,
};
use telecom_server::auth::Role;
use telecom_tests::door::Door;
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::{database, tokens};

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
        let before = template(&s).await?;

        s.secret(EXTERNAL, json!({"uri": second})).await?;
        s.wait("a new rollout", || async {
            Ok((template(&s).await? != before).then_some(()))
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

#[tokio::test]
async fn node_health_check_and_retention_reach_the_server() {
    scenario("silence", async |s| {
        let spec = json!({
            "nodeHealthCheck": {"offlineTimeout": "2s", "accessTtl": "90s"},
            "retention": {"rawUsageDays": 7, "statusHistoryDays": 93},
        });
        s.apply_cluster("demo", spec).await?;
        s.ready("demo").await?;
        let key = database::secret_key(&s, "demo-jwt", "secret").await?;
        let door = Door::open(&s, "demo").await?;
        let caller = door.with(&tokens::mint(&key, Role::Admin, "tests"))?;
        let mut admin = NodeServerManageClient::new(caller);
        let config = NodeServerConfig {
            name: "fra-1".into(),
            address: "fra-1.example.net".into(),
            country: "DE".into(),
            ..Default::default()
        };
        let create = CreateNodeServerRequest {
            config: Some(config),
            ..Default::default()
        };
        let created = admin.create_node_server(create).await?.into_inner();
        let heartbeat = HeartbeatRequest {
            protocol_version: 1,
            agent_version: "1.0.0".into(),
            boot_id: "8c9c3c1e-7a0e-4a52-9be0-0d3a5c0b9a11".into(),
            clock: Some(std::time::SystemTime::now().into()),
            access_version: 0,
            ..Default::default()
        };
        let mut agent = NodeAgentClient::new(door.with(&created.token)?);
        let told = agent.heartbeat(heartbeat).await?.into_inner();
        let interval = told.heartbeat_interval.unwrap();
        assert!(
            interval.seconds < 2,
            "{interval:?} is as long as the timeout"
        );
        assert_eq!(told.access_ttl.unwrap().seconds, 90);
        // By default it would stay online for 90 s.
        let offline = || async {
            let list = ListNodeServersRequest::default();
            let listed = admin.clone().list_node_servers(list).await?.into_inner();
            let status = listed.node_servers[0].status();
            Ok((status == NodeStatus::Offline).then_some(()))
        };
        s.wait_for(
            "the silent node to be offline",
            Duration::from_secs(45),
            offline,
        )
        .await?;

        // The server stops at a key that it does not know: what it runs with is what is written here.
        let pods = s.pods("demo", "server").await?;
        let volumes = serde_json::to_value(&pods[0].spec)?;
        let name = volumes.pointer("/volumes/0/projected/sources/0/configMap/name");
        let name = name.and_then(Value::as_str).unwrap();
        let config = s.api::<ConfigMap>().get(name).await?;
        let config: Value = serde_yaml::from_str(&config.data.unwrap()["config.yaml"])?;
        let expected = json!({"raw_usage_days": 7, "status_history_days": 93});
        assert_eq!(config["retention"], expected);
        Ok(())
    })
    .await;
}

/// Not the generation: annotations count for that of a Deployment, and one changes before the migration.
async fn template(s: &Scenario) -> Result<PodTemplateSpec> {
    let deployment = s.api::<Deployment>().get("demo-server").await?;
    Ok(deployment.spec.context("no spec")?.template)
}
