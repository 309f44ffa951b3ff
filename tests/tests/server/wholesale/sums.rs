//! Sums of the ledger.

use telecom_proto::v1::{ChargeGroup, ChargeSide, ChargeSum, SumChargesRequest, TrunkRole};
use telecom_server::calls::CallRecord;

use super::super::process::fields;
use super::{World, at, call, stamp};

fn request(group_by: &[ChargeGroup]) -> SumChargesRequest {
    SumChargesRequest {
        start: stamp(at("01-01T00:00:00")),
        end: stamp(at("02-01T00:00:00")),
        group_by: group_by.iter().map(|group| (*group).into()).collect(),
        pbx_id: 0,
    }
}

fn shown(sum: &ChargeSum) -> String {
    let side = match sum.side() {
        ChargeSide::Sell => "sell",
        ChargeSide::Buy => "buy",
        ChargeSide::Unspecified => "?",
    };
    let (pbx, trunk, day, seconds) = (sum.pbx_id, &sum.trunk_id, &sum.day, sum.billable_seconds);
    format!(
        "{pbx} {trunk} {day} {side} {} {seconds} {} {}",
        sum.charges, sum.amount, sum.currency
    )
}

#[tokio::test]
async fn charges_are_summed_for_what_is_asked() {
    let world = World::new().await;
    let sale = world
        .deck_of("Sale", "EUR", "49,0.06,0,1,2026-01-01\n")
        .await
        .id;
    let cost = world
        .deck_of("Cost", "USD", "49,0.03,0,60,2026-01-01\n")
        .await
        .id;
    world.trunk("in", TrunkRole::Customer, Some(sale)).await;
    world.trunk("more", TrunkRole::Customer, Some(sale)).await;
    world.trunk("out", TrunkRole::Carrier, Some(cost)).await;
    let more = |record: CallRecord| CallRecord {
        sip_trunk_id: "more".to_owned(),
        ..record
    };
    world
        .store(&[
            call("a", "01-10T23:59:59", "49", 30_000),
            call("b", "01-11T00:00:00", "49", 61_000),
            more(call("c", "01-11T00:00:00", "49", 1_000)),
        ])
        .await;
    let mut client = world.client().await;
    for (group, expected) in [
        (
            vec![],
            vec!["0   sell 3 92 0.092000 EUR", "0   buy 3 240 0.120000 USD"],
        ),
        (
            vec![ChargeGroup::Trunk],
            vec![
                "1 in  sell 2 91 0.091000 EUR",
                "1 more  sell 1 1 0.001000 EUR",
                "1 out  buy 3 240 0.120000 USD",
            ],
        ),
        (
            vec![ChargeGroup::Day, ChargeGroup::Pbx],
            vec![
                "1  2026-01-10 sell 1 30 0.030000 EUR",
                "1  2026-01-10 buy 1 60 0.030000 USD",
                "1  2026-01-11 sell 2 62 0.062000 EUR",
                "1  2026-01-11 buy 2 180 0.090000 USD",
            ],
        ),
    ] {
        let sums = client
            .sum_charges(request(&group))
            .await
            .unwrap()
            .into_inner()
            .sums;
        let found: Vec<_> = sums.iter().map(shown).collect();
        assert_eq!(found, expected, "{group:?}");
    }
    let other = SumChargesRequest {
        pbx_id: 2,
        ..request(&[])
    };
    assert_eq!(
        client.sum_charges(other).await.unwrap().into_inner().sums,
        []
    );

    // More than an int64 holds is whole as a decimal.
    world.sql(
        "INSERT INTO call_charge SELECT '2026-01-20Z', 9, n::text, 'sell', 0, 'charge', 't', 1, '', 0, 0, 1, 1, \
         9223372036854775807, 'EUR' FROM generate_series(1, 3) n",
    );
    let large = SumChargesRequest {
        pbx_id: 9,
        ..request(&[])
    };
    let sums = client.sum_charges(large).await.unwrap().into_inner().sums;
    assert_eq!(
        (sums[0].amount.as_str(), sums[0].amount_micro),
        ("27670116110564.327421", i64::MAX)
    );

    let bad = SumChargesRequest {
        group_by: vec![1, 0],
        ..request(&[])
    };
    let status = client.sum_charges(bad).await.unwrap_err();
    assert_eq!(fields(&status), ["group_by[1]"]);
    let long = SumChargesRequest {
        end: stamp("2027-02-01T00:00:00Z".parse().unwrap()),
        ..request(&[])
    };
    assert_eq!(
        fields(&client.sum_charges(long).await.unwrap_err()),
        ["end"]
    );
}
