//! The maintenance of partitions: the right ones are there, the old ones go, and nobody waits for it.

use std::fmt::Write as _;

use sqlx::{Connection as _, PgConnection};
use telecom_tests::postgres;

use super::database::{Database, migrate};
use super::pooler::bouncer;
use super::process::{Server, eventually};

impl Database {
    /// Makes the partition of `table` that held the day so many days ago.
    fn old_day(&self, table: &str, days: u32) -> String {
        self.sql(&format!(
            "DO $$ DECLARE day timestamptz := date_trunc('day', now(), 'UTC') - {days} * interval '24 hours'; \
             BEGIN EXECUTE format('CREATE TABLE {table}_old_{days} PARTITION OF {table} \
             FOR VALUES FROM (%L) TO (%L)', day, day + interval '24 hours'); END $$"
        ));
        format!("{table}_old_{days}")
    }

    /// Usage in a quarter so many days ago: factored 10.5 bytes up, of which `billed` are billed.
    fn quarter(&self, days: u32, billed: u32) {
        self.sql(&format!(
            "INSERT INTO usage_quarter SELECT gen_random_uuid(), \
             date_trunc('day', now(), 'UTC') - {days} * interval '24 hours' + interval '6 hours', \
             1, 1, 10, 0, 10.5, 0, {billed}, 0, now(), 10, 0"
        ));
    }

    fn partitions(&self) -> String {
        self.sql(
            "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text) \
             FROM pg_inherits WHERE inhparent::regclass::text IN \
             ('traffic_usage', 'usage_quarter', 'usage_hourly', 'usage_daily', \
             'user_package_usage')",
        )
    }

    async fn serve(&self, variables: &[(&str, &str)]) -> Server {
        Server::launch(&self.url, variables, &["serve"]).await
    }
}

/// A counter, which is whole.
async fn count(server: &Server, sample: &str) -> usize {
    let value = server.metric(sample).await.unwrap();
    value.to_string().parse().unwrap()
}

async fn runs(server: &Server, result: &str) -> usize {
    let sample = format!("telecom_maintenance_runs_total{{result=\"{result}\"}}");
    count(server, &sample).await
}

/// Waits for a run to end as `result`; fails when it ends otherwise.
async fn ran(server: &Server, result: &str) {
    eventually("maintained", || async {
        for other in ["done", "postponed", "failed", "busy"] {
            let count = runs(server, other).await;
            let log = || server.log.lock().unwrap().clone();
            assert!(other == result || count == 0, "{other}: {:#?}", log());
        }
        runs(server, result).await >= 1
    })
    .await;
}

/// What should be there now, by the database's clock.
const WANTED: &str = "WITH today AS (SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AS day), \
    days AS (SELECT to_char(generate_series(day - interval '7 days', day + interval '2 days', '1 day'), \
    'YYYYMMDD') AS suffix FROM today), \
    months AS (SELECT to_char(generate_series(date_trunc('month', day - interval '7 days'), \
    date_trunc('month', day) + interval '1 month', '1 month'), 'YYYYMM') AS suffix FROM today) \
    SELECT string_agg(name, ' ' ORDER BY name) FROM ( \
    SELECT 'traffic_usage_' || suffix AS name FROM days UNION ALL \
    SELECT 'usage_quarter_' || suffix FROM days UNION ALL \
    SELECT 'usage_hourly_' || suffix FROM months UNION ALL \
    SELECT 'usage_daily_' || suffix FROM months UNION ALL \
    SELECT 'user_package_usage_' || suffix FROM months) wanted";

