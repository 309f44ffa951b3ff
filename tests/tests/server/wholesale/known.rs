//! Known values, from the deck to the ledger; and the same by `RateCall`, which stores nothing.

use prost_types::Duration;
use telecom_proto::v1::rate_call_request::By;
use telecom_proto::v1::{CallTrunks, ChargeSide, RateCallRequest, RatedSide, TrunkRole};
use telecom_server::calls::CallRecord;
use tonic::Code;

use super::super::packages::refused;
use super::super::process::eventually;
use super::{World, at, call, stamp, unanswered};

/// `side amount` or `side reason`, of what was said.
fn shown(side: &RatedSide) -> String {
    let name = match side.side() {
        ChargeSide::Sell => "sell",
        ChargeSide::Buy => "buy",
        ChargeSide::Unspecified => "deck",
    };
    match side.unrated_reason.as_str() {
        "" => format!("{name} {}", side.amount_micro),
        reason => format!("{name} {reason}"),
    }
}

async fn deck(world: &World) -> i32 {
    let rates = "49,0.03,6,6,2026-01-01\n4930,0.1,60,60,2026-01-01\n\
        1,99999.999999999,0,86400,2026-01-01\n7,0.000001,0,30,2026-01-01\n";
    world.deck_of("Sale", "EUR", rates).await.id
}

#[tokio::test]
async fn a_deck_says_what_calls_cost() {
    let world = World::new().await;
    let deck_id = deck(&world).await;
    let millis = |millis: i64| Duration {
        seconds: millis / 1000,
        nanos: i32::try_from(millis % 1000).unwrap() * 1_000_000,
    };
    // (number, milliseconds of talk, or nobody answers; prefix, billable seconds, amount or reason)
    for (number, talk_ms, expected) in [
        ("+49 40 123", Some(4_000), "49 6 deck 3000"),
        ("004940123", Some(15_000), "49 18 deck 9000"),
        ("4940123", Some(60_000), "49 60 deck 30000"),
        ("4940123", Some(60_001), "49 66 deck 33000"),
        ("4940123", Some(0), "49 6 deck 3000"),
        ("4940123", None, " 0 deck 0"),
        // The longest prefix.
        ("4930123", Some(120_000), "4930 120 deck 200000"),
        ("7", Some(30_000), "7 30 deck 1"),
        (
            "1",
            Some(31_622_400_000),
            "1 31622400 deck 52703999999999473",
        ),
        ("8", Some(1_000), " 0 deck no_rate"),
        ("alice", Some(1_000), " 0 deck bad_number"),
        ("", Some(1_000), " 0 deck bad_number"),
    ] {
        let request = RateCallRequest {
            number: number.to_owned(),
            talk: talk_ms.map(millis),
            at: stamp(at("01-10T12:00:00")),
            by: Some(By::DeckId(deck_id)),
        };
        let rated = world.client().await.rate_call(request).await.unwrap();
        let rated = rated.into_inner();
        let [side] = rated.sides.as_slice() else {
            panic!("{rated:?}");
        };
        let found = format!("{} {} {}", side.prefix, side.billable_seconds, shown(side));
        assert_eq!(found, expected, "{number} {talk_ms:?}");
    }
    // Before the rates began.
    let early = RateCallRequest {
        number: "49".to_owned(),
        talk: Some(millis(1)),
        at: stamp("2025-12-31T23:59:59Z".parse().unwrap()),
        by: Some(By::DeckId(deck_id)),
    };
    let rated = world.client().await.rate_call(early.clone()).await.unwrap();
    assert_eq!(shown(&rated.into_inner().sides[0]), "deck no_rate");
    let by = Some(By::DeckId(99));
    let unknown = RateCallRequest { by, ..early };
    let mut client = world.client().await;
    let call = client.rate_call(unknown);
    refused(call, Code::FailedPrecondition, "WHOLESALE_DECK_NOT_FOUND").await;
    assert_eq!(world.sql("SELECT count(*) FROM call_charge"), "0");
}

