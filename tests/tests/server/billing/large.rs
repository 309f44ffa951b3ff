//! More bytes than a 64-bit number has, of one subscriber in one hour.

use super::World;

impl World {
    /// So many rows of 2^50 bytes down, in one quarter of an hour.
    fn flood(&self, user: &str, rows: u32) {
        self.sql(&format!(
            "WITH row AS (INSERT INTO traffic_usage (user_id, used_at, node_client_id, \
             node_server_id, upload, download) \
             SELECT '{user}', date_bin('15 minutes', now(), '2000-01-01 00:00:00+00') \
             - interval '1 minute', 1, 1, 0, 1::bigint << 50 FROM generate_series(1, {rows}) \
             RETURNING *) \
             INSERT INTO usage_quarter (user_id, bucket, node_client_id, node_server_id, \
             raw_upload, raw_download, factored_upload, factored_download, last_used_at) \
             SELECT user_id, date_bin('15 minutes', used_at, '2000-01-01 00:00:00+00'), \
             node_client_id, node_server_id, sum(upload), sum(download), sum(upload), sum(download), \
             max(used_at) FROM row GROUP BY 1, 2, 3, 4"
        ));
    }
}

#[tokio::test]
async fn a_difference_beyond_64_bits_is_several_events_and_no_byte_is_lost() {
    let world = World::new().await;
    let (some, most) = (
        world.subscriber_with(1000).await,
        world.server.subscriber("UTC").await,
    );
    world.bought(&most, 1).await;
    world.sql(
        "UPDATE queued_package SET quota_kind = 'unlimited', quota_bytes = NULL \
         WHERE quota_bytes = 1",
    );
    for user in [&some, &most] {
        super::super::queue::age(|sql| world.sql(sql), user, "2 hours");
    }
    world.hold_events();
    world.flood(&some, 6000);
    world.flood(&most, 20_000);
    world.bill().await;
    // 2^50 * 6000 is 1.46 * 2^62, 2^50 * 20000 is 4.88 * 2^62.
    let events = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM (SELECT count(*) AS n \
         FROM outbox_event WHERE route = 'telecom.user_usage_billing' GROUP BY payload->>'user') e";
    assert_eq!(world.sql(events), "2 5");
    let bytes = |term: &serde_json::Value| match term {
        serde_json::Value::String(text) => text.parse::<i128>().unwrap(),
        number => i128::from(number.as_i64().unwrap()),
    };
    let all = (1_i128 << 50) * 26_000;
    let ledger = world.server.check_ledger().await;
    assert_eq!(bytes(&ledger["in_flight"]), all);
    world.release_events();
    world.settled().await;
    // The first event ends the package, the second one comes after that.
    let (first, second) = (1_i128 << 62, (1_i128 << 50) * 6000 - (1 << 62));
    let expected = format!("1000 {} exhausted", first - 1000);
    assert_eq!(world.packages(&some), expected);
    // As much as a package can count is charged; what is beyond waits for somebody to look.
    let letters = world.sql("SELECT string_agg(DISTINCT reason, ' ') FROM dead_letter");
    assert_eq!(letters, "too_much");
    let ledger = world.server.check_ledger().await;
    assert_eq!(bytes(&ledger["raw"]), all);
    let found = ["charged", "overage", "unassigned", "dead"].map(|term| bytes(&ledger[term]));
    assert_eq!(found[2], second);
    // Three events of 2^62 do not fit beside the first one, the last one does.
    assert_eq!(found[3], 3 * first);
    assert_eq!(found.iter().sum::<i128>(), all, "{ledger}");
}
