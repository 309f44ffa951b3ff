//! What is killed at the slot: the leader, the servers, the database, the way to the apiserver. Counted are the
//! runs that the database has and what they did.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sqlx::Row as _;
use telecom_tests::cluster;
use telecom_tests::cut::Way;
use telecom_tests::database::{self, Database};
use telecom_tests::operator::{Operator, SHARD, Settings};
use telecom_tests::scenario::{Scenario, scenario};

use crate::e2e::operators::holder;

/// Jobs that are due at every full minute.
const MINUTELY: [&str; 3] = [
    "packageExpiring",
    "recordNodeStatusHistory",
    "refreshNodeStatusView",
];
const NODES: i64 = 3;

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// What `to_timestamp` takes.
fn seconds(slot: u64) -> f64 {
    Duration::from_secs(slot).as_secs_f64()
}

/// Sleeps until a while before the next slot that is far enough away.
async fn before_the_slot(by: Duration) -> u64 {
    let earliest = now() + by + Duration::from_secs(1);
    let slot = earliest.as_secs() / 60 * 60 + 60;
    tokio::time::sleep(Duration::from_secs(slot).saturating_sub(now() + by)).await;
    slot
}

fn start(s: &Scenario, name: &'static str, way: &Way) -> Result<Operator> {
    let mut settings = Settings::shard(&s.namespace, &s.namespace, name);
    settings.kubeconfig.clone_from(&way.kubeconfig);
    Operator::start(&settings)
}

/// Waits until each job of that slot has ended well.
async fn ran(s: &Scenario, slot: u64) -> Result<()> {
    s.wait(&format!("the runs of {slot}"), || async {
        let database = database::connect(s, "demo", None).await?;
        let query = "SELECT count(*) FROM job_run WHERE scheduled_at = to_timestamp($1) AND state = 'succeeded' AND job = ANY($2)";
        let row = sqlx::query(query).bind(seconds(slot)).bind(MINUTELY).fetch_one(&database.pool).await?;
        let count: i64 = row.try_get(0)?;
        ensure!(count == 3, "{count} of 3 jobs");
        Ok(Some(()))
    })
    .await
}

fn kill_pods(s: &Scenario, component: &str) -> Result<()> {
    let selector = format!("telecom.dev/cluster=demo,app.kubernetes.io/component={component}");
    let arguments = [
        "-n",
        &s.namespace,
        "delete",
        "pods",
        "-l",
        &selector,
        "--force",
        "--grace-period=0",
        "--wait=false",
    ];
    cluster::run("kubectl", &arguments).map(drop)
}