#[tokio::test]
async fn several_servers_make_each_partition_once() {
    let database = Database::new().await;
    let servers = futures::future::join_all((0..4).map(|_| database.serve(&[]))).await;
    let mut created = 0;
    for server in &servers {
        eventually("maintained", || async {
            runs(server, "done").await + runs(server, "busy").await >= 1
        })
        .await;
        assert_eq!(runs(server, "failed").await, 0);
        for table in [
            "traffic_usage",
            "usage_quarter",
            "usage_hourly",
            "usage_daily",
            "user_package_usage",
        ] {
            let sample = format!("telecom_partitions_created_total{{table=\"{table}\"}}");
            created += count(server, &sample).await;
        }
    }
    let wanted = database.sql(WANTED);
    assert_eq!(database.partitions(), wanted);
    assert_eq!(created, wanted.split(' ').count());
    // A partition has what its table has: an index that did not come along would be missing here.
    let unattached = "SELECT count(*) FROM pg_index i JOIN pg_inherits p ON p.inhparent = i.indrelid \
         WHERE NOT EXISTS (SELECT FROM pg_inherits x JOIN pg_index c ON c.indexrelid = x.inhrelid \
         WHERE x.inhparent = i.indexrelid AND c.indrelid = p.inhrelid)";
    assert_eq!(database.sql(unattached), "0");
}

#[tokio::test]
async fn what_is_past_goes_and_what_is_not_billed_stays() {
    let database = Database::new().await;
    // (table, days ago, billed of the 10 whole bytes in the quarters of that day, stays)
    let cases = [
        ("traffic_usage", 14, Some(10), true),
        ("traffic_usage", 15, Some(10), false),
        ("traffic_usage", 16, Some(9), true),
        ("usage_quarter", 36, Some(10), false),
        ("usage_quarter", 37, Some(9), true),
        ("usage_quarter", 35, None, true),
        ("usage_quarter", 38, None, false),
        ("usage_hourly", 101, None, false),
        ("usage_hourly", 99, None, true),
        ("usage_daily", 801, None, false),
        ("usage_daily", 799, None, true),
    ];
    let mut old = Vec::new();
    for (table, days, billed, stays) in cases {
        if table == "traffic_usage" {
            database.old_day("usage_quarter", days);
        }
        old.push((database.old_day(table, days), stays));
        if let Some(billed) = billed {
            database.quarter(days, billed);
        }
    }
    let server = database.serve(&[]).await;
    ran(&server, "done").await;
    for (table, stays) in &old {
        assert_eq!(database.exists(table), *stays, "{table}");
    }
    let overdue = count(&server, "telecom_partitions_overdue").await;
    assert_eq!(overdue, 2, "the two that are not billed");
    let warned = |log: &[serde_json::Value]| {
        let mut names: Vec<_> = log
            .iter()
            .filter(|line| line["level"] == "WARN")
            .map(|line| line["partition"].as_str().unwrap_or_default().to_owned())
            .collect();
        names.sort();
        names
    };
    eventually("both are named in the log", || async {
        let names = warned(&server.log.lock().unwrap());
        names == ["traffic_usage_old_16", "usage_quarter_old_37"]
    })
    .await;

    // Billed at last, they go. And what a shorter retention makes old goes with it.
    database.sql("UPDATE usage_quarter SET billed_upload = 10");
    let shorter = [("TELECOM__RETENTION__RAW_USAGE_DAYS", "9")];
    let server = database.serve(&shorter).await;
    ran(&server, "done").await;
    for table in [
        "traffic_usage_old_16",
        "usage_quarter_old_37",
        "traffic_usage_old_14",
    ] {
        assert!(!database.exists(table), "{table}");
    }
    assert!(database.exists("usage_quarter_old_35"));
}

/// A transaction that has read usage and goes on.
async fn reader(database: &Database) -> PgConnection {
    let mut reader = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM traffic_usage")
        .execute(&mut reader)
        .await
        .unwrap();
    reader
}

