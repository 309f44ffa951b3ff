//! `spec.retention` on the cluster: what it makes old goes when the servers roll, unless it is not billed.

use anyhow::Result;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use telecom_crds::TelecomCluster;
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::{database, telecom};

/// Makes the partition of the day so many days ago.
async fn old_day(pool: &PgPool, table: &str, days: i32) -> Result<()> {
    let statement = format!(
        "DO $$ DECLARE day timestamptz := date_trunc('day', now(), 'UTC') - {days} * interval '24 hours'; \
         BEGIN EXECUTE format('CREATE TABLE {table}_old_{days} PARTITION OF {table} \
         FOR VALUES FROM (%L) TO (%L)', day, day + interval '24 hours'); END $$"
    );
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(pool)
        .await?;
    Ok(())
}

/// Usage of ten bytes on the day so many days ago, as it was reported and in its quarter of an hour.
async fn usage(pool: &PgPool, days: i32, billed: i32) -> Result<()> {
    const AT: &str = "date_trunc('day', now(), 'UTC') - $1 * interval '24 hours'";
    let reported = format!(
        "INSERT INTO traffic_usage (user_id, used_at, node_client_id, node_server_id, upload, download) \
         VALUES (gen_random_uuid(), {AT}, 1, 1, 10, 0)"
    );
    let quarter = format!(
        "INSERT INTO usage_quarter (user_id, bucket, node_client_id, node_server_id, raw_upload, raw_download, \
         factored_upload, factored_download, rolled_upload, billed_upload, last_used_at) \
         SELECT gen_random_uuid(), {AT}, 1, 1, 10, 0, 10, 0, 10, $2, now()"
    );
    let query = sqlx::query(AssertSqlSafe(reported)).bind(days);
    query.execute(pool).await?;
    let query = sqlx::query(AssertSqlSafe(quarter)).bind(days).bind(billed);
    query.execute(pool).await?;
    Ok(())
}

async fn old_partitions(pool: &PgPool) -> Result<Vec<String>> {
    let query = "SELECT inhrelid::regclass::text FROM pg_inherits \
         WHERE inhparent = 'traffic_usage'::regclass AND inhrelid::regclass::text LIKE '%old%' ORDER BY 1";
    Ok(sqlx::query_scalar(query).fetch_all(pool).await?)
}

/// Waits until a server has maintained the database and has this many partitions left that should go.
async fn overdue(s: &Scenario, count: u32) -> Result<()> {
    let samples = [
        "telecom_maintenance_runs_total{result=\"done\"} 1".to_owned(),
        format!("telecom_partitions_overdue {count}"),
    ];
    s.wait(&format!("{samples:?}"), || async {
        let forward = s.forward("demo", "server", 8080).await?;
        let (_, metrics) = telecom::get(forward.address, "/metrics", None).await?;
        let there = |sample: &String| metrics.lines().any(|line| line == sample);
        let upkeep =
            |line: &&str| line.starts_with("telecom_maint") || line.starts_with("telecom_part");
        let found: Vec<_> = metrics.lines().filter(upkeep).collect();
        anyhow::ensure!(samples.iter().all(there), "{found:?}");
        Ok(Some(()))
    })
    .await
}

#[tokio::test]
async fn a_shorter_retention_drops_what_is_billed() {
    scenario("retention", async |s| {
        // A run of billing would bill what is to stay unbilled.
        let suspended = json!({"jobs": {"billTraffic": {"suspend": true}}});
        s.apply_cluster("demo", suspended).await?;
        s.ready("demo").await?;
        overdue(&s, 0).await?;
        let database = database::connect(&s, "demo", None).await?;
        // (days ago, bytes billed of ten)
        for (days, billed) in [(8, 10), (9, 9), (10, 10)] {
            old_day(&database.pool, "traffic_usage", days).await?;
            old_day(&database.pool, "usage_quarter", days).await?;
            usage(&database.pool, days, billed).await?;
        }
        let all = [
            "traffic_usage_old_10",
            "traffic_usage_old_8",
            "traffic_usage_old_9",
        ];
        assert_eq!(old_partitions(&database.pool).await?, all);

        // A shorter one rolls the servers, and each looks after the partitions when it starts.
        let shorter = json!({"spec": {"retention": {"rawUsageDays": 7}}});
        s.merge::<TelecomCluster>("demo", shorter).await?;
        overdue(&s, 1).await?;
        let unbilled = ["traffic_usage_old_9"];
        assert_eq!(old_partitions(&database.pool).await?, unbilled);
        s.ready("demo").await
    })
    .await;
}
