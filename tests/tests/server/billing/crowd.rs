//! Many at once, killed in between, restored from a dump: the ledger holds.

use futures::future::join_all;
use telecom_server::domain::{Processor as _, TelecomBillingHook};
use telecom_tests::postgres;

use super::super::process::{Server, eventually};
use super::super::queue::{ACCESS, BROKEN, age};
use super::{World, context};

/// Subscribers with three packages of 1000, 2000 and 100 000 bytes, bought two hours ago.
pub async fn subscribers(world: &World, count: usize) -> Vec<String> {
    let first = world.subscriber_with(1000).await;
    let mut users = vec![first];
    for _ in 1..count {
        users.push(world.server.subscriber("UTC").await);
    }
    // As the first one's package, without as many calls.
    for user in &users {
        for (line, bytes) in [(1, 1000), (2, 2000), (3, 100_000)] {
            world.sql(&format!(
                "INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, \
                 quota_bytes, duration_months, monthly_reset, priority, status, enqueued_at, \
                 active_from, expires_at) \
                 SELECT '{user}', id, '{user}', {line}, 'total', {bytes}, 1, false, 0, \
                 s.status, now(), CASE s.status WHEN 'active' THEN now() END, \
                 CASE s.status WHEN 'active' THEN now() + interval '20 days' END \
                 FROM package, (SELECT CASE WHEN EXISTS (SELECT FROM queued_package \
                 WHERE user_id = '{user}' AND status = 'active') THEN 'queued' ELSE 'active' \
                 END::queued_package_status AS status) s"
            ));
        }
        age(|sql| world.sql(sql), user, "2 hours");
    }
    world.sql(ACCESS);
    users
}

/// One byte up and ten down, from one of the users after the other, so many times in the hour before this one.
/// Everyone's last is in the last second of it on each node, so that no event is dated before another one that
/// has used up a package: that would be overage.
pub fn traffic(world: &World, rows: u32) {
    world.sql(&format!(
        "WITH row AS (INSERT INTO traffic_usage (user_id, used_at, node_client_id, \
         node_server_id, upload, download) \
         SELECT (SELECT array_agg(id ORDER BY id) FROM subscriber)\
         [1 + n % (SELECT count(*) FROM subscriber)], \
         date_bin('1 hour', now(), '2000-01-01 00:00:00+00') - interval '1 second' \
         - CASE WHEN n > {rows} - 2 * (SELECT count(*) FROM subscriber) THEN interval '0' \
         ELSE random() * interval '45 minutes' END, n % 3, n % 2, 1, 10 \
         FROM generate_series(1, {rows}) n RETURNING *) \
         INSERT INTO usage_quarter AS q (user_id, bucket, node_client_id, node_server_id, \
         raw_upload, raw_download, factored_upload, factored_download, last_used_at) \
         SELECT user_id, date_bin('15 minutes', used_at, '2000-01-01 00:00:00+00') AS bucket, \
         node_client_id, node_server_id, sum(upload), sum(download), sum(upload * 0.3), \
         sum(download * 0.3), max(used_at) FROM row GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 \
         ON CONFLICT (user_id, bucket, node_client_id, node_server_id) DO UPDATE SET \
         raw_upload = q.raw_upload + excluded.raw_upload, \
         raw_download = q.raw_download + excluded.raw_download, \
         factored_upload = q.factored_upload + excluded.factored_upload, \
         factored_download = q.factored_download + excluded.factored_download, \
         last_used_at = greatest(q.last_used_at, excluded.last_used_at)"
    ));
}

#[tokio::test]
async fn several_billers_and_hooks_at_once_lose_and_double_nothing() {
    let world = World::new().await;
    let second = Server::launch(&world.server.url, &[], &["serve"]).await;
    second.until_ready().await;
    subscribers(&world, 20).await;
    for _ in 0..4 {
        traffic(&world, 3000);
        let billers = join_all((0..3).map(|_| async { world.jobs.bill().await.unwrap() }));
        let hooks = join_all((0..3).map(|_| async {
            for _ in 0..5 {
                let taken = world.relay.process(&context(), TelecomBillingHook).await;
                taken.unwrap();
            }
        }));
        tokio::join!(billers, hooks);
    }
    world.bill().await;
    world.settled().await;
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["raw"], 132_000, "12 000 rows of 11 bytes");
    for rest in ["unbilled", "in_flight", "dead", "unassigned", "overage"] {
        assert_eq!(ledger[rest], 0, "{rest}");
    }
    assert_eq!(ledger["charged"], ledger["factored"]);
    assert_eq!(world.sql(BROKEN), "0");
}

#[tokio::test]
async fn a_server_killed_at_any_write_of_the_hook_loses_and_doubles_nothing() {
    let world = World::new().await;
    subscribers(&world, 3).await;
    world.sql(
        "CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(600); RETURN NULL; END'",
    );
    for (table, event) in [
        ("queued_package", "UPDATE"),
        ("user_package_usage", "INSERT"),
        ("outbox_event", "UPDATE"),
    ] {
        world.sql(&format!(
            "CREATE TRIGGER stand_still AFTER {event} ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION stand_still()"
        ));
        let mut doomed = Server::launch(&world.server.url, &[], &["serve"]).await;
        doomed.until_ready().await;
        traffic(&world, 300);
        world.bill().await;
        let asleep = "SELECT count(*) > 0 FROM pg_stat_activity \
             WHERE wait_event = 'PgSleep' AND datname = current_database()";
        eventually("standing still", || async { world.sql(asleep) == "t" }).await;
        doomed.signal("KILL").await;
        doomed.ended().await;
        // Whoever waited for the lock goes on, and stands still as well, until this is through.
        eventually("free", || async {
            world.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE wait_event = 'PgSleep' AND datname = current_database()",
            );
            let drop = format!("SET lock_timeout = '500ms'; DROP TRIGGER stand_still ON {table}");
            postgres::shared().sql(&world.name, &drop).is_ok()
        })
        .await;
        world.settled().await;
        world.server.check_ledger().await;
    }
    let ledger = world.server.check_ledger().await;
    assert_eq!(
        (&ledger["raw"], &ledger["in_flight"]),
        (&9900.into(), &0.into())
    );
}

#[tokio::test]
async fn a_restored_dump_goes_on_where_it_was_taken() {
    let world = World::new().await;
    subscribers(&world, 5).await;
    traffic(&world, 500);
    world.bill().await;
    world.settled().await;
    world.hold_events();
    traffic(&world, 500);
    world.bill().await;
    traffic(&world, 500);
    let before = world.server.check_ledger().await;
    assert!(before["in_flight"].as_i64().unwrap() > 0 && before["unbilled"].as_i64().unwrap() > 0);

    let copy = postgres::shared().database();
    let dump = postgres::shared().folder().join("billing.dump");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = postgres::shared().program(program);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let file = dump.to_str().unwrap();
    run("pg_dump", &["-Fc", "-f", file, &world.server.url]);
    run("pg_restore", &["-d", &copy, file]);
    let restored = World::on(&copy).await;
    restored.release_events();
    restored.bill().await;
    restored.settled().await;
    let after = restored.server.check_ledger().await;
    assert_eq!(
        (&after["raw"], &after["in_flight"]),
        (&16_500.into(), &0.into())
    );
    assert_eq!(after["charged"], after["factored"]);
    world.server.check_ledger().await;
}
