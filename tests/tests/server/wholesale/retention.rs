//! Old calls go, but not while a price is missing; charges stay longer.

use super::super::database::Database;
use super::super::process::{Server, eventually};

impl Database {
    /// The partition of the day so many days ago, with one call of a PBX that misses a charge for a reason.
    fn old_calls(&self, days: u32, pbx: u32, reason: &str) -> String {
        let name = format!("call_record_old_{days}");
        self.sql(&format!(
            "DO $$ DECLARE day timestamptz := date_trunc('day', now(), 'UTC') - {days} * interval '24 hours'; \
             BEGIN EXECUTE format('CREATE TABLE {name} PARTITION OF call_record \
             FOR VALUES FROM (%L) TO (%L)', day, day + interval '24 hours'); \
             INSERT INTO call_record (start_time, pbx_id, call_id, session_id, end_time, talk_ms, duration_ms, \
             direction, result, status_code, hangup_reason, caller, callee, from_number, to_number, caller_name, \
             agent_name, queue, sip_trunk_id, outbound_sip_trunk_id, extra, digest, unrated_sell, erased) \
             VALUES (day, {pbx}, 'c', 'c', day, 0, 0, 'inbound', 'missed', 486, '', '', '', '', '', '', '', '', 't', \
             '', '{{}}', sha256('x'), nullif(replace('{reason}', 'erased', 'no_rate'), ''), '{reason}' = 'erased'); \
             END $$"
        ));
        name
    }
}

#[tokio::test]
async fn what_can_still_be_rated_is_not_dropped() {
    let database = Database::new().await;
    database.sql(
        "INSERT INTO pbx (name, health_url, metadata) VALUES ('Wholesale', '', '{}'), ('Other', '', '{}'); \
         INSERT INTO wholesale_trunk (pbx_id, trunk_id, role) VALUES (1, 'other', 'carrier'); \
         CREATE TABLE call_charge_old PARTITION OF call_charge \
         FOR VALUES FROM (now() - interval '803 days') TO (now() - interval '802 days'); \
         INSERT INTO call_charge VALUES (now() - interval '802.5 days', 1, 'c', 'sell', 0, 'charge', 't', 1, '', 0, 0, \
         1, 0, 0, 'EUR')",
    );
    let partitions: Vec<_> = [
        (89, 1, "", true),
        (92, 1, "", false),
        (93, 1, "no_rate", true),
        (94, 1, "unmapped_trunk", true),
        // Nobody will ever rate these.
        (95, 1, "bad_number", false),
        (96, 1, "erased", false),
        // No wholesale there.
        (97, 2, "unmapped_trunk", false),
    ]
    .map(|(days, pbx, reason, stays)| (database.old_calls(days, pbx, reason), stays))
    .into();
    let server = Server::launch(&database.url, &[], &["serve"]).await;
    let done = "telecom_maintenance_runs_total{result=\"done\"}";
    eventually("maintained", || async {
        server.metric(done).await >= Some(1.0)
    })
    .await;
    for (name, stays) in partitions {
        assert_eq!(database.exists(&name), stays, "{name}");
    }
    assert!(!database.exists("call_charge_old"));
    assert_eq!(server.metric("telecom_partitions_overdue").await, Some(2.0));
    // And there is room for new ones: days of calls, months of charges.
    let today = "SELECT count(*) FROM pg_class WHERE relname IN ('call_record_' || to_char(now() AT TIME ZONE 'UTC', \
        'YYYYMMDD'), 'call_charge_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'))";
    assert_eq!(database.sql(today), "2");
}
