//! Packages whose time is over: the job that ends them.

use futures::future::join_all;
use telecom_proto::v1::{
    CancelRequest, PackageConfig, QueuedPackage, QueuedPackageStatus as Status, Quota, QuotaKind,
};
use telecom_server::jobs::JobReport;
use telecom_tests::postgres;

use super::jobs::Jobs;
use super::packages::{months, package_config, seconds, total};
use super::process::{Server, command, environment};
use super::queue::{BROKEN, age, order_of};

/// A server, the jobs on its database, and SQL there.
async fn world() -> (Server, Jobs, impl Fn(&str) -> String) {
    let url = postgres::shared().database();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let jobs = Jobs::new(&url);
    let database = url.rsplit('/').next().unwrap().to_owned();
    let sql = move |sql: &str| postgres::shared().sql(&database, sql).unwrap();
    (server, jobs, sql)
}

async fn run(jobs: &Jobs) -> JobReport {
    jobs.expire().await.unwrap()
}

#[tokio::test]
async fn overdue_packages_end_one_after_the_other_each_at_its_own_time() {
    let (server, jobs, sql) = world().await;
    let series = server.series("Home").await;
    let day = server.lasting(series.id, "day", seconds(86_400)).await;
    let user = server.subscriber("UTC").await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(server.enqueued(&user, &day, &format!("o-{n}")).await.id);
    }
    assert_eq!(run(&jobs).await.changed, 0, "nothing is due");
    age(&sql, &user, "60 hours");
    // Those that wait have no times yet.
    assert_eq!(run(&jobs).await.changed, 3);
    assert_eq!(run(&jobs).await.changed, 0, "once is enough");
    let mut packages = Vec::new();
    for id in &ids {
        packages.push(server.queued(*id).await);
    }
    let statuses: Vec<_> = packages.iter().map(QueuedPackage::status).collect();
    let (expired, active, queued) = (Status::Expired, Status::Active, Status::Queued);
    assert_eq!(statuses, [expired, expired, active, queued]);
    for pair in packages[..3].windows(2) {
        assert_eq!(pair[0].ended_at, pair[0].expires_at);
        assert_eq!(pair[1].active_from, pair[0].expires_at, "without a gap");
    }
    let events = sql(
        "SELECT payload->>'reason', payload->>'queued_package_id', payload->>'next_id', \
                      (payload->>'at')::timestamptz = (SELECT ended_at FROM queued_package \
                      WHERE id = (payload->>'queued_package_id')::bigint), trace_id \
                      FROM outbox_event WHERE route = 'telecom.package_expiring' ORDER BY id",
    );
    let told = |n: usize| {
        format!(
            "expired|{}|{}|t|0af7651916cd43dd8448eb211c80319c",
            ids[n],
            ids[n + 1]
        )
    };
    assert_eq!(events.lines().collect::<Vec<_>>(), [told(0), told(1)]);
}

#[tokio::test]
async fn monthly_quotas_are_whole_again_and_owners_are_warned_once() {
    let (server, jobs, sql) = world().await;
    let series = server.series("Home").await;
    let monthly = PackageConfig {
        quota: Some(Quota {
            kind: QuotaKind::Total.into(),
            bytes: 1000,
            monthly_reset: true,
        }),
        duration: Some(months(3)),
        ..package_config(series.id, "monthly")
    };
    let monthly = server.package(monthly).await;
    let week = server.lasting(series.id, "week", seconds(7 * 86_400)).await;
    let short = server
        .lasting(series.id, "short", seconds(2 * 86_400))
        .await;
    let mut users = Vec::new();
    for package in [&monthly, &week, &short] {
        let user = server.subscriber("Europe/Berlin").await;
        let enqueued = server
            .enqueued(&user, package, &package.id.to_string())
            .await;
        users.push((user, enqueued.id));
    }
    sql(
        "UPDATE queued_package SET charged = 900, period_charged = 900, warned_percent = 80 \
         WHERE quota_bytes = 1000",
    );
    age(&sql, &users[0].0, "32 days");
    age(&sql, &users[1].0, "5 days");
    age(&sql, &users[2].0, "1 day");
    assert_eq!(run(&jobs).await.changed, 2);
    assert_eq!(run(&jobs).await.changed, 0, "once is enough");
    let package = server.queued(users[0].1).await;
    assert_eq!(
        (package.charged_bytes, package.period_charged_bytes),
        (900, 0)
    );
    let next = package.next_reset_at.unwrap();
    assert!(
        next.seconds > package.active_from.unwrap().seconds + 58 * 86_400,
        "{package:?}"
    );
    let events = sql(
        "SELECT route, payload->>'reason', payload->>'queued_package_id', \
                      payload->>'percent' IS NULL FROM outbox_event",
    );
    assert_eq!(
        events,
        format!("telecom.package_warning|expiry|{}|t", users[1].1)
    );
}

