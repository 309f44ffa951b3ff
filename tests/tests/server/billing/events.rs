//! Single events: late ones, those of others, those that cannot be taken up.

use telecom_proto::v1::EraseUserRequest;

use super::super::queue::age;
use super::World;

impl World {
    /// An event of another source, as it comes; `time` as SQL.
    fn publish(&self, id: &str, user: &str, (download, upload): (i64, i64), time: &str) {
        self.sql(&format!(
            "INSERT INTO outbox_event (event_id, route, payload, trace_id, source, source_id) \
             VALUES (gen_random_uuid(), 'telecom.user_usage_billing', \
             jsonb_build_object('server_id', 1, 'user', '{user}', 'billed_download', {download}, \
             'billed_upload', {upload}, 'time', {time}), '', 'partner', '{id}')"
        ));
    }

    fn dead(&self) -> String {
        self.sql("SELECT coalesce(string_agg(reason, ' ' ORDER BY source_id), '') FROM dead_letter")
    }
}

const NOW: &str = "floor(extract(epoch FROM now()))::bigint";

#[tokio::test]
async fn what_was_used_before_a_package_was_active_is_never_charged_to_it() {
    let world = World::new().await;
    let user = world.subscriber_with(100).await;
    age(|sql| world.sql(sql), &user, "2 hours");
    world.sql("UPDATE queued_package SET expires_at = now() - interval '1 hour'");
    world.bought(&user, 1000).await;
    world.sql(
        "UPDATE queued_package SET enqueued_at = enqueued_at - interval '1 minute', \
         active_from = active_from - interval '1 minute' WHERE quota_bytes = 1000",
    );
    // Before there was any, when the first was active, after it was over, and now.
    for (at, bytes) in [
        ("now() - interval '3 hours'", 1),
        ("now() - interval '100 minutes'", 130),
        ("now() - interval '30 minutes'", 16),
        ("now()", 32),
    ] {
        world.used(&user, 1, 1, at, (0, bytes), 1.0);
        world.bill().await;
        world.settled().await;
    }
    assert_eq!(world.packages(&user), "100 30 expired, 32 0 active");
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["unassigned"], 17);
}

#[tokio::test]
async fn events_of_others_count_once_in_whatever_order_they_come() {
    let world = World::new().await;
    let user = world.subscriber_with(1000).await;
    age(|sql| world.sql(sql), &user, "1 hour");
    for _ in 0..3 {
        for (id, bytes) in [("c", 4), ("a", 1), ("b", 2)] {
            let time = format!("{NOW} - {bytes} * 60");
            world.publish(id, &user, (bytes, 0), &time);
        }
        world.settled().await;
    }
    assert_eq!(world.packages(&user), "7 0 active");
    let ledger = world.server.check_ledger().await;
    assert_eq!(
        (&ledger["external"], &ledger["billed"]),
        (&7.into(), &0.into())
    );
    assert_eq!(world.sql("SELECT count(*) FROM consumed_event"), "3");
}

#[tokio::test]
async fn what_cannot_be_taken_up_is_a_dead_letter_and_the_others_go_on() {
    let world = World::new().await;
    let user = world.subscriber_with(1000).await;
    age(|sql| world.sql(sql), &user, "1 hour");
    let nobody = "0190f3a1-7c11-7cc3-98c4-dc0c0c07398f";
    let week = 7 * 86_400;
    for (id, user, bytes, time) in [
        ("a", user.as_str(), (-1, 1), NOW.to_owned()),
        ("b", nobody, (1, 1), NOW.to_owned()),
        ("c", "you", (1, 1), NOW.to_owned()),
        ("d", &user, (1, 1), "9223372036854775807".to_owned()),
        ("e", &user, (1, 1), format!("{NOW} + 10 * 31536000")),
        ("f", &user, (1, 1), format!("{NOW} - {week} - 60")),
        ("g", &user, (1, 1), "-1".to_owned()),
        ("h", &user, (i64::MAX, i64::MAX), NOW.to_owned()),
        ("i", &user, (5, 6), NOW.to_owned()),
        ("j", &user, (i64::MAX, 1), NOW.to_owned()),
        ("k", &user, (1, 1), format!("{NOW} + 3600")),
    ] {
        world.publish(id, user, bytes, &time);
    }
    world.settled().await;
    // The event j fits: its overage is the most that there can be, less what the quota takes.
    assert_eq!(
        world.dead(),
        "negative user_unknown malformed time_invalid too_new too_old malformed too_much"
    );
    let charged = world.sql("SELECT charged || ' ' || overage FROM queued_package");
    assert_eq!(charged, format!("1000 {}", u64::MAX / 2 - 1000 + 1 + 11));
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["dead"], 0, "of others");
    assert_eq!(ledger["unassigned"], 2, "after the package was used up");
}

#[tokio::test]
async fn an_event_that_makes_its_transaction_fail_keeps_nobody_waiting() {
    let world = World::new().await;
    let (poor, rich) = (
        world.subscriber_with(50).await,
        world.subscriber_with(50).await,
    );
    for user in [&poor, &rich] {
        age(|sql| world.sql(sql), user, "1 hour");
    }
    world.sql(&format!(
        "ALTER TABLE user_package_usage ADD CONSTRAINT poison CHECK (user_id <> '{poor}')"
    ));
    for user in [&poor, &rich, &poor, &rich] {
        world.used(user, 1, 1, "now() - interval '1 minute'", (1, 1), 1.0);
        world.bill().await;
    }
    world.settled().await;
    assert_eq!(world.packages(&rich), "4 0 active");
    assert_eq!(world.packages(&poor), "0 0 active");
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["in_flight"], 4);

    // Four times more and they are dead; nothing is lost by that.
    for _ in 0..4 {
        world.sql("UPDATE outbox_event SET retry_at = NULL WHERE published_at IS NULL");
        world.settled().await;
    }
    assert_eq!(
        world.sql("SELECT DISTINCT reason || ' ' || attempts FROM dead_letter"),
        "failed 5"
    );
    let ledger = world.server.check_ledger().await;
    assert_eq!(
        (&ledger["in_flight"], &ledger["dead"]),
        (&0.into(), &4.into())
    );
}

#[tokio::test]
async fn a_user_who_is_erased_between_bill_and_hook_is_still_accounted_for() {
    let world = World::new().await;
    let user = world.subscriber_with(100).await;
    age(|sql| world.sql(sql), &user, "1 hour");
    world.hold_events();
    world.used(&user, 1, 1, "now() - interval '1 minute'", (1, 150), 1.0);
    world.bill().await;
    let request = EraseUserRequest {
        id: user.clone(),
        ..Default::default()
    };
    world
        .server
        .subscribers()
        .await
        .erase_user(request)
        .await
        .unwrap();
    world.release_events();
    world.settled().await;
    assert_eq!(world.packages(&user), "100 51 cancelled");
    let ledger = world.server.check_ledger().await;
    assert_eq!(
        (&ledger["overage"], &ledger["unassigned"]),
        (&51.into(), &0.into())
    );
}