#[tokio::test]
async fn calls_are_sold_and_bought_in_the_transaction_that_stores_them() {
    let world = World::new().await;
    let sale = world
        .deck_of("Sale", "EUR", "49,0.1,60,60,2026-01-01\n")
        .await
        .id;
    let cost = world
        .deck_of("Cost", "EUR", "49,0.05,60,60,2026-01-01\n")
        .await
        .id;
    let dollars = world
        .deck_of("Dollars", "USD", "49,0.05,60,60,2026-01-01\n")
        .await
        .id;
    world.trunk("in", TrunkRole::Customer, Some(sale)).await;
    world.trunk("out", TrunkRole::Carrier, Some(cost)).await;
    world.trunk("usd", TrunkRole::Carrier, Some(dollars)).await;
    world.trunk("free", TrunkRole::Customer, None).await;
    // As a customer's trunk, not as a carrier's.
    world
        .trunk("one-way", TrunkRole::Customer, Some(sale))
        .await;

    let by = |record: CallRecord, incoming: &str, outgoing: &str| CallRecord {
        sip_trunk_id: incoming.to_owned(),
        outbound_sip_trunk_id: outgoing.to_owned(),
        ..record
    };
    let day = "01-10T12:00:00";
    let records = [
        call("both", day, "+4930", 120_000),
        unanswered("unanswered", day, "+1"),
        by(call("no trunk", day, "+4930", 1), "", ""),
        by(call("mismatch", day, "+4930", 60_000), "in", "usd"),
        by(call("free", day, "+4930", 60_000), "free", ""),
        by(call("unmapped", day, "+4930", 60_000), "other", "one-way"),
        call("no rate", day, "+33", 60_000),
        call("bad", day, "anonymous", 60_000),
        CallRecord {
            callee: "sip:+4930@carrier.example".to_owned(),
            ..call("by callee", day, "", 61_000)
        },
    ];
    let ratings = world.store(&records).await;
    let profits: Vec<_> = ratings
        .iter()
        .map(|rating| rating.profit_micro().map(|(_, micro)| micro))
        .collect();
    assert_eq!(
        profits,
        [
            Some(100_000),
            Some(0),
            None,
            None,
            None,
            None,
            None,
            None,
            Some(100_000)
        ]
    );
    assert!(ratings[3].currencies_differ());
    let charges = "SELECT string_agg(concat_ws(' ', call_id, side, trunk_id, prefix, billable_seconds, amount_micro, \
        currency), E'\\n' ORDER BY call_id, side DESC) FROM call_charge WHERE kind = 'charge' AND seq = 0";
    assert_eq!(
        world.sql(charges),
        "both sell in 49 120 200000 EUR\n\
         both buy out 49 120 100000 EUR\n\
         by callee sell in 49 120 200000 EUR\n\
         by callee buy out 49 120 100000 EUR\n\
         mismatch sell in 49 60 100000 EUR\n\
         mismatch buy usd 49 60 50000 USD\n\
         unanswered sell in  0 0 EUR\n\
         unanswered buy out  0 0 EUR"
    );
    let reasons = "SELECT string_agg(concat_ws(' ', call_id, unrated_sell, unrated_buy), E'\\n' ORDER BY call_id) \
        FROM call_record WHERE unrated_sell IS NOT NULL OR unrated_buy IS NOT NULL";
    assert_eq!(
        world.sql(reasons),
        "bad bad_number bad_number\n\
         no rate no_rate no_rate\n\
         unmapped unmapped_trunk unmapped_trunk"
    );
}

#[tokio::test]
async fn trunks_say_what_calls_bring() {
    let world = World::new().await;
    let deck_id = deck(&world).await;
    world.trunk("in", TrunkRole::Customer, Some(deck_id)).await;
    world.trunk("free", TrunkRole::Carrier, None).await;
    world.trunk("out", TrunkRole::Carrier, Some(deck_id)).await;
    for (incoming, outgoing, expected, profit) in [
        ("in", "", vec!["sell 3000"], None),
        ("in", "out", vec!["sell 3000", "buy 3000"], Some(0)),
        ("in", "free", vec!["sell 3000", "buy not_rated"], None),
        (
            "out",
            "in",
            vec!["sell unmapped_trunk", "buy unmapped_trunk"],
            None,
        ),
    ] {
        let trunks = CallTrunks {
            pbx_id: 1,
            sip_trunk_id: incoming.to_owned(),
            outbound_sip_trunk_id: outgoing.to_owned(),
        };
        let request = RateCallRequest {
            number: "+4940".to_owned(),
            talk: Some(Duration {
                seconds: 4,
                nanos: 0,
            }),
            at: stamp(at("01-10T12:00:00")),
            by: Some(By::Trunks(trunks)),
        };
        let rated = world.client().await.rate_call(request).await.unwrap();
        let rated = rated.into_inner();
        let sides: Vec<_> = rated.sides.iter().map(shown).collect();
        assert_eq!(
            (sides, rated.profit_micro),
            (expected.iter().map(ToString::to_string).collect(), profit)
        );
    }
}

#[tokio::test]
async fn currencies_of_decks_have_counters() {
    let world = World::new().await;
    let count = "wholesale_revenue_microcurrency_total{currency=\"CHF\"}";
    assert_eq!(world.server.metric(count).await, None);
    world.deck("Swiss", "CHF").await;
    eventually("known", || async {
        world.server.metric(count).await == Some(0.0)
    })
    .await;
    for sample in [
        "wholesale_cost_microcurrency_total{currency=\"CHF\"}",
        "wholesale_profit_microcurrency_total{currency=\"CHF\"}",
        "telecom_calls_unrated_total{reason=\"no_rate\",side=\"sell\"}",
        "telecom_calls_currency_mismatch_total",
    ] {
        assert_eq!(world.server.metric(sample).await, Some(0.0), "{sample}");
    }
}
