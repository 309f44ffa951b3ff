//! Whose a database is: another cluster on the same one runs nothing until it is told to.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::api::DeleteParams;
use serde_json::json;
use sqlx::Row as _;
use telecom_crds::TelecomCluster;
use telecom_tests::database;
use telecom_tests::scenario::scenario;

#[tokio::test]
async fn rows_16_and_29_a_cluster_that_is_deleted_and_made_again_on_the_same_database() {
    scenario("identity", async |s| {
        // Its PostgreSQL serves as the external one of the other.
        s.apply_cluster("demo", json!({"replicas": 0})).await?;
        s.condition("demo", "DatabaseReady", "True", "").await?;
        let uri = database::create(&s, "demo", "shared").await?;
        s.secret("shared", json!({"uri": uri})).await?;
        let spec = json!({"database": {"urlSecretRef": {"name": "shared", "key": "uri"}}});
        s.apply_cluster("first", spec.clone()).await?;
        s.ready("first").await?;
        s.condition("first", "JobsHealthy", "True", "JobsRunning").await?;
        let first = s.api::<TelecomCluster>().get("first").await?.metadata.uid.unwrap_or_default();
        s.api::<TelecomCluster>().delete("first", &DeleteParams::default()).await?;
        s.gone::<TelecomCluster>("first").await?;
        // Its server goes as well: nobody asks for it any more.
        tokio::time::sleep(Duration::from_secs(15)).await;
        let events = s.events("first").await?;
        ensure!(!events.iter().any(|(reason, _)| reason == "JobFailing"), "{events:?}");

        s.apply_cluster("first", spec).await?;
        let message = s.condition("first", "MigrationsApplied", "False", "DatabaseInUse").await?;
        assert!(message.contains(&first), "{message}");
        assert!(message.contains("telecom.dev/adopt-database"), "{message}");
        s.wait("event DatabaseInUse", || async {
            let events = s.events("first").await?;
            ensure!(events.iter().any(|(reason, _)| reason == "DatabaseInUse"), "{events:?}");
            Ok(Some(()))
        })
        .await?;

        let adopt = json!({"metadata": {"annotations": {"telecom.dev/adopt-database": first}}});
        let second: TelecomCluster = s.merge("first", adopt).await?;
        s.ready("first").await?;
        s.condition("first", "JobsHealthy", "True", "JobsRunning").await?;

        // No slot up to its creation runs for the second time, and none twice.
        let database = database::connect(&s, "demo", Some("shared")).await?;
        let row = sqlx::query("SELECT cluster_uid FROM database_owner").fetch_one(&database.pool).await?;
        assert_eq!(row.try_get::<String, _>(0)?, second.metadata.uid.unwrap_or_default());
        let created = second.metadata.creation_timestamp.map(|at| at.0.as_second());
        let query = "SELECT count(*) FROM job_run WHERE started_at > (SELECT since FROM database_owner) \
            AND scheduled_at <= to_timestamp($1)";
        let row = sqlx::query(query).bind(created.map(|at| f64::from(u32::try_from(at).unwrap_or(0))));
        let early: i64 = row.fetch_one(&database.pool).await?.try_get(0)?;
        assert_eq!(early, 0);
        let ran = sqlx::query("SELECT count(*) FROM job_run").fetch_one(&database.pool).await?;
        assert!(ran.try_get::<i64, _>(0)? > 0);
        Result::Ok(())
    })
    .await;
}
