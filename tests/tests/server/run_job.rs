//! Jobs from the command line: what they do to the database, twice and side by side.

use std::process::Output;

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use telecom_proto::v1::{SetMaintenanceRequest, ShowNodeServerRequest, ShowNodeServerResponse};
use telecom_tests::postgres;

use super::database::Database;
use super::pooler::bouncer;
use super::process::{Server, command, environment, heartbeat};

mod keys;

impl Database {
    /// Node servers of the ids 1 to `count` that have never been seen.
    fn nodes(&self, count: u32) {
        self.sql(&format!(
            "INSERT INTO node_server (name, address, country, location, route_class, bandwidth_bps, \
             max_sessions, metadata) SELECT 'n' || n, 'a', 'DE', '', '', 0, 0, '{{}}' \
             FROM generate_series(1, {count}) n"
        ));
    }

    /// One more, beside those of [`Self::nodes`].
    fn nodes_more(&self) {
        self.sql(
            "INSERT INTO node_server (name, address, country, location, route_class, bandwidth_bps, \
             max_sessions, metadata) VALUES ('more', 'a', 'DE', '', '', 0, 0, '{}')",
        );
    }

    /// The last heartbeat of a node server came so many seconds ago.
    fn seen(&self, id: i32, seconds: u32) {
        self.sql(&format!(
            "INSERT INTO node_heartbeat VALUES ({id}, now() - {seconds} * interval '1 second', 'b', \
             '1', 1, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) \
             ON CONFLICT (node_server_id) DO UPDATE SET received_at = excluded.received_at"
        ));
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(&[], arguments).await
    }

    async fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut environment = environment(&self.url);
        for (name, value) in variables {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let arguments = [&["run-job"], arguments].concat();
        command(&environment, &arguments).output().await.unwrap()
    }

    /// How many rows a job changed that has to be done.
    async fn done(&self, job: &str) -> u64 {
        let output = self.run(&[job]).await;
        let line = line(&output);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            (&line["job"], &line["result"]),
            (&job.into(), &"done".into())
        );
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
        line["changed"].as_u64().unwrap()
    }
}

/// The line that the job prints, which is the last.
fn line(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{output:?}"))
}

#[tokio::test]
async fn the_status_is_stored_where_it_changes() {
    let database = Database::new().await;
    database.nodes(4);
    // A heartbeat comes a second late on a busy machine, not ten.
    database.seen(1, 0);
    database.seen(2, 80);
    database.seen(3, 91);
    let stored = || {
        database.sql(
            "SELECT string_agg(node_server_id || ' ' || status, ', ' ORDER BY node_server_id) \
             FROM node_status",
        )
    };
    assert_eq!(database.done("refreshServerStatus").await, 4);
    assert_eq!(stored(), "1 online, 2 online, 3 offline, 4 offline");
    let since = "SELECT string_agg(since::text, ' ' ORDER BY node_server_id) FROM node_status WHERE node_server_id <> 2";
    let before = database.sql(since);
    let rows =
        "SELECT string_agg(ctid::text || xmax::text, ' ' ORDER BY node_server_id) FROM node_status";
    let untouched = database.sql(rows);
    assert_eq!(database.done("refreshServerStatus").await, 0);
    assert_eq!(
        database.sql(rows),
        untouched,
        "nothing is written without need"
    );

    database.seen(2, 3_600);
    database.seen(3, 3_600);
    database.sql("UPDATE node_server SET maintenance_since = now() WHERE id = 2");
    assert_eq!(database.done("refreshServerStatus").await, 1);
    assert_eq!(stored(), "1 online, 2 maintenance, 3 offline, 4 offline");
    assert_eq!(database.sql(since), before, "the others are what they were");
    // Maintenance stays, whatever heartbeats say; a node server that is gone is gone here as well.
    database.seen(2, 0);
    database.sql("DELETE FROM node_server WHERE id = 4");
    assert_eq!(database.done("refreshServerStatus").await, 0);
    assert_eq!(stored(), "1 online, 2 maintenance, 3 offline");
}

#[tokio::test]
async fn a_heartbeat_exactly_as_old_as_the_timeout_counts() {
    let database = Database::new().await;
    let rows = database.sql(
        "SELECT string_agg(node_status_now(m, now() - age * interval '1 microsecond', 90000000), ' ' ORDER BY n) \
         FROM (VALUES (1, NULL, 90000000), (2, NULL, 90000001), (3, NULL, -5), (4, NULL, NULL), \
         (5, now(), 0)) t (n, m, age)",
    );
    assert_eq!(rows, "online offline online offline maintenance");
}