#[tokio::test]
async fn a_long_reader_keeps_a_partition_and_keeps_nobody_waiting() {
    let (_bouncer, port) = bouncer(postgres::shared()).await;
    for pooled in [false, true] {
        let database = Database::new().await;
        let old = [20, 21, 22].map(|days| database.old_day("traffic_usage", days));
        let reader = reader(&database).await;
        let server = if pooled {
            let url = through(&database.url, port);
            let pooler = [("TELECOM__DATABASE__POOLER", "true")];
            Server::launch(&url, &pooler, &["serve"]).await
        } else {
            database.serve(&[]).await
        };
        // Writers go on the whole time; one that waits longer than maintenance may make it fails.
        eventually("postponed", || async {
            database.sql(
                "SET lock_timeout = '10s'; INSERT INTO traffic_usage VALUES (gen_random_uuid(), now() - interval '20 days', 1, 1, 1, 1)",
            );
            runs(&server, "postponed").await >= 1
        })
        .await;
        assert_eq!(runs(&server, "failed").await, 0);
        assert_eq!(count(&server, "telecom_partitions_overdue").await, 3);
        drop(server);
        reader.close().await.unwrap();
        let server = database.serve(&[]).await;
        ran(&server, "done").await;
        assert!(old.iter().all(|table| !database.exists(table)), "{pooled}");
    }
}

fn through(url: &str, port: u16) -> String {
    let direct = format!(":{}/", postgres::shared().port());
    url.replace(&direct, &format!(":{port}/"))
}

#[tokio::test]
async fn a_detaching_cut_off_is_finished_by_the_next_run() {
    let database = Database::new().await;
    let cut = database.old_day("traffic_usage", 20);
    let reader = reader(&database).await;
    let mut server = database.serve(&[]).await;
    let detaching = || database.sql("SELECT count(*) FROM pg_inherits WHERE inhdetachpending");
    eventually("detaching", || async { detaching() == "1" }).await;
    server.signal("KILL").await;
    server.ended().await;
    // The database does not notice yet; its side of the session would go on to the end.
    let sessions =
        "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%CONCURRENTLY'";
    database.sql(&format!("SELECT pg_terminate_backend(pid) {sessions}"));
    eventually("cut off", || async {
        database.sql(&format!("SELECT count(*) {sessions}")) == "0"
    })
    .await;
    assert_eq!(detaching(), "1", "half-way");
    reader.close().await.unwrap();

    // Cut off a step later: detached, not dropped. And one that turns out not to be billed, and one
    // that a longer retention keeps after all: both are put back.
    let mut detached = String::new();
    for (table, days, keep) in [
        ("traffic_usage", 30, false),
        ("usage_quarter", 40, true),
        ("usage_quarter", 20, true),
    ] {
        let name = database.old_day(table, days);
        if days == 40 {
            database.quarter(days, 9);
        }
        database.sql(&format!(
            "DO $$ DECLARE day timestamptz := date_trunc('day', now(), 'UTC') - {days} * interval '24 hours'; \
             BEGIN EXECUTE format('COMMENT ON TABLE {name} IS %L', format('telecom-server drops this partition: \
             {table} %s %s', to_char(day, 'YYYY-MM-DD\"T\"HH24:MI:SSOF'), \
             to_char(day + interval '24 hours', 'YYYY-MM-DD\"T\"HH24:MI:SSOF'))); END $$; \
             ALTER TABLE {table} DETACH PARTITION {name}"
        ));
        writeln!(detached, "{name} {keep}").unwrap();
    }
    // Detached by somebody else, for a purpose of their own.
    let archived = database.old_day("usage_quarter", 50);
    database.sql(&format!(
        "ALTER TABLE usage_quarter DETACH PARTITION {archived}"
    ));

    let server = database.serve(&[]).await;
    ran(&server, "done").await;
    assert!(!database.exists(&cut) && database.exists(&archived));
    let partitions = database.partitions();
    for line in detached.lines() {
        let (name, keep) = line.split_once(' ').unwrap();
        assert_eq!(database.exists(name).to_string(), keep, "{name}");
        assert_eq!(partitions.contains(name).to_string(), keep, "{name}");
    }
    assert!(!partitions.contains(&archived));
}

