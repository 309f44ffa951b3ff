//! Time and use at once: a package is used up and expires at the same moment, over and over.

use futures::future::join_all;
use telecom_server::domain::{Processor as _, TelecomBillingHook};

use super::super::process::Server;
use super::super::queue::{ACCESS, BROKEN};
use super::crowd::{subscribers, traffic};
use super::{World, context};

/// Three more packages for each subscriber.
const REFILL: &str = "INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, \
     quota_bytes, duration_months, monthly_reset, priority, status, enqueued_at) \
     SELECT DISTINCT ON (q.user_id, n) q.user_id, q.package_id, gen_random_uuid()::text, n, 'total', \
     40 * n, 1, false, 0, 'queued', now() - interval '1 hour' \
     FROM queued_package q, generate_series(1, 3) n";

/// So that what is used in a round is of the packages that are active in it.
const EARLIER: &str = "UPDATE queued_package SET enqueued_at = enqueued_at - interval '40 minutes', \
     active_from = active_from - interval '40 minutes', \
     expires_at = expires_at - interval '40 minutes', ended_at = ended_at - interval '40 minutes'";

#[tokio::test]
async fn packages_that_expire_while_they_are_used_up_end_once() {
    const ROUNDS: u32 = 15;
    let world = World::new().await;
    let second = Server::launch(&world.server.url, &[], &["serve"]).await;
    second.until_ready().await;
    subscribers(&world, 12).await;
    for round in 1..=ROUNDS {
        // Both servers may be at it: what they hold is waited for. Nobody has nothing active.
        world.sql(&format!(
            "SELECT id FROM subscriber ORDER BY id FOR NO KEY UPDATE; {REFILL}; {EARLIER}; \
             UPDATE queued_package q SET status = 'active', \
             active_from = greatest(now() - interval '1 hour', (SELECT max(ended_at) \
                 FROM queued_package e WHERE e.user_id = q.user_id)), \
             expires_at = now() + interval '1 day' \
             WHERE id = (SELECT min(id) FROM queued_package w \
                 WHERE w.user_id = q.user_id AND w.status = 'queued') \
             AND NOT EXISTS (SELECT FROM queued_package a \
                 WHERE a.user_id = q.user_id AND a.status = 'active'); \
             UPDATE queued_package SET expires_at = greatest(active_from + interval '1 microsecond', \
                 clock_timestamp() + random() * interval '150 milliseconds'), \
             quota_bytes = greatest(40, period_charged + 1) WHERE status = 'active'; {ACCESS}"
        ));
        traffic(&world, 600);
        let billers = join_all((0..2).map(async |_| world.jobs.bill().await));
        let hooks = join_all((0..2).map(async |_| {
            for _ in 0..6 {
                let taken = world.relay.process(&context(), TelecomBillingHook).await;
                taken.unwrap();
            }
        }));
        let jobs = join_all((0..2).map(async |_| {
            for _ in 0..6 {
                world.jobs.expire().await.unwrap();
            }
        }));
        let (billed, ..) = tokio::join!(billers, hooks, jobs);
        assert!(billed.iter().all(Result::is_ok));
        world.bill().await;
        world.settled().await;
        let ledger = world.server.check_ledger().await;
        assert_eq!(ledger["raw"], round * 600 * 11);
        assert_eq!(ledger["in_flight"], 0);
    }
    assert_eq!(world.sql(BROKEN), "0");
    for (what, wrong) in [
        (
            "an event for each end, once",
            "SELECT count(*) FROM queued_package q WHERE (status NOT IN ('queued', 'active'))::integer <> \
             (SELECT count(*) FROM outbox_event WHERE route = 'telecom.package_expiring' \
             AND payload->>'queued_package_id' = q.id::text AND payload->>'reason' = q.status::text)",
        ),
        (
            "nothing beyond a quota",
            "SELECT count(*) FROM queued_package WHERE charged > quota_bytes",
        ),
        (
            "each after the other",
            "SELECT count(*) FROM queued_package a JOIN queued_package b USING (user_id) \
             WHERE a.id < b.id AND a.active_from < b.ended_at AND b.active_from < a.ended_at",
        ),
    ] {
        assert_eq!(world.sql(wrong), "0", "{what}");
    }
    let ends = "SELECT count(DISTINCT status) FROM queued_package \
         WHERE status IN ('exhausted', 'expired')";
    assert_eq!(world.sql(ends), "2", "both happened");
}