/// Slots of minutes between the two without a run, and runs that did not end well.
async fn gaps(database: &Database, first: u64, last: u64) -> Result<Vec<String>> {
    let query = "SELECT j.job || ' ' || slot || ' ' || coalesce(r.state || ' ' || r.error, 'not run') \
        FROM unnest($3::text[]) AS j (job) \
        CROSS JOIN generate_series(to_timestamp($1), to_timestamp($2), '1 minute') AS slot \
        LEFT JOIN job_run AS r ON r.job = j.job AND r.scheduled_at = slot \
        WHERE r.state IS DISTINCT FROM 'succeeded'";
    let rows = sqlx::query(query)
        .bind(seconds(first))
        .bind(seconds(last))
        .bind(MINUTELY);
    let rows = rows.fetch_all(&database.pool).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

#[tokio::test]
async fn rows_14_23_and_24_one_run_of_each_slot_whatever_is_killed_at_it() {
    scenario("kills", async |s| {
        let ways = [Way::open().await?, Way::open().await?];
        let mut first = start(&s, "first", &ways[0])?;
        ensure!(holder(&s).await? == "first");
        let second = start(&s, "second", &ways[1])?;
        let minutely = json!({"schedule": "* * * * *"});
        let often = json!({"interval": "2s"});
        let spec = json!({"replicas": 2, "jobs": {
            "packageExpiring": minutely, "recordNodeStatusHistory": minutely, "refreshNodeStatusView": minutely,
            "billTraffic": often, "refreshServerStatus": often,
        }});
        s.apply_labelled("demo", json!({SHARD: s.namespace}), spec).await?;
        s.ready("demo").await?;
        s.condition("demo", "JobsHealthy", "True", "JobsRunning").await?;
        let database = database::connect(&s, "demo", None).await?;
        let hour = hour(&database).await?;
        let nodes = "INSERT INTO node_server (name, address, country, location, route_class, bandwidth_bps, \
            max_sessions, metadata) SELECT 'n' || n, 'a', 'DE', '', '', 0, 0, '{}' FROM generate_series(1, $1) n";
        sqlx::query(nodes).bind(NODES).execute(&database.pool).await?;
        drop(database);

        // The leader, at the slot; its place is taken.
        let from = before_the_slot(Duration::from_millis(50)).await;
        first.kill()?;
        ran(&s, from).await?;
        ensure!(holder(&s).await? == "second", "{}", second.log_text());
        let third = start(&s, "third", &ways[0])?;

        // All servers.
        let slot = before_the_slot(Duration::from_millis(50)).await;
        kill_pods(&s, "server")?;
        ran(&s, slot).await?;

        // The database.
        let slot = before_the_slot(Duration::from_millis(50)).await;
        kill_pods(&s, "database")?;
        ran(&s, slot).await?;

        // The leader's way to the apiserver: another leads, and both run jobs.
        before_the_slot(Duration::from_secs(25)).await;
        ways[1].cut();
        let slot = before_the_slot(Duration::ZERO).await;
        ran(&s, slot).await?;
        ensure!(holder(&s).await? == "third", "{}", third.log_text());
        ways[1].mend();

        // Everybody's: the last leader goes on with what it knows.
        before_the_slot(Duration::from_secs(20)).await;
        ways.iter().for_each(Way::cut);
        let slot = before_the_slot(Duration::ZERO).await;
        ran(&s, slot).await?;
        ways.iter().for_each(Way::mend);
        s.wait("a leader again", || async { Ok(leads(&s, &[&second, &third]).await?.then_some(())) }).await?;
        let last = before_the_slot(Duration::ZERO).await;
        ran(&s, last).await?;

        let database = database::connect(&s, "demo", None).await?;
        let gaps = gaps(&database, from, last).await?;
        ensure!(gaps.is_empty(), "{gaps:#?}\n{}\n{}", second.log_text(), third.log_text());
        effects(&database, hour).await
    })
    .await;
}

/// The present hour by the database's clock, in seconds.
async fn hour(database: &Database) -> Result<i64> {
    let query = "SELECT extract(epoch FROM date_trunc('hour', now()))::int8";
    Ok(sqlx::query(query)
        .fetch_one(&database.pool)
        .await?
        .try_get(0)?)
}

/// Whether somebody has renewed the Lease a moment ago, by its own metrics.
async fn leads(s: &Scenario, operators: &[&Operator]) -> Result<bool> {
    let holder = holder(s).await?;
    for operator in operators {
        let address = operator.http.parse().context("an address")?;
        let (_, text) = telecom_tests::telecom::get(address, "/metrics", None).await?;
        if text.contains("telecom_operator_leader 1") {
            return Ok(!holder.is_empty());
        }
    }
    Ok(false)
}

/// One row of history for each node server and hour, though it was recorded every minute; no run goes on; of
/// each slot there is one row.
async fn effects(database: &Database, since: i64) -> Result<()> {
    let hours = (hour(database).await? - since) / 3600 + 1;
    let history = sqlx::query("SELECT count(*) FROM node_status_history")
        .fetch_one(&database.pool)
        .await?;
    let history: i64 = history.try_get(0)?;
    ensure!(
        (NODES..=NODES * hours).contains(&history),
        "{history} rows of history"
    );
    let query = "SELECT count(*) - count(DISTINCT (job, scheduled_at)) FROM job_run WHERE scheduled_at IS NOT NULL";
    let twice: i64 = sqlx::query(query)
        .fetch_one(&database.pool)
        .await?
        .try_get(0)?;
    ensure!(twice == 0, "{twice} slots twice");
    let query = "SELECT count(*) FROM job_run WHERE state = 'failed'";
    let failed: i64 = sqlx::query(query)
        .fetch_one(&database.pool)
        .await?
        .try_get(0)?;
    ensure!(failed == 0, "{failed} runs failed");
    Ok(())
}