/// Everything at once on the same queues: orders, some of them repeated, cancellations, and jobs.
#[tokio::test]
async fn whatever_happens_at_once_every_queue_stays_whole() {
    let (server, jobs, sql) = world().await;
    let series = server.series("Home").await;
    let blink = server.lasting(series.id, "blink", seconds(1)).await;
    let hour = server.lasting(series.id, "hour", seconds(3600)).await;
    let mut users = Vec::new();
    for _ in 0..6 {
        users.push(server.subscriber("Australia/Lord_Howe").await);
    }
    let buyers = (0..12).map(|n| {
        let (server, users, packages) = (&server, &users, [&blink, &hour]);
        async move {
            let mut queue = server.queue().await;
            let (mut bought, mut repeated) = (0, 0);
            for turn in 0..40_usize {
                // Two buyers place each order.
                let order = format!("o-{}-{turn}", n / 2);
                let user = &users[(n / 2 + turn) % users.len()];
                match queue
                    .enqueue(order_of(user, packages[turn % 2], &order))
                    .await
                {
                    Ok(enqueued) => {
                        bought += 1;
                        let package = enqueued.into_inner().queued_package.unwrap();
                        if turn % 3 == 0 {
                            let cancel = CancelRequest {
                                id: package.id,
                                ..Default::default()
                            };
                            // It may have ended by itself meanwhile.
                            let _ = queue.cancel(cancel).await;
                        }
                    }
                    Err(status) => {
                        assert_eq!(super::process::reason(&status), "ORDER_EXISTS");
                        repeated += 1;
                    }
                }
            }
            (bought, repeated)
        }
    });
    let enders = (0..3).map(|_| async {
        for _ in 0..20 {
            run(&jobs).await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    let (bought, _) = tokio::join!(join_all(buyers), join_all(enders));
    let (bought, repeated) = bought
        .into_iter()
        .fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    assert_eq!((bought, repeated), (240, 240));
    server.check_ledger().await;
    // Everything is over some day.
    sql(
        "UPDATE queued_package SET enqueued_at = enqueued_at - interval '30 days', \
         active_from = active_from - interval '30 days', \
         expires_at = expires_at - interval '30 days', \
         ended_at = ended_at - interval '30 days'",
    );
    assert_eq!(sql(BROKEN), "0");
    let (first, second) = tokio::join!(run(&jobs), run(&jobs));
    assert!(first.changed + second.changed > 0);
    assert_eq!(run(&jobs).await.changed, 0);
    for (what, broken) in [
        ("one active at most, none waits for nothing", BROKEN.to_owned()),
        ("all are over", "SELECT count(*) FROM queued_package WHERE status IN ('queued', 'active')".to_owned()),
        ("an event for each end, once", "SELECT count(*) FROM queued_package q WHERE 1 <> (SELECT count(*) \
          FROM outbox_event WHERE payload->>'queued_package_id' = q.id::text \
          AND route = 'telecom.package_expiring')".to_owned()),
        ("spans do not overlap", "SELECT count(*) FROM queued_package a JOIN queued_package b \
          ON a.user_id = b.user_id AND a.id < b.id WHERE a.active_from < b.ended_at AND b.active_from < a.ended_at".to_owned()),
        ("after an expiry the next follows at once", "SELECT count(*) FROM outbox_event e \
          JOIN queued_package q ON q.id = (e.payload->>'queued_package_id')::bigint \
          JOIN queued_package n ON n.id = (e.payload->>'next_id')::bigint \
          WHERE q.status = 'expired' AND n.active_from <> q.ended_at".to_owned()),
        ("a row for each write", "SELECT (SELECT count(*) FROM queued_package) \
          + (SELECT count(*) FROM audit_log WHERE method = 'Cancel') \
          - (SELECT count(*) FROM audit_log WHERE target LIKE 'queued_package/%')".to_owned()),
    ] {
        assert_eq!(sql(&broken), "0", "{what}");
    }
}

#[tokio::test]
async fn a_subscriber_in_somebody_elses_hands_is_passed_over() {
    let (server, jobs, sql) = world().await;
    let series = server.series("Home").await;
    let package = PackageConfig {
        quota: Some(total(1)),
        duration: Some(seconds(1)),
        ..package_config(series.id, "short")
    };
    let package = server.package(package).await;
    let (held, free) = (
        server.subscriber("UTC").await,
        server.subscriber("UTC").await,
    );
    for user in [&held, &free] {
        server.enqueued(user, &package, user).await;
        age(&sql, user, "1 minute");
    }
    let lock = format!(
        "BEGIN; SELECT FROM subscriber WHERE id = '{held}' FOR UPDATE; SELECT pg_sleep(600)"
    );
    let locking = tokio::task::spawn_blocking({
        let database = sql("SELECT current_database()");
        move || postgres::shared().sql(&database, &lock)
    });
    super::process::eventually("locked", || async {
        sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()") == "1"
    })
    .await;
    assert_eq!(run(&jobs).await.changed, 1, "the other one");
    sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
    );
    locking.await.unwrap().unwrap_err();
    assert_eq!(run(&jobs).await.changed, 1, "it is free now");
}

#[tokio::test]
async fn it_is_a_job_of_the_program() {
    let url = postgres::shared().database();
    let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
    server.until_ready().await;
    let database = url.rsplit('/').next().unwrap();
    let series = server.series("Home").await;
    let day = server.lasting(series.id, "day", seconds(86_400)).await;
    let user = server.subscriber("UTC").await;
    let bought = server.enqueued(&user, &day, "o-1").await;
    age(
        |sql| postgres::shared().sql(database, sql).unwrap(),
        &user,
        "2 days",
    );
    for changed in [1, 0] {
        let mut job = command(&environment(&url), &["run-job", "packageExpiring"]);
        let output = job.output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&line["result"], &line["changed"]),
            (&"done".into(), &changed.into()),
            "{text}"
        );
    }
    assert_eq!(server.queued(bought.id).await.status(), Status::Expired);
}