#[tokio::test]
async fn since_when_is_told_once_the_job_has_run() {
    let database = Database::new().await;
    let server = Server::launch(&database.url, &[], &["serve"]).await;
    server.until_ready().await;
    let (node, token) = server.node("fra-1").await;
    server
        .agent(&token)
        .await
        .heartbeat(heartbeat())
        .await
        .unwrap();
    let show = || async {
        let request = ShowNodeServerRequest { id: node.id };
        let shown = server.admin().await.show_node_server(request).await;
        let shown: ShowNodeServerResponse = shown.unwrap().into_inner();
        shown.status_since
    };
    assert_eq!(show().await, None);
    database.done("refreshServerStatus").await;
    let online = show().await.unwrap();
    database.done("refreshServerStatus").await;
    assert_eq!(show().await, Some(online));
    let maintenance = SetMaintenanceRequest {
        id: node.id,
        enabled: true,
        ..Default::default()
    };
    server
        .admin()
        .await
        .set_maintenance(maintenance)
        .await
        .unwrap();
    database.done("refreshServerStatus").await;
    let later = show().await.unwrap();
    assert!((later.seconds, later.nanos) > (online.seconds, online.nanos));
}

#[tokio::test]
async fn each_hour_is_recorded_once() {
    let database = Database::new().await;
    // Neither half an hour nor a quarter away from UTC moves the slots.
    let zone = format!(
        "ALTER DATABASE {} SET timezone = 'Asia/Kathmandu'",
        database.name
    );
    database.sql(&zone);
    database.nodes(3);
    database.seen(2, 0);
    let first = database.done("recordNodeStatusHistory").await;
    assert_eq!(first, 3);
    database.nodes_more();
    // Unless the hour has just turned, only the new one is added.
    let again = database.done("recordNodeStatusHistory").await;
    let slots = database.sql("SELECT count(DISTINCT slot) FROM node_status_history");
    assert!(
        (again == 1 && slots == "1") || (again == 4 && slots == "2"),
        "{again} {slots}"
    );
    let whole = database.sql(
        "SELECT bool_and(extract(epoch FROM slot)::bigint % 3600 = 0 AND slot <= created_at \
         AND created_at < slot + interval '1 hour') FROM node_status_history",
    );
    assert_eq!(whole, "t");
    let of_first = database.sql(
        "SELECT string_agg(status, ' ' ORDER BY id) FROM node_status_history WHERE slot = (SELECT min(slot) FROM node_status_history) AND node_server_id <= 3",
    );
    assert_eq!(of_first, "offline online offline");
}

#[tokio::test]
async fn the_view_is_refreshed_and_old_history_forgotten() {
    let database = Database::new().await;
    database.sql(
        "INSERT INTO node_status_history (node_server_id, slot, status) \
         SELECT 1, date_trunc('hour', now(), 'UTC') - d * interval '24 hours', 'online' \
         FROM generate_series(0, 450) d",
    );
    let refreshed = || database.sql("SELECT refreshed_at FROM view_refresh");
    let before = refreshed();
    // Whoever reads it meanwhile is not in the way.
    let mut reader = PgConnection::connect(&database.url).await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    let see = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM node_status_hourly_mv");
    assert_eq!(see().fetch_one(&mut *reading).await.unwrap(), 0);

    // Slots of 400 to 450 days ago, of which the first is within the 400 days of the default when the
    // hour has just begun to the microsecond, which it has not.
    assert_eq!(database.done("refreshNodeStatusView").await, 51);
    assert_ne!(refreshed(), before);
    let kept = "SELECT count(*) FROM node_status_history";
    let seen = "SELECT count(*) FROM node_status_hourly_mv";
    assert_eq!(
        (database.sql(kept), database.sql(seen)),
        ("400".to_owned(), "93".to_owned())
    );
    drop(reading);
    let analyzed =
        database.sql("SELECT reltuples FROM pg_class WHERE relname = 'node_status_hourly_mv'");
    assert_eq!(analyzed, "93");

    assert_eq!(database.done("refreshNodeStatusView").await, 0);
    let days = [("TELECOM__RETENTION__STATUS_HISTORY_DAYS", "100")];
    let output = database.run_with(&days, &["refreshNodeStatusView"]).await;
    assert_eq!(line(&output)["changed"], 300);
}

