//! Many subscribers, many watches, slow readers.

use std::collections::BTreeMap;

use super::Watch;
use crate::server::usage::Site;

/// Subscribers with an active package and the access that follows.
const CROWD: &str = "INSERT INTO subscriber (id, time_zone, metadata) \
     SELECT md5(n::text)::uuid, 'UTC', '{}' FROM generate_series(1, 1500) n; \
     INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, duration_months, \
     monthly_reset, speed_limit_bps, priority, status, enqueued_at, active_from, expires_at) \
     SELECT id, 1, id::text, 0, 'unlimited', 1, false, 50000000, 0, 'active', now(), now(), \
     now() + interval '1 month' FROM subscriber; \
     INSERT INTO user_access (user_id, access, package_series_id, speed_limit_bps, valid_until, \
     changed_at) SELECT user_id, 'granted', 1, speed_limit_bps, expires_at, now() FROM queued_package";

#[tokio::test]
async fn who_reads_slowly_gets_a_snapshot_and_ends_up_with_the_same() {
    let site = Site::new().await;
    site.offer("basic", &[]).await;
    site.sql(CROWD);
    site.server.check_ledger().await;
    let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
    let first = watch.snapshot().await;
    assert_eq!(first.changes.len(), 1500);

    // More than is kept for anybody, while nothing is read.
    for round in 1..=80 {
        site.sql(&format!(
            "UPDATE user_access SET speed_limit_bps = {round}, version = NULL, changed_at = now(); \
             SELECT pg_notify('telecom_access', '')"
        ));
        super::eventually("versions", || async {
            site.sql("SELECT count(*) FROM user_access WHERE version IS NULL") == "0"
        })
        .await;
    }
    let newest: u64 = site
        .sql("SELECT max(version) FROM user_access")
        .parse()
        .unwrap();
    let (mut table, mut version, mut snapshots) = (BTreeMap::new(), 0, 0);
    while version < newest {
        let message = watch.next().await;
        assert!(message.snapshot || message.version > version, "{version}");
        for change in message.changes {
            table.insert(change.user_id, change.speed_limit_bps);
        }
        version = message.version;
        snapshots += u32::from(message.snapshot && message.complete);
    }
    assert!(snapshots > 0, "nothing was missed");
    assert_eq!(table.len(), 1500);
    assert!(table.values().all(|limit| *limit == 80));
}

#[tokio::test]
async fn two_hundred_watches_are_told_by_one_reading() {
    let site = Site::new().await;
    let package = site.offer("basic", &[]).await;
    let users = crate::server::usage::subscribers(&site.server, 5).await;
    let mut watches = Vec::new();
    for _ in 0..200 {
        let mut watch = Watch::begin(&site.server, &site.token, 0, 0).await;
        watch.snapshot().await;
        watches.push(watch);
    }
    let scans = || -> u64 {
        site.sql(
            "SELECT pg_stat_force_next_flush(); \
             SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'user_access_by_version'",
        )
        .lines()
        .last()
        .unwrap()
        .parse()
        .unwrap()
    };
    let before = scans();
    for (n, user) in users.iter().enumerate() {
        site.server.enqueued(user, &package, &format!("o{n}")).await;
        for watch in &mut watches {
            assert_eq!(watch.change().await.user_id, *user);
        }
    }
    // Each reading, and the look each second where the versions are: nothing that grows with those
    // who watch.
    let scans = scans() - before;
    assert!(scans < 200, "{scans}");
}