#[tokio::test]
async fn the_clock_is_the_databases() {
    let database = Database::new().await;
    // What runs first in the search path is found first, also before the built-in functions.
    database.sql(&format!(
        "CREATE SCHEMA later; CREATE FUNCTION later.now() RETURNS timestamptz STABLE LANGUAGE sql \
         AS $$ SELECT pg_catalog.now() + interval '1000 days' $$; \
         ALTER DATABASE {} SET search_path = later, pg_catalog, public",
        database.name
    ));
    let server = database.serve(&[]).await;
    ran(&server, "done").await;
    assert_eq!(database.partitions(), database.sql(WANTED));
    let ahead = "SELECT to_char(pg_catalog.now() + interval '1000 days', 'YYYYMM')";
    assert!(database.partitions().contains(&database.sql(ahead)));
}

#[tokio::test]
async fn old_idempotency_keys_go() {
    let database = Database::new().await;
    database.sql(
        "INSERT INTO idempotency_key (actor, method, key, fingerprint, target, created_at) \
         SELECT 'a', 'm', n::text, sha256('x'), 't', now() - n * interval '1 second' \
         FROM generate_series(86390, 98000) n",
    );
    let server = database.serve(&[]).await;
    ran(&server, "done").await;
    let left = database.sql("SELECT count(*) FROM idempotency_key");
    assert!((1..=11).contains(&left.parse::<u32>().unwrap()), "{left}");
}

#[tokio::test]
async fn rows_go_when_their_time_is_over() {
    let database = Database::new().await;
    // One an hour younger than what goes, one an hour older.
    let both = |days: u32| {
        format!(
            "FROM (VALUES (now() - interval '{days} days' + interval '1 hour'), \
             (now() - interval '{days} days' - interval '1 hour')) AS t (at)"
        )
    };
    let letter = |source_id: &str, route: &str| {
        format!(
            "INSERT INTO dead_letter (event_id, source, source_id, route, payload, trace_id, reason, \
             detail, attempts, created_at, died_at) SELECT gen_random_uuid(), \
             CASE WHEN {source_id} IS NULL THEN 'telecom' ELSE 'pos' END, {source_id}, \
             '{route}', '{{}}', '', 'r', '', 1, at, at {}",
            both(30)
        )
    };
    let fill = [
        format!(
            "INSERT INTO usage_report SELECT 1, at::text, 1, sha256('x'), 1, NULL, at {}",
            both(14)
        ),
        format!(
            "INSERT INTO usage_refused (node_server_id, boot_id, seq, place, reason, user_id, \
             node_client_id, upload, download, refused_at) \
             SELECT 1, at::text, 1, 0, 'too_old', '', 1, 0, 0, at {}",
            both(14)
        ),
        format!(
            "INSERT INTO outbox_event (event_id, route, payload, trace_id, published_at) \
             SELECT gen_random_uuid(), 'r', '{{}}', '', at {}",
            both(1)
        ),
        "INSERT INTO outbox_event (event_id, route, payload, trace_id, created_at) \
         SELECT gen_random_uuid(), 'r', '{}', '', now() - interval '90 days'"
            .to_owned(),
        format!(
            "INSERT INTO consumed_event SELECT 'pos', at::text, at {}",
            both(37)
        ),
        letter("NULL", "telecom.package_expiring"),
        letter("'1'", "telecom.user_usage_billing"),
        letter("NULL", "telecom.user_usage_billing"),
    ];
    for statement in fill {
        database.sql(&statement);
    }
    let server = database.serve(&[]).await;
    ran(&server, "done").await;
    for (table, left) in [
        ("usage_report", "1"),
        ("usage_refused", "1"),
        // The one that is not published, however old.
        ("outbox_event", "2"),
        ("consumed_event", "1"),
        // Billed bytes wait for somebody's word.
        ("dead_letter", "4"),
    ] {
        let count = database.sql(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(count, left, "{table}");
    }
}

#[tokio::test]
async fn without_a_schema_it_waits_for_one() {
    let url = postgres::shared().database();
    let server = Server::launch(&url, &[], &["serve"]).await;
    migrate(&url).await;
    ran(&server, "done").await;
}
