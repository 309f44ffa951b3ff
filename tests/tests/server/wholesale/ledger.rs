//! The ledger is only ever added to, and its partitions can still go.

use telecom_proto::v1::TrunkRole;
use telecom_tests::postgres;

use super::{World, call};

#[tokio::test]
async fn nobody_changes_what_is_booked() {
    let world = World::new().await;
    let deck = world
        .deck_of("Sale", "EUR", "49,1,0,1,2026-01-01\n")
        .await
        .id;
    world.trunk("in", TrunkRole::Customer, Some(deck)).await;
    world
        .store(&[call("a", "01-10T12:00:00", "49", 1000)])
        .await;
    for statement in [
        "UPDATE call_charge SET amount_micro = 1",
        "DELETE FROM call_charge",
        "DELETE FROM call_charge_january",
        "UPDATE call_charge_january SET currency = 'USD'",
        "TRUNCATE call_charge",
        "INSERT INTO call_charge SELECT * FROM call_charge ON CONFLICT (start_time, pbx_id, call_id, side, seq) \
         DO UPDATE SET amount_micro = 1",
    ] {
        let refused = postgres::shared().sql(&world.database.name, statement);
        let error = refused.unwrap_err().to_string();
        assert!(
            error.contains("call_charge is append-only"),
            "{statement}: {error}"
        );
    }
    assert_eq!(
        world.sql("SELECT sum(amount_micro) FROM call_charge"),
        "16667"
    );
    // A partition that is made as the maintenance makes it is guarded too, and can be taken out.
    world.sql(
        "CREATE TABLE call_charge_march (LIKE call_charge INCLUDING ALL); \
         ALTER TABLE call_charge ATTACH PARTITION call_charge_march FOR VALUES FROM ('2026-03-01Z') TO ('2026-04-01Z'); \
         INSERT INTO call_charge SELECT start_time + interval '2 months', pbx_id, call_id, side, seq, kind, trunk_id, \
         deck_id, prefix, rate_nano, minimum_seconds, increment_seconds, billable_seconds, amount_micro, currency \
         FROM call_charge",
    );
    let refused = postgres::shared().sql(&world.database.name, "DELETE FROM call_charge_march");
    assert!(refused.is_err());
    world.sql("ALTER TABLE call_charge DETACH PARTITION call_charge_march CONCURRENTLY");
    world.sql("DROP TABLE call_charge_march");
}