#[tokio::test]
async fn one_run_of_a_job_at_a_time() {
    let database = Database::new().await;
    database.nodes(20);
    // Side by side: each is done or told that another is at it, and none is a failure.
    let runs = (0..6).map(|_| database.run(&["recordNodeStatusHistory"]));
    let mut changed = 0;
    for output in futures::future::join_all(runs).await {
        let line = line(&output);
        assert!(output.status.success(), "{output:?}");
        match line["result"].as_str().unwrap() {
            "done" => changed += line["changed"].as_u64().unwrap(),
            "skipped" => assert_eq!(line["changed"], Value::Null),
            other => panic!("{other}"),
        }
    }
    assert!(
        changed == 20 || changed == 40,
        "once, or once an hour: {changed}"
    );

    // Held up by somebody else's lock, a run keeps others of the same job away, and nobody else.
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let mut locking = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE node_status")
        .execute(&mut *locking)
        .await
        .unwrap();
    let slow = ["refreshServerStatus", "--timeout", "60s"];
    let (held, ()) = tokio::join!(database.run(&slow), async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'node_status'::regclass";
        super::process::eventually("waiting", || async { database.sql(waiting) == "1" }).await;
        let skipped = database.run(&["refreshServerStatus"]).await;
        assert_eq!(line(&skipped)["result"], "skipped", "{skipped:?}");
        assert!(skipped.status.success());
        database.done("refreshNodeStatusView").await;
        locking.rollback().await.unwrap();
    });
    assert_eq!(
        (&line(&held)["result"], &line(&held)["changed"]),
        (&"done".into(), &20.into())
    );
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_cut_off() {
    let database = Database::new().await;
    database.nodes(1);
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let mut locking = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE node_status")
        .execute(&mut *locking)
        .await
        .unwrap();
    let output = database
        .run(&["refreshServerStatus", "--timeout", "1s"])
        .await;
    let told = line(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        (&told["result"], &told["error"]),
        (&"failed".into(), &"timed out after 1 second".into())
    );
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("the job failed: timed out after 1 second")
    );
    locking.rollback().await.unwrap();
    // Nothing is left of it: neither its lock nor its statement.
    assert_eq!(database.done("refreshServerStatus").await, 1);
}

#[tokio::test]
async fn jobs_run_behind_a_pooler() {
    let mut database = Database::new().await;
    database.nodes(2);
    let postgres = postgres::shared();
    let (_bouncer, port) = bouncer(postgres).await;
    let (direct, pooled) = (format!(":{}/", postgres.port()), format!(":{port}/"));
    database.url = database.url.replace(&direct, &pooled);
    let variables = [
        ("TELECOM__DATABASE__POOLER", "true"),
        ("TELECOM__DATABASE__MAX_CONNECTIONS", "1"),
    ];
    for (job, changed) in [
        ("refreshServerStatus", 2),
        ("recordNodeStatusHistory", 2),
        ("refreshNodeStatusView", 0),
        ("refreshServerStatus", 0),
    ] {
        let output = database.run_with(&variables, &[job]).await;
        assert_eq!(line(&output)["changed"], changed, "{job} {output:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let migrated = Database::new().await;
    let output = migrated.run(&["billEverything"]).await;
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    for name in [
        "refreshServerStatus",
        "packageExpiring",
        "recordNodeStatusHistory",
        "refreshNodeStatusView",
    ] {
        assert!(text.contains(name), "{text}");
    }
    for (timeout, complaint) in [("soon", "not a duration"), ("0s", "shorter than a second")] {
        let arguments = ["refreshServerStatus", "--timeout", timeout];
        let output = migrated.run(&arguments).await;
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(complaint), "{text}");
    }

    let empty = Database::empty();
    let output = empty.run(&["refreshServerStatus"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("telecom-server migrate"),
        "{output:?}"
    );

    let away = Database {
        url: "postgresql://127.0.0.1:1/nowhere".to_owned(),
        name: String::new(),
    };
    let output = away.run(&["refreshServerStatus"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(line(&output)["result"], "failed", "{output:?}");
}
