//! Sums of recent usage beside naive ones over every single row that was reported.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use telecom_server::config::TelecomConfig;
use telecom_server::packages::Traffic;
use telecom_server::store::{self, recent_usage};
use telecom_server::usage::{Buckets, RecentTrafficUsage};
use telecom_server::users::{TimeZone, UserId};
use tokio::time::Instant;

use super::super::database::Database;
use super::super::process::environment;
use super::{ALICE, BOB, PARTITIONS};

/// Moments around which clocks are put forward or back, or whose zone has odd hours; the last ones
/// exactly on a boundary.
const NOWS: [(&str, &str); 9] = [
    ("Europe/Berlin", "2026-03-29T10:20:30Z"),
    ("Europe/Berlin", "2026-10-25T10:20:30.5Z"),
    ("Australia/Lord_Howe", "2026-10-04T03:40:00Z"),
    ("Australia/Lord_Howe", "2026-04-05T03:40:00Z"),
    ("Asia/Kathmandu", "2026-11-22T20:29:59.999999Z"),
    ("Asia/Kolkata", "2026-11-22T18:29:59.999999Z"),
    ("Asia/Kathmandu", "2026-11-22T18:15:00Z"),
    ("Europe/Berlin", "2026-10-24T22:00:00Z"),
    ("UTC", "2026-11-22T00:00:00Z"),
];

/// One reported row: how many seconds before now, whose, through which node client, bytes.
type Row = (i64, bool, i32, u32, u32);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let recent = 0..26_i64 * 3600;
    let month = 0..32_i64 * 86_400;
    let row = (
        prop_oneof![recent, month],
        any::<bool>(),
        1..4_i32,
        0..5000_u32,
        0..5000_u32,
    );
    prop::collection::vec(row, 0..150)
}

/// Fills every table as reports and the billing job do; of every third quarter of an hour nothing has
/// been billed, of another a part.
fn fill(database: &Database, now: DateTime<Utc>, rows: &[Row]) {
    let mut values = String::new();
    for (ago, bob, client, upload, download) in rows {
        let at = now - TimeDelta::seconds(*ago);
        let user = if *bob { BOB } else { ALICE };
        let comma = if values.is_empty() { "" } else { "," };
        write!(
            values,
            "{comma}('{user}','{at}',{client},1,{upload},{download})"
        )
        .unwrap();
    }
    database.sql("TRUNCATE traffic_usage, usage_quarter, usage_hourly");
    if values.is_empty() {
        return;
    }
    database.sql(&format!(
        "INSERT INTO traffic_usage (user_id, used_at, node_client_id, node_server_id, upload, download) \
         VALUES {values}; \
         INSERT INTO usage_quarter (user_id, bucket, node_client_id, node_server_id, raw_upload, \
             raw_download, factored_upload, factored_download, last_used_at) \
         SELECT user_id, date_bin('15 minutes', used_at, '2000-01-01 00:00:00+00'), node_client_id, 1, \
             sum(upload), sum(download), sum(upload) * 0.7, sum(download) * 0.7, max(used_at) \
         FROM traffic_usage GROUP BY 1, 2, 3; \
         UPDATE usage_quarter SET rolled_upload = floor(raw_upload * part), rolled_download = floor(raw_download * part), \
             billed_upload = floor(factored_upload * part), billed_download = floor(factored_download * part) \
         FROM (VALUES (0, 0), (1, 0.4), (2, 1)) AS p (n, part) \
         WHERE p.n = (extract(epoch FROM bucket)::bigint / 900 + node_client_id) % 3; \
         INSERT INTO usage_hourly SELECT user_id, date_bin('1 hour', bucket, '2000-01-01 00:00:00+00'), node_client_id, 1, \
             sum(rolled_upload), sum(rolled_download), sum(billed_upload), sum(billed_download) \
         FROM usage_quarter GROUP BY 1, 2, 3"
    ));
}

/// Each row in the last bucket that begins before it.
fn naive(buckets: &Buckets, database: &Database, rows: &[Row]) -> RecentTrafficUsage {
    let now = buckets.now();
    let mut expected = RecentTrafficUsage::none(buckets);
    let place = |at: DateTime<Utc>| {
        let starts = buckets.starts();
        (0..starts.len()).rev().find(|place| starts[*place] <= at)
    };
    let add = |traffic: &mut Traffic, upload: u64, download: u64| {
        traffic.upload += upload;
        traffic.download += download;
    };
    for (ago, _, _, upload, download) in rows.iter().filter(|(_, bob, ..)| !bob) {
        if let Some(place) = place(now - TimeDelta::seconds(*ago)) {
            let raw = &mut expected.buckets[place].raw;
            add(raw, (*upload).into(), (*download).into());
        }
    }
    let quarters = database.sql(&format!(
        "SELECT extract(epoch FROM bucket)::bigint, billed_upload, billed_download, \
         raw_upload > rolled_upload OR raw_download > rolled_download OR floor(factored_upload) > billed_upload \
         OR floor(factored_download) > billed_download FROM usage_quarter WHERE user_id = '{ALICE}'"
    ));
    for line in quarters.lines() {
        let fields: Vec<_> = line.split('|').collect();
        let at = DateTime::from_timestamp(fields[0].parse().unwrap(), 0).unwrap();
        let Some(place) = place(at) else { continue };
        let billed = &mut expected.buckets[place].billed;
        add(
            billed,
            fields[1].parse().unwrap(),
            fields[2].parse().unwrap(),
        );
        if fields[3] == "t" {
            expected.billed_through = expected.billed_through.min(at);
        }
    }
    expected
}

#[test]
fn sums_are_those_of_every_single_row() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(Database::new());
    database.sql(PARTITIONS);
    let variables: BTreeMap<_, _> = environment(&database.url);
    let config = TelecomConfig::load(None, &variables).unwrap();
    let store = {
        let _entered = runtime.enter();
        store::Database::new(&config.database.unwrap())
    };
    let user: UserId = ALICE.parse().unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let cases = (rows(), 0..NOWS.len());
    let tested = runner.run(&cases, |(rows, nth)| {
        let (zone, now) = NOWS[nth];
        let (now, zone): (DateTime<Utc>, TimeZone) = (now.parse().unwrap(), zone.parse().unwrap());
        fill(&database, now, &rows);
        for buckets in [
            Buckets::hours(now, zone.rules(), 24),
            Buckets::days(now, zone.rules(), 7),
            Buckets::days(now, zone.rules(), 30),
        ] {
            let seen = runtime.block_on(async {
                let deadline = Instant::now() + std::time::Duration::from_secs(30);
                let mut transaction = store.read(deadline).await.unwrap();
                recent_usage::by_bucket(&mut transaction, user, &buckets)
                    .await
                    .unwrap()
            });
            prop_assert_eq!(
                seen,
                naive(&buckets, &database, &rows),
                "{:?} {}",
                zone,
                now
            );
        }
        Ok(())
    });
    tested.unwrap();
    runtime.block_on(store.close());
}
